/* engine_slurm: what its two files share. */
#ifndef ENGINE_SLURM_H
#define ENGINE_SLURM_H

#include "engine.h"

/* The name of submission k, and of the last job. The caller's. */
char *slurm_job_name(const struct fleet *f, long k);
char *slurm_then_name(const struct fleet *f);

/* sbatch of a script, with up to 3 words of ours; the user's come last, and so overrule these. The
 * job's id goes into id_path. */
int slurm_sbatch(struct fleet *f, char *const ours[3], const char *text, const char *id_path,
		 struct lc_err *err);

/* Are the last job's words good? */
int slurm_then_check(const struct fleet *f, struct lc_err *err);
/* Submit it when it is time, once. */
int slurm_then(struct fleet *f, struct lc_err *err);
/* It waits for the newest array as well; when it has begun already, that is said. */
void slurm_then_later(const struct fleet *f);

#endif

/*
 * train: a run in memory, and what its parts do to it.
 *
 * The state after step S is: w, m, v, the counters and the actions; all else follows from the plan.
 */
#ifndef LC_TRAIN_TRAIN_H
#define LC_TRAIN_TRAIN_H

#include <pthread.h>
#include <sys/stat.h>

#include "action.h"
#include "adamw.h"
#include "data.h"
#include "fault.h"
#include "gpt.h"
#include "peers.h"
#include "plan.h"
#include "pool.h"
#include "rl.h"

#define SKIPS 64
#define UNPLANNED (UINT64_C(1) << 40) /* batches from here on stand in for skipped ones only */

/* Philox streams, by what the numbers are for; all but the first in the top byte, a step or an
 * index below. */
enum {
	INIT_STREAM = LC_GPT_STREAM,
	BATCH_STREAM,
	JITTER_STREAM,
	RESEED_STREAM,
	FAULT_STREAM,
	SAMPLE_STREAM
};

/* What the actions in force come to. */
struct effects {
	double lr_scale, decay_scale, clip, beta2, batch_scale;
	int tail;
	struct lc_tail to;
	long tail_start, warm_steps, warm_start;
	long hold_steps, hold_start; /* lr_scale holds for so long, then hold_back */
	double hold_back;
	long data_shift;
	int skips;
	long skip[SKIPS][2];
	uint64_t data_seed;
};

struct run {
	struct plan plan;
	struct job job;
	struct data data;
	struct lc_gpt gpt;
	struct lc_pool *pool;
	float *w, *m, *v;	   /* gpt.count floats each */
	long step, tokens;	   /* updates done; bytes learnt from */
	long m_updates, v_updates; /* since the last reset: what bias correction counts */
	json_t *init;		   /* whose weights it began with; NULL: drawn */
	json_t *actions;	   /* sticky, as in DESIGN section 5 */
	/* the steps after which lr_tail, lr_warmup and lr_for set in; the scale after the last */
	long tail_start, warm_start, hold_start;
	double hold_back;
	struct effects fx;
	struct peers peers;
	struct rl *rl; /* with a reward */
	struct fault fault[32];
	int nfaults;
	struct stat control; /* of the control file read last */
	double began, shown; /* seconds: when the loop began, when progress was last shown */
	long began_step;
	/* scratch */
	float **grad; /* micro + 1 flat gradients: of each micro-batch, and their sum */
	struct lc_gpt_work **work; /* stack of idle workspaces, one a thread */
	int idle;
	pthread_mutex_t lock;
	uint8_t *batch;
	int batch_rows; /* room in batch */
};

/* What one step found out; NaN where it was not asked. */
struct report {
	long step, tokens;
	double loss, grad_norm, lr, wall_s;
	double reward, kl, entropy; /* with a reward */
	double held[2];		    /* val and test: loss, or reward */
	double gvar, update_ratio, align;
	struct lc_gpt_stats stats;
	double clip; /* what ZClip cut the norm to; 0: it did not */
	int skipped, probed, validated;
	char batch[17];
};

/* step.c: one update; the report but for the held-out losses. */
void train_step(struct run *r, int probe, struct report *rep);
/* grad[0] to grad[micro-1] added up, in their order, in grad[micro]. */
void train_sum_grads(struct run *r);
/* An idle workspace; whose it was before does not show in the results. */
struct lc_gpt_work *train_take_work(struct run *r, int rows);
void train_give_work(struct run *r, struct lc_gpt_work *k);
int train_open(struct run *r, struct lc_err *err); /* allocates; plan and data are set */
void train_close(struct run *r);

/* eval.c: mean loss of shard 0 (A, val) or 1 (B, test). */
double train_eval(struct run *r, int shard);

/* probe.c */
double probe_norm(const float *x, size_t n);
double probe_noise(const struct run *r, const struct lc_adamw *o);
double probe_alignment(const struct run *r, const float *g);

/* actions.c */
void actions_reset(struct run *r, const char *which); /* the moments in "mv" */
/* Merge actions into the run's, from its current step on; one-shots (reset, jitter) act at once. */
int actions_apply(struct run *r, const json_t *given, struct lc_err *err);
int effects_update(struct run *r, struct lc_err *err);
double effects_lr(const struct run *r, long step);
int effects_skips(const struct run *r, long step);

/* control.c: changes asked for in $LC_CONTROL, at most one look a step. */
void control_poll(struct run *r);

/* progress.c: a line on stderr, where that is a terminal and the records go elsewhere. */
void progress_begin(struct run *r);
void progress_show(struct run *r, const struct report *rep, long end);

/* ckpt.c, ckpt_load.c: complete or absent. */
#define CKPT_VERSION 1
long ckpt_step_of(const char *name); /* of "step-00000100"; -1: another name */
/* One writer a directory; what dead ones left half-written is swept. LC_DATA where steps after the
 * run's own are there, unless they may be overwritten. */
int ckpt_lock(const struct run *r, struct lc_err *err);
/* A step that is there already stays when it has the same bytes; else it is as with ckpt_lock. */
int ckpt_save(const struct run *r, struct lc_err *err);
/* The state of dir, or of the newest checkpoint in it: the plan comes first, then the model. */
int ckpt_find(const char *dir, char **path, json_t **state, struct lc_err *err);
int ckpt_load(struct run *r, const char *path, const json_t *state, struct lc_err *err);
/* The weights alone, and where they are from. */
int ckpt_load_weights(struct run *r, const char *path, const json_t *state, struct lc_err *err);
json_t *ckpt_state(const struct run *r);

#endif

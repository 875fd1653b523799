/*
 * engine: where branches run. All come down to the runner (runner.h); an engine only gets it there,
 * and looks after what got lost on the way.
 */
#ifndef ENGINE_H
#define ENGINE_H

#include "fleet.h"

struct engine {
	const char *name;
	int survives; /* branches go on when lc-fork dies; run again, it takes them over */
	int (*open)(struct fleet *f, struct lc_err *err);
	int (*room)(const struct fleet *f); /* how many may be started now */
	/* Start n branches that have their states; each becomes QUEUED or RUNNING (or has ended).
	 */
	int (*start)(struct fleet *f, struct branch **b, int n, struct lc_err *err);
	/* Look at one that is QUEUED or RUNNING (or dying). 1: it has ended. */
	int (*look)(struct fleet *f, struct branch *b, FILE *out, struct lc_err *err);
	/* Once a turn, before the looks; may be NULL. */
	int (*turn)(struct fleet *f, struct lc_err *err);
	void (*stop)(struct fleet *f); /* end all that run, with grace */
	void (*close)(struct fleet *f);
};

extern const struct engine engine_local, engine_slurm, engine_parallel, engine_k8s, engine_cmd;
const struct engine *engine_find(const char *name); /* NULL: no such */

/* For those engines whose branches run elsewhere (engine_elsewhere.c). */

/* DIR/launch.json, DIR/alive: what `lc-fork one` needs. */
int elsewhere_open(struct fleet *f, struct lc_err *err);
/* DIR/run/BRANCH.json: the record and its state; status.json says queued, as part of that job. */
int elsewhere_submit(struct fleet *f, struct branch *b, const char *job, struct lc_err *err);
/* What status.json says now; its stream is read too. 1: it has ended. */
int elsewhere_look(struct fleet *f, struct branch *b, FILE *out, struct lc_err *err);
/* The engine does not know it (any more), though it has not ended. After a while it is submitted
 * again (WAITING), or FAILED when that was often enough. */
void elsewhere_missing(struct fleet *f, struct branch *b);
/* Write a list of branches, one a line, as DIR/jobs/NAME; its path is the caller's. */
char *elsewhere_list(struct fleet *f, const char *name, struct branch **b, int n,
		     struct lc_err *err);
int elsewhere_room(const struct fleet *f);

/* Run argv (NULL-ended, from PATH), with text on its stdin unless NULL, and what it prints in *out
 * (the caller's, may be NULL). Its exit status, or -1. */
int engine_call(char *const *argv, const char *text, char **out, struct lc_err *err);

#endif

/*
 * runner: one branch's command, run on this machine, watched, and ended when it must.
 *
 * Every engine comes down to it: the local one calls it, the others have `lc-fork one` run where
 * the branch goes, which calls it there. So a branch behaves the same everywhere.
 */
#ifndef RUNNER_H
#define RUNNER_H

#include "branch.h"

#define MAX_SLOTS 4

/* How the branches of a fork are run; DIR/launch.json for those that run elsewhere. Strings are
 * borrowed. */
struct launch {
	const char *tmpl;     /* the command, with holes */
	const char *store;    /* lc-snap's, absolute; for node_dir */
	const char *node_dir; /* where a node restores states to, once; NULL: the fork's own */
	const char *slots[MAX_SLOTS]; /* NAME=v1,v2,... */
	int nslots;
	double timeout_s, stall_s, grace_s; /* 0: none */
	double leash_s; /* a runner elsewhere ends when DIR/alive is not touched for so long */
	int nice;
	unsigned long long memory; /* bytes for each process; 0: no limit */
	json_t *also; /* x_ actions of any branch: a hole for one that a branch lacks is "none" */
};
json_t *launch_to_json(const struct launch *l);		  /* new reference */
void launch_from_json(struct launch *l, const json_t *j); /* strings stay in j */
int launch_slots(const struct launch *l);		  /* values of the first slot; 0: none */

/* Start it: an earlier, unfinished try is removed. b->status is RUNNING, or KILLED when it was
 * asked to stop before. */
int runner_start(struct branch *b, const struct launch *l, struct lc_keeper *k, struct lc_err *err);

/* Look at it, its output (printed to out unless NULL) and the requests to end it. 1: it has ended,
 * and status.json says how. */
int runner_poll(struct branch *b, const struct launch *l, struct lc_keeper *k, FILE *out,
		struct lc_err *err);

/* The same, and status.json is left to the caller. */
int runner_look(struct branch *b, const struct launch *l, struct lc_keeper *k, FILE *out,
		struct lc_err *err);

/* Its words are good: every hole can be filled. */
int runner_check(const struct branch *b, const struct launch *l, struct lc_err *err);

#endif

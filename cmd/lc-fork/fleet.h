/*
 * fleet: all branches of one fork: read, given their states, started, and read by segments when
 * they end.
 */
#ifndef FLEET_H
#define FLEET_H

#include "fork.h"

struct fleet {
	char *dir;	   /* of the fork, absolute */
	struct branch **b; /* in the order they are printed: a branch, its segments, the next */
	int n, cap;
	struct lc_keeper keeper;
	int lock; /* descriptor that holds the directory's lock */
};

/* Everything on stdin goes on to stdout untouched; its branch records make the fleet, in dir (or,
 * NULL, one named after the fork). */
int fleet_read(struct fleet *f, const char *dir, struct lc_err *err);
void fleet_release(struct fleet *f); /* what still runs is killed */

struct branch *fleet_find(const struct fleet *f, const char *id);

/* Restore each snapshot the branches start from, once, read-only, for all that share it. */
int fleet_restore(struct fleet *f, const char *store, struct lc_err *err);

/* Start a branch's command: tmpl with its holes filled. */
int fleet_start(struct fleet *f, struct branch *b, const char *tmpl, struct lc_err *err);

/* Kill what a branch's command left behind in sessions of its own (torchrun's workers, daemons). */
void fleet_sweep(const struct branch *b);

/*
 * Queue the segments that read branch `at`, right behind it: "return" to the control's learning
 * rate, and "cool" from it to zero (DESIGN section 8, truth 2), from the state that it wrote at its
 * end. None without that state.
 */
int fleet_add_segments(struct fleet *f, int at, struct lc_err *err);

/* Has branch b a state to start from? 1, 0 not yet (its parent runs), -1 never: it has FAILED. */
int fleet_ready(const struct fleet *f, struct branch *b);

#endif

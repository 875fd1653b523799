/*
 * rungs: the race on the way: losers are stopped at 1/8, 1/4, 1/2 and all of the horizon.
 */
#ifndef RUNGS_H
#define RUNGS_H

#include "collapse.h"

struct rungs {
	const struct rule *rule;
	const char *dir; /* of lc-fork run: a file DIR/BRANCH/stop ends that branch */
	int looks;	 /* how many rungs: 4, or 16 */
	int anytime;	 /* 16 looks, and as many more as one likes: alpha is spent as 1/look^2 */
	struct racer *racer;
	int n, cap;
	long spent; /* steps of all branches so far */
	int broke;  /* the budget is spent: all were told */
	int stopped;
};

void rungs_init(struct rungs *r, const struct rule *rule, const char *dir, int anytime);
void rungs_release(struct rungs *r);

/* To be called after each step record of a future: writes the stop files that are due. */
int rungs_watch(struct evidence *ev, struct future *f, void *rungs, struct lc_err *err);

#endif

/*
 * tail: how rare a score is, learned from the run itself: peaks over threshold.
 *
 * What exceeds a fixed high threshold follows a generalised Pareto distribution (Pickands; used for
 * streams as SPOT by Siffer et al., KDD 2017). Scores are dependent: a cluster of them above the
 * threshold counts once, by its largest, when it is over, so that what rises slowly does not teach
 * on its way that it is usual, and a rate is one of events. Rate, mean and second moment are kept
 * as sums that forget with a memory of MEMORY steps, beside a prior worth PRIOR peaks: a young run
 * is judged by what scores do in other runs, an old one by its own. The fit is by moments (Hosking
 * and Wallis 1987), with the shape between 0 (exponential) and 1/3.
 */
#ifndef LC_DETECT_TAIL_H
#define LC_DETECT_TAIL_H

/* What a score does in healthy runs: clusters per step above the threshold, and their excess. */
struct lc_tail_prior {
	double at, rate, mean, shape;
};

/* What this run has shown; all zero at first. */
struct lc_tail {
	double n, peaks, sum, squares;
	double top; /* of the cluster that is on; 0: none */
};

/* How often, per step, a score comes to u or more: 1 down to 0. */
double lc_tail_p(const struct lc_tail *t, const struct lc_tail_prior *prior, double u);

void lc_tail_add(struct lc_tail *t, const struct lc_tail_prior *prior, double u);

/* The same while an alert is on: nothing is learned yet. */
void lc_tail_watch(struct lc_tail *t, const struct lc_tail_prior *prior, double u);

/* The cluster that is on was no health: forget it. */
void lc_tail_drop(struct lc_tail *t);

#endif

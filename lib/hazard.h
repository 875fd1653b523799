/*
 * hazard: will a branch diverge? A discrete-time logistic hazard (Singer and Willett 1993).
 *
 * Time after the fork is cut into intervals that double, (0, 16], (16, 32], (32, 64]... updates. A
 * branch that has not diverged does so in an interval with probability 1 / (1 + exp(-beta . x)):
 *
 *	x = 1, doublings of the lr above the highest that the run has sustained (0 below it), the
 *	    interval's number, 1 from a damaged state, 1 from one that went non-finite
 *
 * Diverged: the loss is not finite, or, from some interval on and to the end of what was seen, its
 * median is above that at the fork by DIVERGED of it. The coefficients are a posterior mode: data
 * move them from where they were (Gaussian, PRIOR_SD), by iteratively reweighted least squares.
 */
#ifndef LC_HAZARD_H
#define LC_HAZARD_H

#include <stddef.h>

enum { LC_HAZARD_X = 5, LC_HAZARD_INTERVALS = 32 };

struct lc_hazard {
	double beta[LC_HAZARD_X];
};

/* One interval of one branch that was whole when it began. */
struct lc_hazard_row {
	double x[LC_HAZARD_X];
	int event;
};

/*
 * As fitted to 90 forks of 10 runs of lc-train (scripts/bench/hazard), 120 updates each; what they
 * do not speak of, damage and later intervals, is a guess.
 */
void lc_hazard_init(struct lc_hazard *h);

/* Data move h from where it is. doubt: 1 where that is a guess, less where data speak in it. */
void lc_hazard_fit(struct lc_hazard *h, double doubt, const struct lc_hazard_row *row, size_t n);

/* What x is like in an interval in which the lr is at most `over` times the highest sustained. */
void lc_hazard_x(double over, int interval, int damaged, int broken, double x[LC_HAZARD_X]);

/* Probability in one interval; and of diverging in any of the first n, over[i] in interval i. */
double lc_hazard_at(const struct lc_hazard *h, const double x[LC_HAZARD_X]);
double lc_hazard_risk(const struct lc_hazard *h, const double *over, int n, int damaged,
		      int broken);

/* The interval of an update after the fork, from 0. */
int lc_hazard_interval(double update);

/*
 * Rows of a branch whose end is known: loss[i] after update[i] (ascending, after the fork; a NaN is
 * a loss that is not finite), base the loss at the fork, over as in lc_hazard_x. row has room for
 * LC_HAZARD_INTERVALS. Returns how many.
 */
int lc_hazard_rows(const double *update, const double *loss, int n, double base, double over,
		   int damaged, int broken, struct lc_hazard_row *row);

#endif

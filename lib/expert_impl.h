/* expert_impl: what the expert's files share. */
#ifndef LC_EXPERT_IMPL_H
#define LC_EXPERT_IMPL_H

#include "expert.h"

/* The past as the fits see it: bins of all curves, each with equal weight. */
struct expert_data {
	int n, *curve;	/* curve: which one */
	double *at, *y; /* means over a bin */
	const struct lc_curve *of;
	int ncurve;
	double level; /* |mean| of the last tenth of the run */
};

/*
 * The lr as pieces over which it hardly changes (2 % of eta_ref), in eta_ref. eta[i] holds over
 * (at[i], at[i+1]], the last one on; area[i] is the sum of eta up to at[i].
 * The laws speak of changes of the lr after the warm-up, from piece warm on.
 */
struct expert_lr {
	int n, warm;
	double *at, *eta, *area;
};
void expert_lr_init(struct expert_lr *p, const struct lc_lrpath *lr, double eta_ref, double end);
void expert_lr_release(struct expert_lr *p);
double expert_lr_area(const struct expert_lr *p, double t); /* sum of eta over (0, t] */

/*
 * Least squares by normal equations, x (n,p) row by row, p at most 4; what the data do not decide
 * is 0. Returns the residual sum of squares.
 */
double expert_lsq(const double *x, const double *y, int n, int p, double *beta);

void expert_curves_fit(struct lc_expert *e, const struct expert_data *d);
double expert_curves_at(const struct lc_expert *e, double t);
void expert_tissue_fit(struct lc_expert *e, const struct expert_data *d);
void expert_tissue_predict(const struct lc_expert *e, const struct lc_curve *q, double *mean);
void expert_mpl_fit(struct lc_expert *e, const struct expert_data *d);
void expert_mpl_predict(const struct lc_expert *e, const struct lc_curve *q, double *mean);

#endif

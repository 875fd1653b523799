/*
 * gradlaw: the gradient norm's own law, on the log scale.
 *
 *	ln g = b0 + b1 ln(lr / eta_ref) + b2 ln(t / last) + r + e
 *
 * r is slow, an autoregression over the bins of the past; e is what one logged norm scatters
 * around its bin, with the tails it has: its quantiles, not a Gaussian. b1 and b2 are Gaussian a
 * priori, 0 +- .3 and 0 +- .1; the past is its later half. Where r has a memory its last value
 *stays, since on real runs it drifts rather than returns. A run that never changed its lr says
 *nothing of b1: its forecasts at another lr widen.
 */
#ifndef LC_GRADLAW_H
#define LC_GRADLAW_H

#include "lawdata.h"

enum { LC_GRAD_X = 3, LC_GRAD_HIST = 33 };
enum lc_optimizer { LC_OPT_UNKNOWN, LC_OPT_ADAM, LC_OPT_SGD };

struct lc_gradlaw {
	int n;				   /* bins it was fitted to; 0: no law */
	double beta[LC_GRAD_X];		   /* as above */
	double cov[LC_GRAD_X * LC_GRAD_X]; /* of beta, (3,3) */
	double sd, phi, spacing, resid; /* of r: sd, correlation over spacing updates, the last */
	double last;			/* step of the last bin */
	double lo, hi;			/* 5 % and 95 % quantiles of e */
	double hist[LC_GRAD_HIST];	/* quantiles 0, 1/32 ... 1 of the newest norms */
	double optimizer, clip, beta2; /* enum lc_optimizer; clip in force, beta2; NaN: not known */
};

/* Of the trunk's clean rows; path is its lr in eta_ref. Always fills g. */
void lc_gradlaw_fit(struct lc_gradlaw *g, const struct lc_past *past, const struct lc_lrpath *path);

/* q05, q50, q95 of a norm logged at update t under lr eta (in eta_ref). more: of ln g, sd. */
void lc_gradlaw_at(const struct lc_gradlaw *g, double t, double eta, double more, double q[3]);

/* As JSON; parse gives n 0 when j is NULL, -1 when it is not one of ours. */
json_t *lc_gradlaw_json(const struct lc_gradlaw *g);
int lc_gradlaw_parse(struct lc_gradlaw *g, const json_t *j);

#endif

/*
 * expert: the laws of the loss that others published, fitted to the same past as ours.
 *
 *	last	the last value
 *	power	L0 + A t^-a, blind to the lr
 *	curves	parametric learning curves weighted by their fit, blind to the lr (Domhan et al.,
 *		IJCAI 2015): pow3, pow4, Weibull (with Janoschek, exp4), MMF (with Hill), log power,
 *		ilog2, vapor pressure, log-log linear; least squares and BIC weights for their MCMC
 *	tissue	L0 + A S1^-a - C S2 (Tissue et al. 2024, eq. 1): S1 the sum of the lr, S2 that of
 *its fall with momentum lambda mpl	L0 + A S1^-a - B sum_k (eta_{k-1} - eta_k) G(eta_k^-g S_k),
 *G(x) = 1 - (1 + Cx)^-b (Luo et al., ICLR 2025, eq. 2), with Gaussian priors on the logarithms of
 *its parameters: its likelihood alone has a ridge in C and b
 *
 * A forecast here is a point: intervals are the law's (lib/law.h). A curve that cannot be fitted
 *(too few points, an lr that never changed) leaves what the data do not speak of at its prior, or
 *at 0.
 */
#ifndef LC_EXPERT_H
#define LC_EXPERT_H

#include "lawdata.h"

enum lc_expert_kind {
	LC_EXPERT_LAST,
	LC_EXPERT_POWER,
	LC_EXPERT_CURVES,
	LC_EXPERT_TISSUE,
	LC_EXPERT_MPL,
	LC_EXPERTS
};

/* Values of the metric after updates `at` (ascending), and the lr taken; borrowed, all of it. */
struct lc_curve {
	int n;
	const double *at, *y;
	const struct lc_lrpath *lr; /* n 0: not known, taken as constant */
};

enum { LC_EXPERT_PARAMS = 8, LC_EXPERT_FORMS = 8 };

struct lc_expert {
	enum lc_expert_kind kind;
	double eta_ref; /* lr that counts as 1: the highest of the past */
	double skip; /* sum of lr to leave out of S1: an unlogged start was a warm-up, half as much
		      */
	double rms;  /* of the residuals of the fit */
	double par[LC_EXPERT_PARAMS];	 /* by kind, see the .c files */
	double form[LC_EXPERT_FORMS][5]; /* curves: weight, c, a, and two exponents */
};

const char *lc_expert_name(enum lc_expert_kind kind);

/* curve[0] is the run itself, the rest are other runs or branches. Fails on no finite value at all.
 */
int lc_expert_fit(struct lc_expert *e, enum lc_expert_kind kind, const struct lc_curve *curve,
		  int n, struct lc_err *err);

/* mean[i] after update q->at[i], were the lr q->lr; q->y is not looked at. Always finite. */
void lc_expert_predict(const struct lc_expert *e, const struct lc_curve *q, double *mean);

#endif

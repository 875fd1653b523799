/*
 * resid: what a law leaves over, learned from runs whose end is known.
 *
 * Five small residual networks, each on a bootstrap of the groups (families of runs), say by how
 * many of its sd's a forecast will be off:
 *
 *	h = tanh(W1 x + b1);  h' = h + tanh(W2 h + b2);  z = w3 . h' + b3
 *
 * The mean of the five, at most 2 either way, times a gate, is added to the forecast. The gate is
 * what groups that were left out say it should be: the multiple in [0, 1] that lowers their CRPS
 * most, and 0 unless that gain is above two of its standard errors. Full-batch Adam on squared
 * error, groups weighing the same; deterministic. A product for all members at once is one GEMM.
 *
 * Measured on 69 real branches of 5 families (scripts/bench/residual): beside the law alone the
 * gate is .3 and the RMSE falls from .0297 to .0261 (a GRU: .0222); beside the law with a model of
 * past runs (lawmodel.h) it was 0, for the GRU too. lc-proxy fit measures it for the runs it is
 * given, and asks it in a forecast where the gate is open (lawmix.h).
 */
#ifndef LC_RESID_H
#define LC_RESID_H

#include <jansson.h>
#include <stddef.h>

#include "err.h"

enum { LC_RESID_IN = 10, LC_RESID_MEMBERS = 5, LC_RESID_HIDDEN = 16 };

struct lc_resid {
	double gate; /* 0: of no use; then the rest is not looked at */
	float shift[LC_RESID_IN], scale[LC_RESID_IN];
	float w1[LC_RESID_IN][LC_RESID_MEMBERS][LC_RESID_HIDDEN];
	float b1[LC_RESID_MEMBERS][LC_RESID_HIDDEN];
	float w2[LC_RESID_MEMBERS][LC_RESID_HIDDEN][LC_RESID_HIDDEN]; /* [m][in][out] */
	float b2[LC_RESID_MEMBERS][LC_RESID_HIDDEN], w3[LC_RESID_MEMBERS][LC_RESID_HIDDEN];
	float b3[LC_RESID_MEMBERS];
};

/* One point of one forecast: what was known, and by how many sd's it was off. */
struct lc_resid_case {
	int group;
	float x[LC_RESID_IN], z;
};

/* What the networks are told of a point. Steps in updates, lr in units of the run's own. */
struct lc_resid_about {
	double ahead, back;	      /* from the fork; of the past */
	double lr, lr_mean, lr_least; /* there; since the fork */
	double mean, sd, level, chi2; /* of the law */
	double eta_ref;		      /* 0: not known */
	int branches;		      /* known besides the trunk */
};
void lc_resid_x(const struct lc_resid_about *a, float x[LC_RESID_IN]);

/* Train on all but group `without` (-1: on all). The gate is 1. */
void lc_resid_train(struct lc_resid *r, const struct lc_resid_case *c, size_t n, int without);

/* Train, and gate: one training a group. *gain: of the CRPS, as a part of it; *se: its error. */
void lc_resid_fit(struct lc_resid *r, const struct lc_resid_case *c, size_t n, double *gain,
		  double *se);

/*
 * The gate that held-out forecasts ask for: z[i] was said of case i by a network that has not seen
 * its group.
 */
double lc_resid_gate(const struct lc_resid_case *c, const float *z, size_t n, double *gain,
		     double *se);

/* z[i] of the ungated mean of the members, clipped; x is (n, LC_RESID_IN): kernels/ensemble.h. */
void lc_resid_predict(const struct lc_resid *r, const float *x, size_t n, float *z);

json_t *lc_resid_json(const struct lc_resid *r);
int lc_resid_parse(struct lc_resid *r, const json_t *j, struct lc_err *err);

#endif

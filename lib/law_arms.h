/*
 * law_arms: what each arm of a fork will be worth at the end of the run, against the control.
 *
 * The wide law: besides the modes of lib/law.h, three drives (eta^.5, eta, eta^1.5) together, and
 * an adaptation state, since the noise at an lr depends on the recent lr:
 *
 *	L = L0 + sum a_j exp(-lam_j S) + sum_q sum_j b_qj h_qj + sum_k c_k g u_k
 *
 * u_k are filters of ln eta, g a fast one of eta^.75; lr in units of the run's own. Gaussian in its
 * coefficients, exact for each of 7 clocks dS/dt, 2 clocks of the noise and some shapes of the
 * prior, and averaged over these by evidence^(1/4). Where the trunk logs its gvar, that says how
 * large the noise is beforehand, and with it how far progress falls behind a higher lr: a cold run
 * has little noise and goes on as fast as its lr is high.
 *
 * It is conditioned on everything: the trunk, the arms, and what left the arms (a cooldown from the
 * control's lr, a return to it), all at once. Without a cooldown and a return of each arm its
 * ranking is no better than a guess: whoever decides must look at `cool` and `back`.
 *
 * Pairing: rows at one step of series with one data order share three quarters of their noise, and
 * more where their lr is the same too. A series says its order (lawdata.h).
 */
#ifndef LC_LAW_ARMS_H
#define LC_LAW_ARMS_H

#include "lawdata.h"

enum { LC_ARMS_MAX = 64 };

/* An arm: what it did, and what its plan does from there to the end. Borrowed. */
struct lc_arm {
	int series;		    /* of the past: its own rows; -1: none were run */
	long from;		    /* for series -1: the update at which it leaves the trunk */
	const struct lc_lrpath *lr; /* absolute lr ahead, control points (update, lr) to the end */
};

struct lc_arms {
	int n;		  /* arms, the control (arm 0) among them */
	double *mean;	  /* [n] final - control: below 0 is better; 0 for the control */
	double *sd;	  /* [n] of mean, errors of the law included; no noise of one value */
	double *cov;	  /* [n][n] */
	double *better;	  /* [n] P(final below the control's) */
	double *best;	  /* [n] P(final is the lowest), the control too; sums to 1 */
	int *cool, *back; /* [n] rows seen in descendants of the arm below / at the control's lr */
	double control, control_sd; /* the control's final value itself */
	double chi2;  /* misfit: squared residual per observation over the trunk's own noise; 1-4
			 usual */
	double logev; /* best log evidence */
	double level; /* recent loss of the trunk */
	double noise; /* sd of the metric's wandering on the trunk */
	int nobs, nwitness; /* observations; those not on the trunk */
	enum lc_metric metric;
};

/*
 * Arms of one fork at update `end`. arm[0] is the control. LC_DATA when the past holds no finite
 * loss or no lr above 0: nothing is inferred for a run that does not say its lr.
 */
int lc_law_arms(const struct lc_past *past, const struct lc_arm *arm, int n, double end,
		struct lc_arms *out, struct lc_err *err);
void lc_arms_release(struct lc_arms *out);

#endif

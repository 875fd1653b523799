/*
 * law: the modal law of the loss under a learning-rate schedule, and its posterior given a run's
 * past.
 *
 *	L(t) = L0 + sum_j a_j s_j + sum_j b_j h_j + drift(t)
 *
 * with the signal modes s_j and the noise modes h_j of kernels/rollout.h. It is the linear,
 * non-parametric form of the Multi-Power Law (Luo et al., ICLR 2025), of Tissue et al. 2024 and of
 * the noisy quadratic model (Zhang et al. 2019): (1 + Cx)^-b and S^-a are mixtures of exp(-lam x).
 * The coefficients are Gaussian a priori, a_j along a power law in lam, b_j along lam^be exp(-10
 * lam) with a total in units of the loss; the posterior is exact in double precision. Clock and
 * drive exponents (15) are carried along as a mixture; the prior's shape, the size of the noise and
 * of the drift (36 x 3) are summed over inside each. Weights go as evidence^(1/4), since the law is
 * not exact (chi2/n about 2 on real runs).
 *
 * What it cannot know it does not pretend to: under a constant lr h_j is constant, so L0 and sum b
 * are one number; only their prior separates them, and a forecast of an lr cut is that wide.
 *Changes of the lr in the past or earlier branches narrow it; gvar does to a factor of two.
 */
#ifndef LC_LAW_H
#define LC_LAW_H

#include <jansson.h>

#include "gradlaw.h"
#include "hazard.h"
#include "lawmix.h"
#include "rollout.h"

/* One observation: a bin of rows, with the modes averaged over the same rows. */
struct lc_obs {
	double step, y, var; /* var: white, of this bin's mean */
	int other, series;   /* other: of the metric that is not forecast, which has an offset */
	struct lc_modes x;
};

/* How far ahead, over the span of the past: to .03, .1, .3, and beyond. */
enum { LC_BUCKETS = 4 };

struct lc_law {
	enum lc_metric metric; /* LC_VAL_LOSS where the past has it, else LC_LOSS */
	struct lc_basis basis;
	struct lc_posterior post;
	double eta_ref;		     /* lr that counts as 1: the run's peak; 0: no lr was logged */
	double level, noise;	     /* recent loss; white sd of one value of the metric */
	double first, last;	     /* steps observed on the trunk, the incident left out */
	double lr_lo, lr_hi;	     /* range of lr seen, in eta_ref; hi: sustained without harm */
	double chi2;		     /* misfit: squared standardised residual per observation */
	double gvar;		     /* median of the last 16, NaN when never logged */
	double width[2][LC_BUCKETS]; /* factor on the sd of a value: lr seen or not, how far */
	int calib;		     /* where it is from: lawmodel.h */
	struct lc_gradlaw grad;	     /* of the gradient norm */
	struct lc_mix mix;	     /* the other experts; lawmix.h */
	struct lc_hazard hazard;     /* of divergence */
	int nobs, nbranch;	     /* observations; branches among them */
	/* the incident */
	long onset; /* -1: none */
	char kind[16];
	double damage; /* mean excess of the loss over the law after the onset; NaN: not seen */
	int broken;    /* the loss went non-finite after the onset */
	int npath;     /* lr paths, the trunk's first, in eta_ref */
	struct lc_lrpath *path;
	char (*name)[64]; /* [npath] the branches' names; "" is the trunk */
};

/* total: the planned number of updates, or 0. LC_DATA when the past holds no finite loss. */
int lc_law_fit(struct lc_law *law, const struct lc_past *past, double total, struct lc_err *err);

/* The law of a past run that is to teach others: what its noise keeps to itself is held small. */
int lc_law_fit_member(struct lc_law *law, const struct lc_past *past, struct lc_err *err);

/*
 * With a model of past runs (or NULL), widths by the run's own forecasts (lawcalib.h), and what the
 * experts beside the law weigh (mixfit.h); fit_once leaves the latter two.
 */
struct lc_law_model;
int lc_law_fit_once(struct lc_law *law, const struct lc_past *past, double total,
		    const struct lc_law_model *model, struct lc_err *err);
int lc_law_fit_model(struct lc_law *law, const struct lc_past *past, double total,
		     const struct lc_law_model *model, struct lc_err *err);
void lc_law_release(struct lc_law *law);

/* Whether the run has changed its lr: its own past says how its noise is spread. */
int lc_law_own(const struct lc_law *law);

/* Factor on the sd of a value `ahead` updates after the past; whether an lr (in eta_ref) is new. */
double lc_law_width(const struct lc_law *law, int unseen, double ahead);
int lc_law_unseen(const struct lc_law *law, double lr);

/* The modes after update `step` of path[series]. */
void lc_law_modes(const struct lc_law *law, int series, double step, struct lc_modes *m);

/*
 * Bins of the past under a basis. *obs is the caller's (free), sorted. Returns how many. Fills
 * level, noise, first, last and metric. For lc_law_fit and tests.
 */
int lc_law_observe(struct lc_law *law, const struct lc_past *past, struct lc_obs **obs);

/*
 * Posterior of the coefficients given sorted observations: fills post, chi2, nobs. gvar: eta_ref
 * times the logged gvar, 0 for none. noise: the prior of the noise from past runs, or NULL.
 * member: the run is to teach others.
 */
struct lc_noise_prior;
void lc_law_condition(struct lc_law *law, const struct lc_obs *obs, int n, double gvar,
		      const struct lc_noise_prior *noise, int member);

/* As versioned JSON, {"type":"law","v":1,...}; numbers read back the same. */
json_t *lc_law_json(const struct lc_law *law);
int lc_law_parse(struct lc_law *law, const json_t *j, struct lc_err *err);

#endif

/*
 * lawmodel: what past runs teach about the noise of a new one: the law's hyper-prior.
 *
 * From a constant-lr past the noise of a run cannot be told from its L0 (law.h). Past runs can
 * tell: each member is a run whose lr was changed, by branches or a schedule, and holds what its
 * own law made of it. Three numbers of a member, ln of all its noise over its loss and the
 * exponents of its drive and clock, are regressed on the runs' features (ridge, as a Gaussian
 * process: slopes have priors, each run keeps a part to itself); how the noise is spread over the
 * rates is an average. A run far from all members gets a prior as wide as not knowing. Rates are
 * absolute, on one grid of powers of 2.
 */
#ifndef LC_LAWMODEL_H
#define LC_LAWMODEL_H

#include <jansson.h>

#include "hazardfit.h"
#include "law.h"

/*
 * ln of lr, batch, parameters, tokens an update, weight decay, eta x gvar / loss, updates seen;
 * NaN: not known.
 */
enum { LC_RUN_FEATURES = 7 };
struct lc_run {
	double x[LC_RUN_FEATURES];
	char optimizer[16]; /* empty: not known */
};

struct lc_member {
	char name[128];
	struct lc_run run;
	double lam0;
	double weight[LC_VARIANTS];
	double b[LC_VARIANTS][LC_MODES]; /* noise coefficients over the level */
};

/* The law of a run that has changed its lr; one whose noise the model knows; or guesses. */
enum { LC_CALIB_OWN, LC_CALIB_NEAR, LC_CALIB_FAR, LC_CALIBS };
#define LC_NEAR .2 /* doubt up to which a model knows */

struct lc_law_model {
	int n;
	struct lc_member *member;
	double calib[LC_CALIBS][2][LC_BUCKETS]; /* widths, as lc_law's; lawcalib.h */
	struct lc_mix_model mix;		/* what other experts are worth; mixfit.h */
	struct lc_hazard_fitted hazard;
};

/* The prior of one run's noise coefficients, over its level. */
struct lc_noise_prior {
	double logw[LC_VARIANTS];
	double mean[LC_VARIANTS][LC_MODES], cov[LC_VARIANTS][LC_MODES][LC_MODES];
	double doubt; /* sd of ln of the size of the noise */
};

void lc_run_features(struct lc_run *run, const struct lc_law *law, const struct lc_past *past);

/* A fitted law becomes a member. 0 when its lr never changed: it has nothing to teach. */
int lc_model_add(struct lc_law_model *m, const char *name, const struct lc_run *run,
		 const struct lc_law *law);

/* skip: a member's name that is left out, or NULL. -1 when there is no member left. */
int lc_model_prior(const struct lc_law_model *m, const char *skip, const struct lc_run *run,
		   double lam0, struct lc_noise_prior *out);

/* {"type":"model","v":1,"members":[...]}; numbers have six digits. */
json_t *lc_model_json(const struct lc_law_model *m);
int lc_model_parse(struct lc_law_model *m, const json_t *j, struct lc_err *err);
void lc_model_release(struct lc_law_model *m);

#endif

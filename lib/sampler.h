/*
 * sampler: points of a space that are worth trying.
 *
 *     grid     all combinations of as many levels as n allows
 *     lhs      a latin hypercube: each dimension's n-ths are met once
 *     random   uniform
 *     tpe      tree of Parzen estimators, multivariate (Bergstra et al. 2011; Falkner et al. 2018),
 *              with Optuna's defaults but for 4 start-up trials: the best tenth of the trials
 *              against the rest, 24 candidates a point, points already proposed counted as bad
 *     pbt      of the best quarter of the trials, times 0.8 or 1.2, or resampled with probability
 *              1/4 (Jaderberg et al. 2017)
 *
 * The same seed and trials give the same points.
 */
#ifndef LC_SAMPLER_H
#define LC_SAMPLER_H

#include <stdint.h>

#include "rng.h"
#include "space.h"

enum lc_sampler { LC_GRID, LC_LHS, LC_RANDOM, LC_TPE, LC_PBT, LC_SAMPLERS };

int lc_sampler_find(const char *name); /* -1: none of that name */

/* What is known: lower is better, NaN and infinity are the worst. */
struct lc_trial {
	double *u;	      /* s->n */
	double value, weight; /* weight: 1, less for what was seen elsewhere */
};

/*
 * Up to n points into out[n][s->n], all allowed by the space's rules; how many there are: fewer
 * when a grid holds no more, or when 1000 draws in a row break a rule.
 */
int lc_sample(const struct lc_space *s, enum lc_sampler how, uint64_t seed,
	      const struct lc_trial *past, int npast, int n, double *out);

/* sampler_tpe.c: one point given the trials, of which those from npast on are pending. */
void lc_tpe_point(const struct lc_space *s, struct lc_rng *rng, const struct lc_trial *trial,
		  int npast, int npending, double *u);

/* One uniform point that the rules allow: 0, or -1 after 1000 that they do not. */
int lc_sample_allowed(const struct lc_space *s, struct lc_rng *rng, double *u);
int lc_point_allowed(const struct lc_space *s, const double *u);

#endif

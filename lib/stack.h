/*
 * stack: one forecast from several experts', weighted by how well each did on what was held out.
 *
 * Stacking of predictive distributions (Yao et al., Bayesian Analysis 2018): the weights w of the
 * mixture sum_e w_e p_e maximise the held-out log score sum_i log sum_e w_ie p_e(y_i), by horizon
 * bucket. It is concave; EM finds the maximum. Cases of one group (a family of runs) are near
 * copies of each other: a group counts as one case, however many it brings. Each bucket starts from
 * the weights of all buckets together, which start from the first expert (the law), as if PRIOR
 * groups had said so: with nothing held out, the first expert has everything.
 *
 * Horizons are relative: updates ahead over updates behind the fork.
 */
#ifndef LC_STACK_H
#define LC_STACK_H

#include <jansson.h>
#include <stddef.h>

#include "err.h"

enum { LC_STACK_EXPERTS = 8, LC_STACK_BUCKETS = 6 };

struct lc_stack {
	int experts;
	double weight[LC_STACK_BUCKETS][LC_STACK_EXPERTS]; /* each row sums to 1 */
	double groups[LC_STACK_BUCKETS];		   /* held out, that speak for a row */
};

/* One value that was held out: log p_e(y) under each expert; -inf or NaN is a very bad forecast. */
struct lc_stack_case {
	int group;
	double horizon, logp[LC_STACK_EXPERTS];
};

/* All weight on the first expert. */
void lc_stack_init(struct lc_stack *s, int experts);

/* 0..LC_STACK_BUCKETS - 1: up to 1/32, 1/16, 1/8, 1/4, 1/2 of the past, and beyond. */
int lc_stack_bucket(double horizon);

void lc_stack_fit(struct lc_stack *s, int experts, const struct lc_stack_case *c, size_t n);

/*
 * The gain of stacking over the first expert alone, in nats a case, each group judged by weights
 * fitted to the others; *se (or NULL) its standard error over groups. 0 for fewer than 2 groups.
 */
double lc_stack_gain(int experts, const struct lc_stack_case *c, size_t n, double *se);

/* Mean and sd of the mixture. An expert without a finite forecast is left out. */
void lc_stack_mix(const struct lc_stack *s, double horizon, const double *mean, const double *sd,
		  double *mix_mean, double *mix_sd);

/* log of the normal density. */
double lc_log_normal(double y, double mean, double sd);

/* {"experts":N,"weight":[[...]...],"groups":[...]}; of another size: LC_DATA. */
json_t *lc_stack_json(const struct lc_stack *s);
int lc_stack_parse(struct lc_stack *s, const json_t *j, struct lc_err *err);

#endif

/* odds: probabilities over the noise of a fork that has been judged. */
#include <math.h>

#include "court.h"
#include "rng.h"
#include "stat.h"

#define DRAWS 4000

/* A factor for an sd estimated with df degrees of freedom: as uncertain as that (inverse chi). */
static double draw_scale(struct lc_rng *rng, double df)
{
	double chi2 = 0, z;

	for (int i = 0; i < df; i++) {
		z = lc_rng_normal(rng);
		chi2 += z * z;
	}
	return sqrt(df / fmax(chi2, 1e-12));
}

/*
 * Probability that the pick stands highest of all that are not tied with it, and above the control:
 * Monte Carlo over the noise of each arm and of the control they share. (A control that diverged is
 * below all.)
 */
double court_p_best(const struct court *c, const struct arm *pick)
{
	struct lc_rng rng = {1, 0, 0};
	int wins = 0;

	if (!pick)
		return 0;
	for (int d = 0; d < DRAWS; d++) {
		double scale = draw_scale(&rng, c->noise.ret.df), control = lc_rng_normal(&rng);
		double own = 0, top = isinf(pick->gain) ? -INFINITY : 0;
		for (int i = 0; i < c->narms; i++) {
			const struct arm *a = &c->arms[i];
			double x = court_standing(c, a), z = lc_rng_normal(&rng);
			if (a->law)
				x += court_law_sd(c, a, c->select) * z;
			else
				x += scale * court_spread(&c->noise, a->f)->sd * (z - control);
			if (a == pick)
				own = x;
			else if (x > top && !a->tied)
				top = x;
		}
		wins += own > top;
	}
	return (double)wins / DRAWS;
}

/* The smallest gain that would have been seen four times out of five, for the arm hardest to see.
 */
double court_detectable(const struct court *c)
{
	const struct spread *s;
	double most = NAN, needs;

	for (int i = 0; i < c->narms; i++) {
		const struct future *f = c->arms[i].f;
		if (c->arms[i].law) {
			needs = court_law_sd(c, &c->arms[i], c->select) *
				(lc_normal_quantile(1 - c->rule->alpha) + lc_normal_quantile(.8));
			most = isnan(most) ? needs : fmax(most, needs);
			continue;
		}
		s = court_spread(&c->noise, f);
		needs = s->df > 0 ? M_SQRT2 * s->sd * (s->many + lc_student_quantile(.8, s->df))
				  : NAN;
		most = isnan(most) ? needs : fmax(most, needs);
	}
	return most;
}

/* nqm: moments against a simulation of the same recursion, and the edge of stability. */
#include <criterion/criterion.h>
#include <math.h>

#include "nqm.h"
#include "rng.h"

Test(nqm, moments_are_those_of_many_runs)
{
	enum { RUNS = 4000, STEPS = 30 };
	struct lc_rng rng = {.seed = 11};
	struct lc_nqm w;
	double sum = 0, eta = .3, h, c;

	lc_nqm_init(&w, 1, .5, 1, .6);
	h = w.h[0];
	c = w.c[0];
	for (int t = 0; t < STEPS; t++)
		lc_nqm_step(&w, t < 20 ? eta : eta / 3);
	for (int r = 0; r < RUNS; r++) {
		double x = 1, v = 0;
		for (int t = 0; t < STEPS; t++) {
			v = .6 * v -
			    (t < 20 ? eta : eta / 3) * (h * x + sqrt(c) * lc_rng_normal(&rng));
			x += v;
		}
		sum += x * x / RUNS;
	}
	/* the mean of 4000 squares of a normal has a relative sd of sqrt(2/4000) = .022 */
	cr_assert_float_eq(sum, w.xx[0], .1 * w.xx[0]);
}

Test(nqm, noise_is_a_quarter_of_eta_gvar)
{
	struct lc_nqm w;

	lc_nqm_init(&w, 10, .2, 0, 0);
	for (int t = 0; t < 40000; t++)
		lc_nqm_step(&w, .02);
	cr_assert_float_eq((lc_nqm_loss(&w) - w.floor) / (.02 * lc_nqm_gvar(&w)), .25, .01);
}

Test(nqm, edge)
{
	struct lc_nqm calm, wild;

	lc_nqm_init(&calm, 10, 1, 1, 0);
	lc_nqm_init(&wild, 10, 1, 1, 0);
	for (int t = 0; t < 3000; t++) {
		lc_nqm_step(&calm, .19);
		lc_nqm_step(&wild, .21);
	}
	cr_assert_lt(lc_nqm_loss(&calm), 20);
	cr_assert_gt(lc_nqm_loss(&wild), 1e20);
}

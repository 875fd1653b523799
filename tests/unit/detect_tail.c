/*
 * detect_tail: rates are what they are told, learned from the run, by clusters.
 */
#include <criterion/criterion.h>
#include <math.h>

#include "detect_tail.h"
#include "rng.h"

static const struct lc_tail_prior prior = {2, .01, .5, .05};

Test(detect_tail, falls_from_one_without_a_jump)
{
	struct lc_tail t = {0};
	double last = 1;

	cr_assert_eq(lc_tail_p(&t, &prior, -1), 1);
	cr_assert_eq(lc_tail_p(&t, &prior, NAN), 1);
	for (double u = .01; u < 100; u *= 1.01) {
		double p = lc_tail_p(&t, &prior, u);

		cr_assert(p < last && p > .8 * last, "%g: %g after %g", u, p, last);
		last = p;
	}
	cr_assert_float_eq(lc_tail_p(&t, &prior, 2), .01, 1e-12);
}

/* Exponential excesses of mean .5 at a rate of .02: after 20,000 steps that is what it says. */
Test(detect_tail, learns_the_run)
{
	struct lc_rng rng = {1, 0, 0};
	struct lc_tail t = {0};
	double p;

	for (int i = 0; i < 20000; i++) {
		double u = lc_rng_uniform(&rng) < .02 ? 2 - .5 * log(1 - lc_rng_uniform(&rng)) : 0;

		lc_tail_add(&t, &prior, u);
	}
	p = lc_tail_p(&t, &prior, 4);
	cr_assert(p > .5 * .02 * exp(-4) && p < 2.5 * .02 * exp(-4), "%g", p);
}

/* A hundred steps above are one event; a cluster that is dropped is none. */
Test(detect_tail, a_cluster_counts_once_when_it_is_over)
{
	struct lc_tail t = {0};

	for (int i = 0; i < 100; i++)
		lc_tail_add(&t, &prior, 3);
	cr_assert_eq(t.peaks, 0);
	lc_tail_add(&t, &prior, 1.5);
	cr_assert_eq(t.peaks, 0, "not low yet");
	lc_tail_add(&t, &prior, .5);
	cr_assert_eq(t.peaks, 1);
	cr_assert_float_eq(t.sum, 1, 1e-12);
	lc_tail_add(&t, &prior, 9);
	lc_tail_drop(&t);
	lc_tail_add(&t, &prior, .5);
	cr_assert(t.peaks < 1.001);
}

Test(detect_tail, one_accident_does_not_teach_that_all_is_usual)
{
	struct lc_tail t = {0};

	for (int i = 0; i < 2000; i++)
		lc_tail_add(&t, &prior, i == 1000 ? 1e9 : 0);
	cr_assert(lc_tail_p(&t, &prior, 8) < 1e-4, "%g", lc_tail_p(&t, &prior, 8));
}

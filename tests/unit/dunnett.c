/* dunnett: against Dunnett's tables (1955), the cases with a closed form, and simulation. */
#include <criterion/criterion.h>
#include <math.h>

#include "dunnett.h"
#include "rng.h"
#include "stat.h"

Test(dunnett, is_the_table_of_1955)
{
	/* one-sided, alpha .05, equal group sizes; two decimals */
	static const struct {
		int k;
		double df, t;
	} table[] = {{2, 5, 2.44},	  {3, 5, 2.68},	       {9, 5, 3.30},
		     {2, 10, 2.15},	  {5, 10, 2.56},       {9, 10, 2.81},
		     {2, INFINITY, 1.92}, {4, INFINITY, 2.16}, {9, INFINITY, 2.42}};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		double t = lc_dunnett_quantile(.95, table[i].k, table[i].df, .5);
		cr_assert(fabs(t - table[i].t) < .0101, "k %d df %g: %g, table %g", table[i].k,
			  table[i].df, t, table[i].t);
	}
}

Test(dunnett, one_arm_is_student_and_no_sharing_a_product)
{
	const double df[] = {1, 2.5, 7, 40, 3000};

	for (size_t i = 0; i < sizeof(df) / sizeof(df[0]); i++)
		for (double t = -3; t < 9; t += .7) {
			cr_assert(fabs(lc_dunnett_cdf(t, 1, df[i], .5) - lc_student_cdf(t, df[i])) <
				  1e-12);
			cr_assert(fabs(1 - lc_power(t, df[i], 0) - lc_student_cdf(t, df[i])) < 1e-7,
				  "t %g df %g: %.12g", t, df[i], 1 - lc_power(t, df[i], 0));
		}
	cr_assert(fabs(lc_dunnett_cdf(1.3, 5, INFINITY, 0) - pow(lc_normal_cdf(1.3), 5)) < 1e-12);
}

Test(dunnett, quantile_undoes_the_cdf)
{
	for (int k = 1; k <= 1000; k = 9 * k + 1)
		for (double df = 1; df < 200; df *= 5)
			for (double p = .8; p < .9999; p += (1 - p) / 2) {
				double t = lc_dunnett_quantile(p, k, df, .5);
				cr_assert(fabs(lc_dunnett_cdf(t, k, df, .5) - p) < 1e-6);
			}
}

/* sqrt of a chi-squared of df over df */
static double draw_scale(struct lc_rng *r, int df)
{
	double sum = 0, z;

	for (int i = 0; i < df; i++) {
		z = lc_rng_normal(r);
		sum += z * z;
	}
	return sqrt(sum / df);
}

Test(dunnett, is_the_error_rate_of_simulated_races)
{
	struct lc_rng r = {.seed = 31};
	const int n = 40000;

	for (int k = 1; k <= 16; k *= 4) {
		double bar = lc_dunnett_quantile(.95, k, 4, .5);
		int won = 0;
		for (int i = 0; i < n; i++) {
			double control = lc_rng_normal(&r), best = -INFINITY;
			for (int a = 0; a < k; a++)
				best = fmax(best, control - lc_rng_normal(&r));
			won += best > bar * M_SQRT2 * draw_scale(&r, 4);
		}
		/* three standard deviations of the simulation */
		cr_assert(fabs((double)won / n - .05) < 3 * sqrt(.05 * .95 / n), "k %d: %g", k,
			  (double)won / n);
	}
}

/* At most half of the estimates of what passed a bar are too high, whatever the truth, and half of
 * them far from the bar; naive ones nearly all, near it. */
Test(dunnett, what_was_selected_is_not_told_too_high)
{
	struct lc_rng r = {.seed = 32};
	const double bar = lc_student_quantile(.95, 6), three = 3 * .5 / sqrt(1500);

	for (double truth = .5; truth < 20; truth = 3 * truth + .5) {
		int passed = 0, high = 0, naive = 0;
		while (passed < 1500) {
			double s = draw_scale(&r, 6), t = (truth + lc_rng_normal(&r)) / s;
			if (t <= bar)
				continue;
			passed++;
			high += lc_selected_median(t, bar, 6) * s > truth;
			naive += t * s > truth;
		}
		cr_assert(high < (.5 + three) * passed && high > (.42 - three) * passed,
			  "truth %g: %d of %d are too high", truth, high, passed);
		cr_assert(truth < 6 || high > (.5 - three) * passed);
		cr_assert(truth > 1 || naive > .95 * passed);
	}
}

/* A gain of a hundred standard errors was not picked for its luck, however few the nulls. */
Test(dunnett, what_is_far_above_the_bar_is_told_as_it_is)
{
	for (double df = 1; df < 100; df *= 2) {
		double bar = lc_dunnett_quantile(.95, 8, df, .5);
		double told = lc_selected_median(100 * bar, bar, df);
		cr_assert(told > .94 * 100 * bar && told <= 100 * bar, "df %g: %g of %g", df, told,
			  100 * bar);
	}
}

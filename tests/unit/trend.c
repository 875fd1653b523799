/*
 * trend: what stands out moves it only so far; what falls is followed.
 */
#include <criterion/criterion.h>
#include <math.h>

#include "rng.h"
#include "trend.h"

static const struct lc_view loss = {LC_UP, 0, .002, 0};

static struct lc_trend after(int n, double level, double sd, uint64_t seed)
{
	struct lc_rng rng = {seed, 0, 0};
	struct lc_trend t = {0};

	for (int i = 0; i < n; i++)
		lc_trend_add(&t, &loss, level + sd * lc_rng_normal(&rng), 0);
	return t;
}

Test(trend, level_and_spread_of_noise)
{
	struct lc_trend t = after(2000, 3, .1, 1);

	cr_assert_float_eq(t.level, 3, .07);
	cr_assert_float_eq(t.spread, .1, .03);
	cr_assert_float_eq(lc_trend_score(&t, &loss, 40, 3.5), 5, 2);
	cr_assert(isnan(lc_trend_score(&t, &loss, 2001, 3.5)), "too young");
}

/* However far off one value is, it moves the trend as one at 2.5 spreads does. */
Test(trend, what_stands_out_is_clipped)
{
	struct lc_trend a = after(500, 3, .1, 2), b = a, c = a;

	lc_trend_add(&a, &loss, 1e30, 0);
	lc_trend_add(&b, &loss, b.level + b.slope + 5 * b.spread, 0);
	cr_assert_float_eq(a.level, b.level, 1e-12);
	cr_assert_float_eq(a.spread, b.spread, 1e-12);
	cr_assert_float_eq(a.smooth, b.smooth, 1e-12);
	cr_assert(a.level - c.level < 2.5 * c.spread * 2 / 65 + .001);
	lc_trend_add(&c, &loss, 1e30, 1);
	cr_assert_leq(c.level, after(500, 3, .1, 2).level, "held: not at all");
}

Test(trend, a_step_down_is_followed_within_twenty_values)
{
	struct lc_trend t = after(500, 3, .1, 3);

	for (int i = 0; i < 20; i++)
		lc_trend_add(&t, &loss, 2 + .01 * (i % 3), 0);
	cr_assert_float_eq(t.level, 2, .26, "%g", t.level);
	cr_assert(t.spread < .2, "the step is no spread: %g", t.spread);
	cr_assert(lc_trend_score(&t, &loss, 40, 2.7) > 3, "a rise below the old level is one");
}

/* A loss that rises is no trend; its drift is seen, and again after it has settled. */
Test(trend, a_slow_rise_is_a_drift)
{
	struct lc_trend t = after(500, 3, .05, 4);
	struct lc_rng rng = {5, 0, 0};

	cr_assert(lc_trend_drift(&t, &loss) < 1);
	for (int i = 0; i < 100; i++)
		lc_trend_add(&t, &loss, 3 + .003 * i + .05 * lc_rng_normal(&rng), 0);
	cr_assert_leq(t.slope, 0);
	cr_assert(lc_trend_drift(&t, &loss) > 2, "%g", lc_trend_drift(&t, &loss));
	lc_trend_settle(&t, 3.3, 0);
	cr_assert(fabs(lc_trend_drift(&t, &loss)) < 1e-9);
}

Test(trend, a_falling_power_law_is_no_excursion)
{
	struct lc_rng rng = {6, 0, 0};
	struct lc_trend t = {0};
	double top = 0;

	for (int i = 1; i < 3000; i++) {
		double x = 2 + 8 * pow(i, -.4) + .02 * lc_rng_normal(&rng);
		double z = lc_trend_score(&t, &loss, 40, x);

		if (z > top)
			top = z;
		lc_trend_add(&t, &loss, x, 0);
	}
	cr_assert(top < 5.5, "%g", top);
}

/* A log of one decimal: its last digit is noise, however often it says the same. The one change of
 * a loss that was constant is none. */
Test(trend, a_log_that_rounds)
{
	struct lc_rng rng = {7, 0, 0};
	struct lc_trend t = {0}, constant = {0};

	for (int i = 0; i < 2000; i++) {
		double x = 2.52 + .02 * lc_rng_normal(&rng);
		double z = lc_trend_score(&t, &loss, 200, round(x * 10) / 10);

		cr_assert(!(fabs(z) > 2.6), "%d: %g", i, z);
		lc_trend_add(&t, &loss, round(x * 10) / 10, 0);
		lc_trend_add(&constant, &loss, 2.5, 0);
	}
	cr_assert_float_eq(t.grain, .1, 1e-9);
	cr_assert(lc_trend_score(&t, &loss, 40, 2.9) > 6);
	lc_trend_add(&constant, &loss, 2.6, 0);
	cr_assert(lc_trend_score(&constant, &loss, 40, 2.6) > 6);
}

/* Constant, near zero, negative, huge: no division by nothing. */
Test(trend, odd_levels)
{
	static const double levels[] = {0, -5, 1e-300, 1e300, 2};

	for (int i = 0; i < 5; i++) {
		struct lc_trend t = after(100, levels[i], 0, 7);
		double z = lc_trend_score(&t, &loss, 40, levels[i]);

		cr_assert(isfinite(t.level) && isfinite(t.spread) && t.spread > 0, "%g", levels[i]);
		cr_assert(fabs(z) < 1, "%g: %g", levels[i], z);
	}
}

/*
 * forecaster: what can be foreseen is learned, what cannot is a surprise, and numbers stay numbers.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "forecaster.h"
#include "rng.h"

/* A flat trend of level 3 and spread .1, and a loss so many spreads off it. */
static void give(struct lc_forecaster *f, double z, double grad_z, int learn)
{
	struct lc_forecast_seen s = {.loss_z = z, .grad_z = grad_z, .loss = 3 + .1 * z};

	s.level = 3;
	s.spread = .1;
	lc_forecaster_take(f, &s, learn);
}

static void noise(struct lc_forecaster *f, struct lc_rng *rng, int n)
{
	for (int i = 0; i < n; i++) {
		double z = lc_rng_normal(rng);
		give(f, z, lc_rng_normal(rng), 1);
	}
}

Test(forecaster, learns_a_wave)
{
	struct lc_forecaster f = {0};
	double sum = 0, zero = 0;
	struct lc_rng rng = {1, 0, 0};

	for (int i = 0; i < 8000; i++) {
		give(&f, 2 * sin(i * .1) + .2 * lc_rng_normal(&rng), NAN, 1);
		if (i >= 7000) {
			const struct lc_forecast_step *s = &f.held[i % FORECAST_HELD];
			double y = 0, mean = 0;

			for (int h = 1; h <= FORECAST_AHEAD; h++)
				y += 2 * sin((i + h) * .1) / FORECAST_AHEAD;
			for (int m = 0; m < FORECAST_MEMBERS; m++)
				mean += s->forecast[m] / FORECAST_MEMBERS;
			sum += fabs(y - mean);
			zero += fabs(y);
		}
	}
	cr_expect_lt(sum, .35 * zero, "error %g of %g", sum, zero);
}

/* Every member on its own: one that never learned would say 0. */
Test(forecaster, each_member_learns)
{
	struct lc_forecaster f = {0};
	double sum[FORECAST_MEMBERS] = {0}, zero = 0;

	for (int i = 0; i < 20000; i++) {
		give(&f, 2 * sin(i * .1), NAN, 1);
		if (i < 19000)
			continue;
		double y = 0;
		for (int h = 1; h <= FORECAST_AHEAD; h++)
			y += 2 * sin((i + h) * .1) / FORECAST_AHEAD;
		zero += fabs(y);
		for (int m = 0; m < FORECAST_MEMBERS; m++)
			sum[m] += fabs(y - f.held[i % FORECAST_HELD].forecast[m]);
	}
	for (int m = 0; m < FORECAST_MEMBERS; m++)
		cr_expect_lt(sum[m], .5 * zero, "member %d: error %g of %g", m, sum[m], zero);
}

/* The gradient norm goes 8 steps before the loss: who sees it knows. */
Test(forecaster, gradient_norm_tells)
{
	struct lc_forecaster f = {0};
	struct lc_rng rng = {2, 0, 0};
	double waves[8] = {0}, error[2] = {0};

	for (int i = 0; i < 20000; i++) {
		double g = lc_rng_normal(&rng);
		double z = waves[i % 8];

		waves[i % 8] = g;
		give(&f, z, g, 1);
		if (i < 19000)
			continue;
		double y = 0;
		for (int h = 1; h <= 8; h++) /* what is on its way */
			y += waves[(i + h) % 8] / FORECAST_AHEAD;
		for (int m = 0; m < 2; m++)
			error[m] += fabs(y - f.held[i % FORECAST_HELD].forecast[m]);
	}
	cr_expect_lt(error[1], .9 * error[0], "%g, without it %g", error[1], error[0]);
}

Test(forecaster, a_step_up_is_a_surprise)
{
	struct lc_forecaster f = {0};
	struct lc_rng rng = {3, 0, 0};
	double most = 0;

	for (int i = 0; i < 3000; i++) {
		noise(&f, &rng, 1);
		if (!isnan(f.surprise))
			most = fmax(most, f.surprise);
	}
	cr_expect_lt(most, 6, "noise surprises by %g", most);
	for (int i = 0; i < 10; i++)
		give(&f, 3 + lc_rng_normal(&rng), 0, 0);
	cr_expect_gt(f.surprise, 6, "a step of 3 spreads by %g", f.surprise);
}

Test(forecaster, disagrees_on_what_it_never_saw)
{
	struct lc_forecaster f = {0};
	struct lc_rng rng = {4, 0, 0};

	for (int i = 0; i < 4000; i++) { /* the gradient norm says nothing here */
		double z = lc_rng_normal(&rng);
		give(&f, z, .2 * lc_rng_normal(&rng), 1);
	}
	for (int i = 0; i < 40; i++)
		give(&f, -4, 4, 0);
	cr_expect_gt(f.disagreement, 1, "disagreement %g", f.disagreement);
}

Test(forecaster, a_copy_goes_on_alike)
{
	struct lc_forecaster f = {0}, g;
	struct lc_rng rng = {5, 0, 0}, same;

	noise(&f, &rng, 777);
	g = f;
	same = rng;
	noise(&f, &rng, 333);
	noise(&g, &same, 333);
	cr_assert_eq(memcmp(&f, &g, sizeof(f)), 0);
}

Test(forecaster, nothing_is_learned_while_told_so)
{
	struct lc_forecaster f = {0}, before;
	struct lc_rng rng = {6, 0, 0};

	noise(&f, &rng, 500);
	before = f;
	for (int i = 0; i < 100; i++)
		give(&f, 4, 4, 0);
	cr_assert_eq(memcmp(f.gru, before.gru, sizeof(f.gru)), 0);
	cr_assert_eq(memcmp(f.linear, before.linear, sizeof(f.linear)), 0);
	cr_assert_eq(f.error, before.error);
}

Test(forecaster, settled_is_no_surprise)
{
	struct lc_forecaster f = {0};
	struct lc_rng rng = {7, 0, 0};

	noise(&f, &rng, 500);
	lc_forecaster_settle(&f);
	for (int i = 0; i < FORECAST_AHEAD; i++) {
		give(&f, 4, 0, 1);
		cr_assert(isnan(f.surprise), "after %d steps", i);
	}
	noise(&f, &rng, 1);
	cr_assert_not(isnan(f.surprise));
}

Test(forecaster, any_numbers)
{
	static const double odd[] = {0, 1e308, -1e308, 1e-308, NAN, INFINITY, -INFINITY, 4};
	struct lc_forecaster f = {0};
	struct lc_rng rng = {8, 0, 0};

	for (int i = 0; i < 20000; i++) {
		double v[6];

		for (int k = 0; k < 6; k++)
			v[k] = odd[lc_rng_below(&rng, 8)];
		lc_forecaster_take(
			&f, &(struct lc_forecast_seen){v[0], v[1], v[2], v[3], v[4], v[5]}, 1);
	}
	for (int i = 0; i < FORECAST_UNITS; i++)
		cr_expect(isfinite(f.out[i]) && isfinite(f.units[i]));
	for (int i = 0; i < FORECAST_FEATURES; i++)
		cr_expect(isfinite(f.linear[1][i]));
	cr_expect(isfinite(f.error) && isfinite(f.spread));
}

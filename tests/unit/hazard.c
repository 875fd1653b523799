/* hazard: a world whose hazard is known is found again; odd branches give sound rows. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hazard.h"
#include "rng.h"

enum { BRANCHES = 4000, INTERVALS = 5 };

/* Branches of a world with hazard `truth`; returns the number of rows. */
static size_t world(const struct lc_hazard *truth, uint64_t seed, struct lc_hazard_row *row)
{
	struct lc_rng r = {seed, 1, 0};
	size_t n = 0;

	for (int i = 0; i < BRANCHES; i++) {
		double over = ldexp(1, (int)lc_rng_below(&r, 8)) / 4;
		int damaged = lc_rng_uniform(&r) < .3, broken = damaged && lc_rng_uniform(&r) < .3;
		for (int k = 0; k < INTERVALS; k++) {
			lc_hazard_x(over, k, damaged, broken, row[n].x);
			row[n].event = lc_rng_uniform(&r) < lc_hazard_at(truth, row[n].x);
			if (row[n++].event)
				break;
		}
	}
	return n;
}

Test(hazard, the_worlds_hazard_is_found)
{
	const struct lc_hazard truth = {{-4, .9, -.7, 1.5, 5}};
	struct lc_hazard_row *row = calloc(BRANCHES * INTERVALS, sizeof(*row));
	size_t n = world(&truth, 1, row);
	struct lc_hazard h;

	lc_hazard_init(&h);
	lc_hazard_fit(&h, 1, row, n);
	for (int i = 0; i < LC_HAZARD_X; i++)
		cr_assert_float_eq(h.beta[i], truth.beta[i], .35, "beta %d: %g, not %g", i,
				   h.beta[i], truth.beta[i]);
	free(row);
}

/* In new branches, what is forecast at p happens p of the time, in each fifth. */
Test(hazard, forecasts_come_true_as_often_as_they_say)
{
	const struct lc_hazard truth = {{-3, .9, -.7, 1.5, 5}};
	struct lc_hazard_row *row = calloc(BRANCHES * INTERVALS, sizeof(*row));
	double said[5] = {0}, seen[5] = {0};
	int count[5] = {0};
	struct lc_hazard h;
	size_t n = world(&truth, 1, row);

	lc_hazard_init(&h);
	lc_hazard_fit(&h, 1, row, n);
	n = world(&truth, 2, row);
	for (size_t i = 0; i < n; i++) {
		double p = lc_hazard_at(&h, row[i].x);
		int b = (int)fmin(4, floor(5 * p));
		said[b] += p;
		seen[b] += row[i].event;
		count[b]++;
	}
	for (int b = 0; b < 5; b++)
		if (count[b])
			cr_assert_lt(fabs(said[b] - seen[b]), 4 * sqrt(count[b]) * .5 + 1,
				     "said %g, seen %g of %d", said[b], seen[b], count[b]);
	free(row);
}

Test(hazard, more_lr_more_damage_more_time_are_more_risk)
{
	struct lc_hazard h;
	double over[3] = {1, 1, 1}, high[3] = {8, 8, 8};

	lc_hazard_init(&h);
	cr_assert_lt(lc_hazard_risk(&h, over, 1, 0, 0), lc_hazard_risk(&h, over, 3, 0, 0));
	cr_assert_lt(lc_hazard_risk(&h, over, 3, 0, 0), lc_hazard_risk(&h, high, 3, 0, 0));
	cr_assert_lt(lc_hazard_risk(&h, over, 3, 0, 0), lc_hazard_risk(&h, over, 3, 1, 0));
	cr_assert_gt(lc_hazard_risk(&h, over, 3, 1, 1), .9);
	cr_assert_eq(lc_hazard_risk(&h, over, 0, 0, 0), 0);
}

Test(hazard, no_data_no_change_and_separable_data_stay_finite)
{
	struct lc_hazard h, was;
	struct lc_hazard_row row[40];

	lc_hazard_init(&h);
	was = h;
	lc_hazard_fit(&h, 1, NULL, 0);
	cr_assert(memcmp(&h, &was, sizeof(h)) == 0);
	for (int i = 0; i < 40; i++) {
		lc_hazard_x(i < 20 ? 1 : 64, 0, 0, 0, row[i].x);
		row[i].event = i >= 20;
	}
	lc_hazard_fit(&h, 1, row, 40);
	for (int i = 0; i < LC_HAZARD_X; i++)
		cr_assert(isfinite(h.beta[i]) && fabs(h.beta[i]) < 20);
}

/* loss(t) for t = 1..100 after the fork at a loss of 2: the interval of the event, -1 for none. */
static int event_of(double (*loss)(int t))
{
	struct lc_hazard_row row[LC_HAZARD_INTERVALS];
	double at[100], y[100];
	int n;

	for (int t = 1; t <= 100; t++) {
		at[t - 1] = t;
		y[t - 1] = loss(t);
	}
	n = lc_hazard_rows(at, y, 100, 2, 1, 0, 0, row);
	cr_assert(n >= 1 && n <= 4);
	for (int i = 0; i < n - 1; i++)
		cr_assert_eq(row[i].event, 0);
	return row[n - 1].event ? n - 1 : -1;
}

static double calm(int t)
{
	return 2 - .001 * t;
}

static double spike(int t)
{
	return t > 10 && t < 40 ? 9 : 1.9;
}

static double blown(int t)
{
	return t > 20 ? NAN : 2;
}

static double risen(int t)
{
	return t > 50 ? 2.5 : 2;
}

static double at_once(int t)
{
	return 3 + 0 * t;
}

Test(hazard, a_spike_is_no_divergence_and_what_stays_up_is)
{
	cr_assert_eq(event_of(calm), -1);
	cr_assert_eq(event_of(spike), -1);
	cr_assert_eq(event_of(blown), 1); /* updates 17 to 32 */
	cr_assert_eq(event_of(at_once), 0);
	cr_assert_geq(event_of(risen), 2);
}

Test(hazard, a_branch_that_said_nothing_has_no_rows)
{
	struct lc_hazard_row row[LC_HAZARD_INTERVALS];
	double at = 5, y = NAN;

	cr_assert_eq(lc_hazard_rows(NULL, NULL, 0, 2, 1, 0, 0, row), 0);
	cr_assert_eq(lc_hazard_rows(&at, &y, 1, 2, 1, 0, 0, row), 1);
	cr_assert_eq(row[0].event, 1);
}

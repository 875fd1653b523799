/*
 * evalue: on streams with known truth, the right draft is rejected no more often than delta allows,
 * whatever the autocorrelation of the noise, and a wrong one is found.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

#include "evalue.h"
#include "rng.h"

enum { N = 24, POINTS = 8, STREAMS = 60 };
#define DELTA .1

/* A forecast from 3.0 down by .1 over 2400 updates, sd .002 growing to .01; noise .004. */
static double d_at[POINTS], d_mean[POINTS], d_sd[POINTS];
static struct lc_draft draft = {.n = POINTS, .at = d_at, .mean = d_mean, .sd = d_sd, .noise = .004};

static void setup(void)
{
	for (int i = 0; i < POINTS; i++) {
		d_at[i] = 300. * (i + 1);
		d_mean[i] = 3 - .1 * (i + 1) / POINTS;
		d_sd[i] = .002 + .001 * i;
	}
}
TestSuite(evalue, .init = setup);

/* What the noise of a stream does: AR(1) of this coefficient, this part of it, this size. */
struct noise {
	double rho, part, size;
};

/* error: how many sds the forecast is off, growing into itself. */
static int rejected(struct lc_rng *rng, struct noise no, double error, struct lc_evalue *e)
{
	double at[N], y[N], ar = lc_rng_normal(rng);

	for (int i = 0; i < N; i++) {
		double mean, sd;
		at[i] = 100. * (i + 1);
		lc_draft_at(&draft, at[i], &mean, &sd);
		y[i] = mean + error * sd +
		       no.size * .004 *
			       (sqrt(no.part) * ar + sqrt(1 - no.part) * lc_rng_normal(rng));
		ar = no.rho * ar + sqrt(1 - no.rho * no.rho) * lc_rng_normal(rng);
	}
	lc_evalue_test(&draft, at, y, N, DELTA, e);
	return !isnan(e->step);
}

static int count(struct noise no, double error_sd, double bias)
{
	struct lc_rng rng = {.seed = 20};
	struct lc_evalue e;
	int n = 0;

	for (int i = 0; i < STREAMS; i++)
		n += rejected(&rng, no, bias + error_sd * lc_rng_normal(&rng), &e);
	return n;
}

Test(evalue, a_right_draft_is_hardly_ever_rejected)
{
	static const struct noise noises[] = {{0, 0, 1},   {.5, 1, 1},	 {.8, 1, 1},  {.95, 1, 1},
					      {.9, .5, 1}, {.6, 1, 1.7}, {.97, 1, 2}, {0, 0, .5}};

	/* 60 draws at rate .1: 6 expected at most; 13 or more has probability .005 */
	for (size_t i = 0; i < sizeof(noises) / sizeof(*noises); i++) {
		int n = count(noises[i], 1, 0);
		cr_assert_lt(n, 13, "noise %zu: %d of %d", i, n, STREAMS);
	}
}

Test(evalue, a_wrong_draft_is_found)
{
	int n = count((struct noise){.5, 1, 1}, 0, 12);

	cr_assert_gt(n, STREAMS * 9 / 10, "%d of %d", n, STREAMS);
	n = count((struct noise){0, 0, 1}, 0, -10);
	cr_assert_gt(n, STREAMS * 9 / 10, "%d of %d", n, STREAMS);
}

Test(evalue, more_values_do_not_unsay_it)
{
	struct lc_rng rng = {.seed = 3};
	struct lc_evalue e;

	cr_assert(rejected(&rng, (struct noise){0, 0, 1}, 20, &e));
	cr_assert_geq(e.log_max, -log(DELTA));
	cr_assert_gt(e.misfit, 10);
}

/* Off by a quarter of the last sd at half the way, and growing so: half of it at the end. */
Test(evalue, a_drift_is_carried_on_to_the_end)
{
	double at[4], y[4], sd, end = d_at[POINTS - 1], last = d_sd[POINTS - 1];
	struct lc_evalue e;

	for (int sign = -1; sign <= 1; sign++) {
		for (int i = 0; i < 4; i++) {
			at[i] = end * (i + 1) / 8;
			lc_draft_at(&draft, at[i], &y[i], &sd);
			y[i] += sign * .5 * last * at[i] / end;
		}
		lc_evalue_test(&draft, at, y, 4, DELTA, &e);
		cr_assert_float_eq(e.score, .5 * abs(sign), 1e-9, "%g", e.score);
	}
}

Test(evalue, a_value_that_is_not_finite_rejects)
{
	double at[] = {100, 200, 300}, y[] = {3, NAN, 3};
	struct lc_evalue e;

	lc_evalue_test(&draft, at, y, 3, DELTA, &e);
	cr_assert_eq(e.step, 200);
	cr_assert(isinf(e.log_e));
}

Test(evalue, nothing_to_test_says_nothing)
{
	double at[] = {-5, 0, 9999}, y[] = {1, 1, 1};
	struct lc_evalue e;

	lc_evalue_test(&draft, at, y, 3, DELTA, &e);
	cr_assert_eq(e.n, 0);
	cr_assert_eq(e.log_e, 0);
	cr_assert(isnan(e.step));
}

Test(evalue, reach_says_when_a_wrong_draft_shows)
{
	double near = lc_evalue_reach(&draft, 50, 16, DELTA),
	       far = lc_evalue_reach(&draft, 50, 1, DELTA);

	cr_assert(isfinite(near) && near >= 50 && near <= 2400, "%g", near);
	cr_assert(isnan(far), "%g", far);
	cr_assert(isnan(lc_evalue_reach(&draft, 1e9, 16, DELTA)));
}

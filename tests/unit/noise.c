/* noise: tests that rest on it must keep their error rate, whatever the noise is like. */
#include <criterion/criterion.h>
#include <math.h>

#include "noise.h"
#include "rng.h"
#include "stat.h"

#define RUNGS 4
static const double times[RUNGS] = {.125, .25, .5, 1};

enum kind { WHITE, CONSTANT, FORGETS, WALKS, SETTLES, KINDS };
static const char *const names[] = {"white", "constant", "forgets", "walks", "settles"};

/* One run's readings. */
static void draw(struct lc_rng *r, enum kind kind, double y[RUNGS])
{
	double was = 0;

	for (int i = 0; i < RUNGS; i++) {
		double dt = times[i] - (i ? times[i - 1] : 0), z = lc_rng_normal(r);
		double keep = kind == FORGETS && i ? exp(-dt / .25) : 0;
		if (kind == WALKS)
			was += sqrt(dt) * z;
		else if (kind == CONSTANT)
			was = i ? was : z;
		else if (kind == SETTLES)
			was = z * sqrt(1 - exp(-times[i] / .3));
		else
			was = keep * was + sqrt(1 - keep * keep) * z;
		y[i] = was;
	}
}

/* How often one more such run is above the control of its own by t(1 - alpha), with n nulls. */
static double error_rate(enum kind kind, int n, double alpha, int races, double *df)
{
	struct lc_rng r = {.seed = 51, .stream = (uint64_t)kind * 100 + (uint64_t)n};
	double y[16 * RUNGS], arm[RUNGS], control[RUNGS];
	int won = 0;

	*df = 0;
	for (int i = 0; i < races; i++) {
		struct lc_noise s;
		for (int k = 0; k < n; k++)
			draw(&r, kind, y + k * RUNGS);
		draw(&r, kind, arm);
		draw(&r, kind, control);
		s = lc_noise_of(y, n, RUNGS, times);
		*df += s.df / races;
		won += arm[RUNGS - 1] - control[RUNGS - 1] >
		       lc_student_quantile(1 - alpha, s.df) * M_SQRT2 * s.sd;
	}
	return (double)won / races;
}

Test(noise, keeps_the_error_rate)
{
	const int races = 8000, n[] = {3, 6, 10};
	const double alpha[] = {.05, .05 / 8};

	for (int kind = 0; kind < KINDS; kind++)
		for (int i = 0; i < 3; i++)
			for (int a = 0; a < 2; a++) {
				double df, rate, most;
				rate = error_rate(kind, n[i], alpha[a], races, &df);
				most = alpha[a] + 3 * sqrt(alpha[a] / races);
				cr_assert(rate <= most, "%s, %d nulls, alpha %g: %g", names[kind],
					  n[i], alpha[a], rate);
				/* and something is gained where there is something to gain */
				cr_assert(kind == CONSTANT || kind == WALKS ||
						  df > 1.1 * (n[i] - 1) || n[i] == 3,
					  "%s: df %g of %d", names[kind], df, n[i] - 1);
			}
}

Test(noise, of_one_rung_is_the_standard_deviation)
{
	const double y[] = {1, 2, 4, 7}, t = 1;
	struct lc_noise s = lc_noise_of(y, 4, 1, &t);

	cr_assert(fabs(s.sd - sqrt(7)) < 1e-12 && s.df == 3);
	s = lc_noise_of(y, 1, 1, &t);
	cr_assert(s.df == 0);
}

Test(noise, equal_runs_have_none)
{
	const double y[] = {1, 2, 1, 2, 1, 2}, t[] = {.5, 1};
	struct lc_noise s = lc_noise_of(y, 3, 2, t);

	cr_assert(s.sd == 0 && s.df == 2);
}

Test(noise, joined_by_degrees_of_freedom)
{
	struct lc_noise a = {1, 3}, b = {2, 9}, none = {NAN, 0}, s = lc_noise_join(a, b);

	cr_assert(fabs(s.sd - sqrt(39. / 12)) < 1e-12 && s.df == 12);
	s = lc_noise_join(none, a);
	cr_assert(s.sd == 1 && s.df == 3);
	s = lc_noise_join(a, none);
	cr_assert(s.sd == 1 && s.df == 3);
	cr_assert(lc_noise_join(none, none).df == 0);
}

/* Of a first-order autoregression (.6) the mean's error is 2 times that of independent values. */
Test(noise, batch_means_see_that_neighbours_hang_together)
{
	struct lc_rng r = {.seed = 52};
	double sum = 0, x[1600];

	for (int rep = 0; rep < 300; rep++) {
		double was = lc_rng_normal(&r);
		for (int i = 0; i < 1600; i++)
			x[i] = was = .6 * was + .8 * lc_rng_normal(&r);
		sum += lc_noise_batch_means(x, 1600) / 300;
	}
	cr_assert(sum > 1.8 / 40 && sum < 2.1 / 40, "%g", sum * 40);
	cr_assert(isnan(lc_noise_batch_means(x, 15)));
}

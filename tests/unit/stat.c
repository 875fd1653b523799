/*
 * stat: against values computed with mpmath at 40 digits, and against the definitions by sorting.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rng.h"
#include "stat.h"

static void near(double got, double want, double rel)
{
	cr_assert(fabs(got - want) <= rel * fabs(want), "got %.17g, want %.17g", got, want);
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The definition: sort, then go linearly between the order statistics. */
static double sorted_quantile(const double *x, int n, double p)
{
	double *s = malloc((size_t)n * sizeof(*s)), at = p * (n - 1), q;
	int i = (int)at;

	memcpy(s, x, (size_t)n * sizeof(*s));
	qsort(s, (size_t)n, sizeof(*s), by_size);
	q = i + 1 < n ? s[i] + (at - i) * (s[i + 1] - s[i]) : s[i];
	free(s);
	return q;
}

static double sorted_mad(const double *x, int n)
{
	double *d = malloc((size_t)n * sizeof(*d)), med = sorted_quantile(x, n, 0.5), mad;

	for (int i = 0; i < n; i++)
		d[i] = fabs(x[i] - med);
	mad = 1.4826 * sorted_quantile(d, n, 0.5);
	free(d);
	return mad;
}

Test(stat, moments_survive_a_large_mean)
{
	struct lc_moments s = {0};

	cr_assert_eq(lc_moments_var(&s), 0);
	for (int i = 0; i < 1000; i++)
		lc_moments_add(&s, 1e9 + i % 2);
	near(s.mean, 1e9 + 0.5, 1e-15);
	near(lc_moments_var(&s), 0.25 * 1000 / 999, 1e-9);
}

Test(stat, window_is_its_definition)
{
	struct lc_rng r = {.seed = 11};
	double all[400];
	struct lc_window w;

	for (int cap = 1; cap < 40; cap += 3) {
		lc_window_init(&w, cap);
		cr_assert(isnan(lc_window_mad(&w)) && isnan(lc_window_quantile(&w, 0.5)));
		for (int i = 0; i < 400; i++) {
			int n = i + 1 < cap ? i + 1 : cap;

			/* few different values, so that there are ties, then many */
			all[i] = i < 200 ? (double)lc_rng_below(&r, 5) : lc_rng_normal(&r);
			lc_window_push(&w, all[i]);
			near(lc_window_quantile(&w, 0.5), sorted_quantile(all + i + 1 - n, n, 0.5),
			     1e-15);
			near(lc_window_quantile(&w, 0.1), sorted_quantile(all + i + 1 - n, n, 0.1),
			     1e-12);
			near(lc_window_mad(&w), sorted_mad(all + i + 1 - n, n), 1e-12);
		}
		lc_window_release(&w);
	}
}

Test(stat, window_of_equal_values_has_no_spread)
{
	struct lc_window w;

	lc_window_init(&w, 4);
	for (int i = 0; i < 9; i++)
		lc_window_push(&w, 2.5);
	cr_assert_eq(lc_window_quantile(&w, 0.5), 2.5);
	cr_assert_eq(lc_window_mad(&w), 0);
	lc_window_release(&w);
}

Test(stat, quantile_is_its_definition)
{
	struct lc_rng r = {.seed = 12};
	double x[64], y[64];

	for (int round = 0; round < 3000; round++) {
		int n = 1 + (int)lc_rng_below(&r, 64);
		double p = lc_rng_uniform(&r);

		for (int i = 0; i < n; i++)
			x[i] = y[i] = round % 2 ? (double)lc_rng_below(&r, 4) : lc_rng_normal(&r);
		near(lc_quantile(y, (size_t)n, p), sorted_quantile(x, n, p), 1e-12);
		qsort(x, (size_t)n, sizeof(*x), by_size);
		qsort(y, (size_t)n, sizeof(*y), by_size);
		cr_assert_arr_eq(x, y, (size_t)n * sizeof(*x)); /* reordered, nothing lost */
	}
}

Test(stat, quantile_edges)
{
	double x[] = {3, 1, 2, 4};

	cr_assert(isnan(lc_median(x, 0)));
	cr_assert_eq(lc_median(x, 4), 2.5);
	cr_assert_eq(lc_quantile(x, 4, 0), 1);
	cr_assert_eq(lc_quantile(x, 4, 1), 4);
	cr_assert_eq(lc_quantile(x, 4, 7), 4);
	cr_assert_eq(lc_median(x, 1), x[0]);
}

Test(stat, normal_quantile_known_values)
{
	near(lc_normal_quantile(0.6), 0.2533471031357997988, 1e-15);
	near(lc_normal_quantile(0.75), 0.6744897501960817432, 1e-15);
	near(lc_normal_quantile(0.975), 1.9599639845400542355, 1e-15);
	near(lc_normal_quantile(0.999), 3.0902323061678135415, 1e-14);
	near(lc_normal_quantile(1e-10), -6.3613409024040562047, 1e-15);
	near(lc_normal_quantile(1e-300), -37.047096299361199237, 1e-15);
	cr_assert_eq(lc_normal_quantile(0.5), 0);
	cr_assert(isinf(lc_normal_quantile(0)) && isinf(lc_normal_quantile(1)));
	cr_assert(isnan(lc_normal_quantile(-0.1)) && isnan(lc_normal_quantile(NAN)));
}

Test(stat, normal_cdf_undoes_the_quantile)
{
	for (double p = 1e-12; p < 1; p = p < 0.01 ? p * 10 : p + 0.0099)
		near(lc_normal_cdf(lc_normal_quantile(p)), p, 1e-13);
}

Test(stat, student_cdf_known_values)
{
	near(lc_student_cdf(0.5, 3), 0.67427601757592450278, 1e-14);
	near(lc_student_cdf(2, 5), 0.94903026058507082188, 1e-14);
	near(lc_student_cdf(-3, 2.5), 0.036288047774515921947, 1e-13);
	near(lc_student_cdf(-40, 7), 7.9510899924251852343e-10, 1e-12);
	near(lc_student_cdf(1.96, 1000), 0.97486340752212564078, 1e-13);
	near(lc_student_cdf(-6, 1e5), 9.899647278008812792e-10, 1e-9);
	near(lc_student_cdf(1e-8, 4), 0.50000000375, 1e-15);
	near(lc_student_cdf(-2, 2e7), 0.022750138697050181634, 1e-12);
	near(lc_student_cdf(0.3, 0.5), 0.57757042393475458999, 1e-13);
	cr_assert_eq(lc_student_cdf(0, 3), 0.5);
	cr_assert_eq(lc_student_cdf(INFINITY, 3), 1);
	cr_assert_eq(lc_student_cdf(-INFINITY, 3), 0);
	cr_assert(isnan(lc_student_cdf(NAN, 3)) && isnan(lc_student_cdf(1, 0)));
}

Test(stat, student_quantile_known_values)
{
	near(lc_student_quantile(0.975, 10), 2.2281388519862747484, 1e-13);
	near(lc_student_quantile(0.995, 3), 5.8409093097333572607, 1e-13);
	near(lc_student_quantile(0.9995, 30), 3.6459586350420218161, 1e-12);
	near(lc_student_quantile(0.4, 1.5), -0.300745392569795423, 1e-13);
	near(lc_student_quantile(1e-6, 4), -41.577854150450974726, 1e-12);
	near(lc_student_quantile(1e-12, 50), -9.2601396836841447059, 1e-12);
	near(lc_student_quantile(0.9, 0.5), 10.27032441023450615, 1e-13);
	near(lc_student_quantile(0.975, 123456), 1.9599832002451868444, 1e-11);
	cr_assert_eq(lc_student_quantile(0.5, 3), 0);
	cr_assert(isnan(lc_student_quantile(0.9, -1)));
	cr_assert(isinf(lc_student_quantile(1, 3)));
}

Test(stat, student_cdf_undoes_the_quantile)
{
	const double df[] = {0.3, 1, 2, 3.7, 12, 180, 2e4, 3e6, 9.9e6, 1.1e7, 1e12};

	for (size_t d = 0; d < sizeof(df) / sizeof(df[0]); d++)
		for (double p = 1e-9; p < 0.9999; p = p < 0.01 ? p * 10 : p + 0.0137) {
			double t = lc_student_quantile(p, df[d]);

			cr_assert(fabs(lc_student_cdf(t, df[d]) - p) <= 2e-9 * p,
				  "p %g df %g t %.17g cdf %.17g", p, df[d], t,
				  lc_student_cdf(t, df[d]));
		}
}

/* num: six digits as printf prints them. (Reading is tested in json.c and record.c.) */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "num.h"
#include "rng.h"

static void as_printf(double x)
{
	char want[40], got[LC_NUM_6_LEN + 1];

	snprintf(want, sizeof(want), "%.6g", x);
	got[lc_num_6(got, x)] = '\0';
	cr_assert_str_eq(got, want, "%.17g: \"%s\", not \"%s\"", x, got, want);
}

Test(num, six_digits_as_printf)
{
	const double some[] = {0,
			       -0.,
			       1,
			       -1,
			       10,
			       99999,
			       999999,
			       999999.4,
			       999999.5,
			       1e6,
			       123456.5,
			       1e-4,
			       9.9999949e-5,
			       9.9999951e-5,
			       .1,
			       .09999999999999999,
			       .0999999949,
			       2.5,
			       3.00000499999,
			       3.000005,
			       1e300,
			       5e-324,
			       INFINITY,
			       -INFINITY,
			       NAN};
	struct lc_rng r = {5, 1, 0};

	for (size_t i = 0; i < sizeof(some) / sizeof(*some); i++)
		as_printf(some[i]);
	for (int i = 0; i < 200000; i++) {
		double x = exp(30 * lc_rng_uniform(&r) - 12);
		as_printf(i % 2 ? x : -x);
	}
}

/* Halfway between two of six digits, and the doubles beside it. */
Test(num, ties_go_as_printf_takes_them)
{
	struct lc_rng r = {6, 1, 0};

	for (int i = 0; i < 50000; i++) {
		double scale = pow(10, floor(9 * lc_rng_uniform(&r)));
		double x = (100000 + (double)lc_rng_below(&r, 900000) + .5) / scale;
		as_printf(x);
		as_printf(nextafter(x, 0));
		as_printf(nextafter(x, INFINITY));
	}
}

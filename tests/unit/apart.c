/* apart: sums that do not depend on how elements are fed, exact conversions, what is not finite. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "apart.h"
#include "rng.h"

#define N 70001

Test(apart, numbers_by_hand)
{
	float a[4] = {1, 2, 3, 4}, b[4] = {1, 2, 3, 5};
	struct lc_apart s;

	lc_apart_init(&s, LC_F32);
	lc_apart_add(&s, a, b, 4);
	cr_assert_eq(s.n, 4);
	cr_assert_eq(s.changed, 1);
	cr_assert_eq(s.bytes, 1); /* 40800000 and 40a00000 */
	cr_assert_eq(s.max, 1);
	cr_assert_float_eq(lc_apart_relative(&s), 1 / sqrt(30), 1e-15);
}

Test(apart, feeding_does_not_matter)
{
	float *a = malloc(N * sizeof(*a)), *b = malloc(N * sizeof(*b));
	struct lc_apart whole, parts;
	struct lc_rng r = {.seed = 5};
	size_t at = 0;

	for (size_t i = 0; i < N; i++) {
		a[i] = (float)(lc_rng_uniform(&r) - 0.5) * (i % 7 ? 1e-3f : 1e4f);
		b[i] = i % 3 ? a[i] : a[i] * 1.001f;
	}
	lc_apart_init(&whole, LC_F32);
	lc_apart_add(&whole, a, b, N);
	lc_apart_init(&parts, LC_F32);
	while (at < N) {
		size_t n = (size_t)(lc_rng_uniform(&r) * 9000) + 1;
		n = n < N - at ? n : N - at;
		lc_apart_add(&parts, a + at, b + at, n);
		at += n;
	}
	cr_assert_eq(lc_apart_relative(&whole), lc_apart_relative(&parts));
	cr_assert_eq(memcmp(&whole, &parts, sizeof(whole)), 0);
	free(a);
	free(b);
}

Test(apart, sums_are_compensated)
{
	static float a[1 << 20], b[1 << 20];
	long double d2 = 0, a2 = 0;
	struct lc_apart s;

	for (size_t i = 0; i < 1 << 20; i++) {
		a[i] = i == 3 ? 1e8f : 1 + (float)(i % 1000) * 1e-3f;
		b[i] = a[i] + (float)(i % 17) * 0.01f;
		d2 += ((long double)b[i] - a[i]) * ((long double)b[i] - a[i]);
		a2 += (long double)a[i] * a[i];
	}
	lc_apart_init(&s, LC_F32);
	lc_apart_add(&s, a, b, 1 << 20);
	cr_assert_float_eq(lc_apart_relative(&s), (double)sqrtl(d2 / a2), 1e-14 * sqrt(d2 / a2));
}

Test(apart, not_finite)
{
	float a[5] = {1, NAN, INFINITY, 3, 0}, b[5] = {NAN, NAN, 2, -INFINITY, 1};
	struct lc_apart s;

	lc_apart_init(&s, LC_F32);
	lc_apart_add(&s, a, b, 5);
	cr_assert_eq(s.bad[0], 2);
	cr_assert_eq(s.bad[1], 3);
	cr_assert_eq(s.changed, 4);
	cr_assert_eq(s.max, 1);
	cr_assert(isinf(lc_apart_relative(&s))); /* only 0 and 1 are left */
}

Test(apart, zero_and_minus_zero)
{
	float a[2] = {0, 0}, b[2] = {0, -0.0f};
	struct lc_apart s;

	lc_apart_init(&s, LC_F32);
	lc_apart_add(&s, a, b, 2);
	cr_assert_eq(s.changed, 1);
	cr_assert_eq(lc_apart_relative(&s), 0);
}

/* IEEE 754-2008 3.4, the slow way. */
static double half(unsigned h)
{
	unsigned e = h >> 10 & 31, m = h & 1023;
	double x = e == 31  ? (m ? (double)NAN : (double)INFINITY)
		   : e == 0 ? ldexp(m, -24)
			    : ldexp(1 + m / 1024.0, (int)e - 15);

	return h & 0x8000 ? -x : x;
}

Test(apart, narrow_types_are_widened_exactly)
{
	for (unsigned h = 0; h < 65536; h++) {
		uint16_t x = (uint16_t)h;
		uint32_t wide = h << 16;
		float f;
		double got;
		memcpy(&f, &wide, 4);
		lc_apart_widen(LC_F16, &x, 1, &got);
		cr_assert(got == half(h) || (isnan(got) && isnan(half(h))), "f16 %04x", h);
		cr_assert_eq(signbit(got), signbit(half(h)));
		lc_apart_widen(LC_BF16, &x, 1, &got);
		cr_assert(got == (double)f || (isnan(got) && isnan(f)), "bf16 %04x", h);
		lc_apart_widen(LC_I16, &x, 1, &got);
		cr_assert_eq(got, (double)(int16_t)h);
	}
}

Test(apart, integers)
{
	int32_t a[2] = {-5, INT32_MIN}, b[2] = {-7, INT32_MAX};
	struct lc_apart s;

	lc_apart_init(&s, LC_I32);
	lc_apart_add(&s, a, b, 2);
	cr_assert_eq(s.max, 4294967295.0);
}

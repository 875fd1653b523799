/*
 * rng: the known answers of the Random123 distribution (kat_vectors), and draws that are what they
 * say.
 */
#include <criterion/criterion.h>
#include <math.h>

#include "rng.h"

static void block(uint64_t seed, uint64_t stream, uint64_t index, const uint32_t want[4])
{
	uint32_t got[4];

	lc_philox(seed, stream, index, got);
	cr_assert_arr_eq(got, want, sizeof(got));
}

Test(rng, known_answers)
{
	/* counter words are index low, index high, stream low, stream high; key words seed low,
	 * seed high */
	block(0, 0, 0, (uint32_t[]){0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
	block(~0ull, ~0ull, ~0ull, (uint32_t[]){0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
	block(0x299f31d0a4093822, 0x0370734413198a2e, 0x85a308d3243f6a88,
	      (uint32_t[]){0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

Test(rng, a_draw_is_a_function_of_where_it_is)
{
	struct lc_rng a = {1, 2, 0}, b = {1, 2, 7};
	uint64_t seventh;

	for (int i = 0; i < 7; i++)
		lc_rng_u64(&a);
	cr_assert_eq(a.index, 7);
	seventh = lc_rng_u64(&a);
	cr_assert_eq(lc_rng_u64(&b), seventh);
	b = (struct lc_rng){1, 3, 7};
	cr_assert_neq(lc_rng_u64(&b), seventh);
}

Test(rng, uniform_and_below_stay_inside)
{
	struct lc_rng r = {.seed = 3};
	int seen[7] = {0};
	double sum = 0;

	for (int i = 0; i < 70000; i++) {
		double u = lc_rng_uniform(&r);

		cr_assert(u >= 0 && u < 1);
		sum += u;
		seen[lc_rng_below(&r, 7)]++;
	}
	cr_assert(fabs(sum / 70000 - 0.5) < 5 * 0.2887 / sqrt(70000));
	for (int i = 0; i < 7; i++) /* five standard deviations of a binomial */
		cr_assert(fabs(seen[i] - 10000.0) < 5 * sqrt(70000.0 / 7 * 6 / 7), "%d: %d", i,
			  seen[i]);
	cr_assert_eq(lc_rng_below(&r, 1), 0);
}

Test(rng, normal_has_its_moments)
{
	struct lc_rng r = {.seed = 4};
	double m1 = 0, m2 = 0, m4 = 0;
	int n = 200000;

	for (int i = 0; i < n; i++) {
		double z = lc_rng_normal(&r);

		cr_assert(isfinite(z));
		m1 += z;
		m2 += z * z;
		m4 += z * z * z * z;
	}
	cr_assert(fabs(m1 / n) < 5 / sqrt(n));
	cr_assert(fabs(m2 / n - 1) < 5 * sqrt(2.0 / n));
	cr_assert(fabs(m4 / n - 3) < 5 * sqrt(96.0 / n));
}

/* resid: it finds a bias that is there, and keeps silent where there is none. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "resid.h"
#include "rng.h"

enum { GROUPS = 8, EACH = 20, N = GROUPS * EACH };

/* Residuals: size times a function of two inputs, a shift of the group's own, and noise. */
static struct lc_resid_case *world(double size)
{
	struct lc_resid_case *c = calloc(N, sizeof(*c));
	struct lc_rng r = {9, 1, 0};
	double shift = 0;

	for (int i = 0; i < N; i++) {
		if (i % EACH == 0)
			shift = .3 * lc_rng_normal(&r);
		c[i].group = i / EACH;
		for (int k = 0; k < LC_RESID_IN; k++)
			c[i].x[k] = (float)lc_rng_normal(&r);
		c[i].z = (float)(size * tanh(c[i].x[0]) * (1 + .5 * c[i].x[1]) + shift +
				 .5 * lc_rng_normal(&r));
	}
	return c;
}

Test(resid, a_bias_of_all_runs_is_found)
{
	struct lc_resid_case *c = world(1.5);
	double gain, se;
	struct lc_resid r;

	lc_resid_fit(&r, c, N, &gain, &se);
	cr_assert_gt(r.gate, .5, "gate %g", r.gate);
	cr_assert_gt(gain, .2);
	free(c);
}

Test(resid, noise_is_not_learned)
{
	struct lc_resid_case *c = world(0);
	double gain, se;
	struct lc_resid r;

	lc_resid_fit(&r, c, N, &gain, &se);
	cr_assert_leq(r.gate, .2, "gate %g, gain %g, se %g", r.gate, gain, se);
	cr_assert_lt(gain, .02);
	free(c);
}

Test(resid, the_same_data_give_the_same_bits_and_json_keeps_them)
{
	struct lc_resid_case *c = world(1.5);
	struct lc_resid a, b;
	float z[3], y[3];
	struct lc_err err;
	json_t *j;

	lc_resid_train(&a, c, N, 2);
	lc_resid_train(&b, c, N, 2);
	cr_assert(memcmp(&a, &b, sizeof(a)) == 0);
	j = lc_resid_json(&a);
	cr_assert_eq(lc_resid_parse(&b, j, &err), 0);
	cr_assert(memcmp(&a, &b, sizeof(a)) == 0);
	for (int i = 0; i < 3; i++)
		lc_resid_predict(&a, c[i].x, 1, &z[i]);
	for (int i = 0; i < 3; i++)
		lc_resid_predict(&b, c[i].x, 1, &y[i]);
	cr_assert(memcmp(z, y, sizeof(z)) == 0);
	json_array_remove(json_object_get(j, "w2"), 0);
	cr_assert_eq(lc_resid_parse(&b, j, &err), -1);
	cr_assert_eq(b.gate, 0);
	json_decref(j);
	free(c);
}

Test(resid, nothing_to_learn_from_is_gate_0)
{
	struct lc_resid_case one = {.group = 0, .x = {1}, .z = 2};
	double gain, se;
	struct lc_resid r;

	lc_resid_fit(&r, NULL, 0, &gain, &se);
	cr_assert_eq(r.gate, 0);
	lc_resid_fit(&r, &one, 1, &gain, &se);
	cr_assert_eq(r.gate, 0);
}

/* What helps two groups and harms a third is open by one standard error, and not by two. */
Test(resid, a_lucky_gain_opens_no_gate)
{
	struct lc_resid_case c[] = {
		{.group = 0, .z = 1}, {.group = 1, .z = 1}, {.group = 2, .z = 1}};
	float z[] = {1, 1, 1};
	double gain, se;

	cr_assert_eq(lc_resid_gate(c, z, 3, &gain, &se), 1);
	c[1].z = .7f;
	c[2].z = .2f;
	cr_assert_eq(lc_resid_gate(c, z, 3, &gain, &se), 0);
	cr_assert(gain > se && gain < 2 * se, "%g %g", gain, se);
}

/* stack: weights against worlds where the best mixture is known. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "rng.h"
#include "stack.h"

enum { GROUPS = 40, EACH = 25, N = GROUPS * EACH };

/*
 * Values from expert 1's density with probability p, else from expert 0's; experts sit at -3 and 3
 * with sd 1. Horizons go over all buckets.
 */
static struct lc_stack_case *world(double p, int experts)
{
	struct lc_stack_case *c = calloc(N, sizeof(*c));
	struct lc_rng r = {7, 1, 0};

	for (int i = 0; i < N; i++) {
		int of = lc_rng_uniform(&r) < p;
		double y = (of ? 3 : -3) + lc_rng_normal(&r);
		c[i].group = i / EACH;
		c[i].horizon = (i % 6 + 1) * .12;
		for (int e = 0; e < experts; e++)
			c[i].logp[e] = lc_log_normal(y, e == 0 ? -3 : e == 1 ? 3 : 50, 1);
	}
	return c;
}

Test(stack, the_mixture_that_made_the_data_is_found)
{
	struct lc_stack_case *c = world(.3, 3);
	struct lc_stack s;

	lc_stack_fit(&s, 3, c, N);
	for (int b = 0; b < LC_STACK_BUCKETS; b++) {
		double sum = s.weight[b][0] + s.weight[b][1] + s.weight[b][2];
		cr_assert_float_eq(sum, 1, 1e-9);
		if (s.groups[b] > 0)
			cr_assert_float_eq(s.weight[b][1], .3, .1, "bucket %d: %g", b,
					   s.weight[b][1]);
		cr_assert_lt(s.weight[b][2], .02);
	}
	cr_assert_gt(lc_stack_gain(3, c, N, NULL), .5);
	free(c);
}

Test(stack, nothing_held_out_leaves_all_to_the_first)
{
	double mean[2] = {1, 9}, sd[2] = {.5, .1}, m, s1;
	struct lc_stack s;

	lc_stack_fit(&s, 2, NULL, 0);
	lc_stack_mix(&s, .1, mean, sd, &m, &s1);
	cr_assert_float_eq(m, 1, 1e-12);
	cr_assert_float_eq(s1, .5, 1e-12);
	cr_assert_eq(lc_stack_gain(2, NULL, 0, NULL), 0);
}

Test(stack, an_expert_that_adds_nothing_gains_nothing)
{
	struct lc_stack_case *c = world(0, 2);
	double se;

	cr_assert_lt(lc_stack_gain(2, c, N, &se), 1e-3);
	cr_assert_geq(se, 0);
	free(c);
}

Test(stack, a_group_counts_as_one_case)
{
	struct lc_stack_case *c = world(.5, 2);
	struct lc_stack once, often;
	size_t n = 0;
	struct lc_stack_case *many = calloc((size_t)N + 9 * EACH, sizeof(*many));

	for (int i = 0; i < N; i++)
		for (int k = 0; k < (c[i].group == 0 ? 10 : 1); k++)
			many[n++] = c[i];
	lc_stack_fit(&once, 2, c, N);
	lc_stack_fit(&often, 2, many, n);
	for (int b = 0; b < LC_STACK_BUCKETS; b++)
		cr_assert_float_eq(once.weight[b][0], often.weight[b][0], 1e-9);
	free(c);
	free(many);
}

Test(stack, an_expert_that_is_silent_or_wild_is_left_out_of_the_mix)
{
	struct lc_stack_case *c = world(.5, 2);
	double mean[2] = {1, NAN}, sd[2] = {.5, .1}, m, s1;
	struct lc_stack s;

	c[3].logp[0] = -INFINITY;
	c[4].logp[1] = NAN;
	c[5].logp[0] = c[5].logp[1] = -INFINITY;
	lc_stack_fit(&s, 2, c, N);
	cr_assert(s.weight[2][0] > 0 && s.weight[2][0] < 1);
	lc_stack_mix(&s, .1, mean, sd, &m, &s1);
	cr_assert_float_eq(m, 1, 1e-12);
	cr_assert_float_eq(s1, .5, 1e-12);
	free(c);
}

Test(stack, json_reads_back_and_nonsense_is_refused)
{
	struct lc_stack_case *c = world(.3, 2);
	struct lc_stack s, back;
	struct lc_err err;
	json_t *j;

	lc_stack_fit(&s, 2, c, N);
	j = lc_stack_json(&s);
	cr_assert_eq(lc_stack_parse(&back, j, &err), 0);
	cr_assert_eq(memcmp(&s, &back, sizeof(s)), 0);
	json_object_set_new(j, "experts", json_integer(3));
	cr_assert_eq(lc_stack_parse(&back, j, &err), -1);
	cr_assert_eq(err.code, LC_DATA);
	json_decref(j);
	free(c);
}

/*
 * rule: each peer's rule fires where its own definition says, and not one step or one unit before.
 */
#include <criterion/criterion.h>
#include <math.h>

#include "rule.h"

static struct lc_step step_of(long step, double loss, double grad)
{
	struct lc_step st = {.step = step, .has = 1u << LC_LOSS};

	for (int m = 0; m < LC_METRICS; m++)
		st.v[m] = NAN;
	st.v[LC_LOSS] = loss;
	if (grad >= 0) {
		st.v[LC_GRAD_NORM] = grad;
		st.has |= 1u << LC_GRAD_NORM;
	}
	return st;
}

/* Does the rule fire at x, after n losses that alternate between a and b? */
static int fires(const char *rule, int n, double a, double b, double x)
{
	struct lc_rule *r = lc_rule_open(rule, NULL);
	struct lc_rule_fired f;
	struct lc_step st;
	int got;

	cr_assert(r);
	for (int i = 0; i < n; i++) {
		st = step_of(i, i % 2 ? b : a, -1);
		cr_assert(!lc_rule_step(r, &st, &f), "%s fired at %d", rule, i);
	}
	st = step_of(n, x, -1);
	got = lc_rule_step(r, &st, &f);
	lc_rule_close(r);
	return got;
}

Test(rule, olmo_is_six_sigma_of_the_last_128_two_sided)
{
	double sd = sqrt(128. / 127); /* of 64 times 9 and 64 times 11 */

	cr_assert(fires("olmo", 128, 9, 11, 10 + 6.01 * sd));
	cr_assert(!fires("olmo", 128, 9, 11, 10 + 5.99 * sd));
	cr_assert(fires("olmo", 128, 9, 11, 10 - 6.01 * sd));
	cr_assert(fires("olmo", 128, 9, 11, NAN));
	cr_assert(!fires("olmo", 62, 9, 11, 100)); /* half a window, with x */
	cr_assert(fires("olmo", 63, 9, 11, 100));
	cr_assert(fires("olmo:4", 128, 9, 11, 10 + 4.01 * sd));
}

Test(rule, llmc_has_the_value_in_its_own_window)
{
	/* z of x beside 127 others is at most 127 / sqrt(127): the limit cannot be passed */
	cr_assert(fires("llmc:11", 128, 9, 11, 1e6));
	cr_assert(!fires("llmc:11.3", 128, 9, 11, 1e6));
	cr_assert(!fires("llmc", 127, 9, 11, 1e6));
	cr_assert(!fires("llmc", 128, 9, 11, NAN));
}

Test(rule, zclip_is_an_exponential_z)
{
	/* after 26 values of its warm-up of 25, near mean 10 and sd 1 */
	cr_assert(fires("zclip", 26, 9, 11, 12.8));
	cr_assert(!fires("zclip", 26, 9, 11, 12.2));
	cr_assert(!fires("zclip", 24, 9, 11, 1000));
}

Test(rule, zclip_prefers_the_gradient_norm)
{
	struct lc_rule *r = lc_rule_open("zclip", NULL);
	struct lc_rule_fired f;
	struct lc_step st;

	for (int i = 0; i < 40; i++) {
		st = step_of(i, 1000 * (i % 7), 1 + i % 2);
		cr_assert(!lc_rule_step(r, &st, &f));
	}
	st = step_of(40, 1, 9);
	cr_assert(lc_rule_step(r, &st, &f));
	cr_assert_eq(f.metric, LC_GRAD_NORM);
	lc_rule_close(r);
}

Test(rule, lightning_is_three_times_the_mean)
{
	cr_assert(fires("lightning", 20, 2, 2, 6));
	cr_assert(!fires("lightning", 20, 2, 2, 5.99));
	cr_assert(fires("lightning", 20, 2, 2, NAN));
}

Test(rule, megatron_is_ten_times_the_largest_of_the_first_hundred)
{
	cr_assert(fires("megatron", 100, 3, 11, 110));
	cr_assert(!fires("megatron", 100, 3, 11, 109.9));
	cr_assert(!fires("megatron", 99, 3, 11, 1e9));
	cr_assert(fires("megatron", 1, 3, 11, INFINITY));
}

Test(rule, foundry_waits_for_five_in_a_row)
{
	struct lc_rule *r = lc_rule_open("foundry", NULL);
	struct lc_rule_fired f;
	struct lc_step st;

	for (int i = 0; i < 109; i++) {
		/* 4 in a row, one that is not, then 5 */
		st = step_of(i, i < 100 || i == 104 ? 2 : 9, -1);
		cr_assert(!lc_rule_step(r, &st, &f), "at %d", i);
	}
	st = step_of(109, 9, -1);
	cr_assert(lc_rule_step(r, &st, &f));
	lc_rule_close(r);
}

Test(rule, page_hinkley_sums_what_is_above_the_mean)
{
	cr_assert(fires("page-hinkley", 99, 0, 0, 51));
	cr_assert(!fires("page-hinkley", 99, 0, 0, 50));
	cr_assert(!fires("page-hinkley", 27, 0, 0, 1e6));
	cr_assert(fires("page-hinkley", 28, 0, 0, 1e6));
}

Test(rule, ewma_is_a_ratio)
{
	cr_assert(fires("ewma", 50, 2, 2, 2.51));
	cr_assert(!fires("ewma", 50, 2, 2, 2.5));
}

Test(rule, names)
{
	struct lc_err err;
	int n = 0;

	for (; lc_rule_name(n); n++) {
		struct lc_rule *r = lc_rule_open(lc_rule_name(n), &err);

		cr_assert(r);
		lc_rule_close(r);
	}
	cr_assert_eq(n, 8);
	cr_assert_null(lc_rule_open("olmo2", &err));
	cr_assert_eq(err.code, LC_USAGE);
	cr_assert_null(lc_rule_open("olmo:", &err));
	cr_assert_null(lc_rule_open("olmo:-1", &err));
	cr_assert_null(lc_rule_open("olmo:6x", &err));
	cr_assert_null(lc_rule_open("", &err));
}

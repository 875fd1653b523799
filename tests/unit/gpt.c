/*
 * gpt: the whole gradient against finite differences, and what the passes must not depend on.
 */
#include <string.h>

#include "tinygpt.h"

static double loss_at(struct world *x, void *unused, const float *w)
{
	(void)unused;
	lc_gpt_prepare(&x->g, w);
	return lc_gpt_loss(&x->g, x->k, w, x->tokens, ROWS);
}

/* Each tensor along two directions. */
Test(gpt, gradient_is_the_slope_of_the_loss)
{
	struct world x;
	struct lc_rng rng = {11, 78, 0};

	set_up(&x);
	lc_gpt_grad(&x.g, x.k, x.w, x.tokens, ROWS, 1, x.grad);
	for (int i = 0; i < x.g.ntensors; i++)
		for (int dir = 0; dir < 2; dir++) {
			const struct lc_gpt_tensor *t = &x.g.tensors[i];
			float *u = lc_xalloc(x.g.count, sizeof(*u));
			double norm = 0;

			for (size_t j = t->at; j < t->at + t->n; j++) {
				/* one direction leans on the gradient: large tensors have small
				 * random slopes */
				u[j] = dir ? (float)lc_rng_normal(&rng) : x.grad[j];
				norm += (double)x.grad[j] * (double)x.grad[j];
			}
			cr_assert(norm > 0, "%s has no gradient", t->name);
			holds_along(&x, loss_at, NULL, u, t->name);
			free(u);
		}
	tear_down(&x);
}

Test(gpt, loss_and_gradient_agree_on_the_loss)
{
	struct world x;

	set_up(&x);
	cr_assert_eq(lc_gpt_loss(&x.g, x.k, x.w, x.tokens, ROWS),
		     lc_gpt_grad(&x.g, x.k, x.w, x.tokens, ROWS, 1, x.grad));
	tear_down(&x);
}

Test(gpt, bits_do_not_depend_on_what_the_workspace_held)
{
	struct world x;
	struct lc_gpt_work *larger;
	float *again;

	set_up(&x);
	again = lc_xalloc(x.g.count, sizeof(*again));
	lc_gpt_grad(&x.g, x.k, x.w, x.tokens, ROWS, 0.5f, x.grad);
	larger = lc_gpt_work_open(&x.g, ROWS + 3);
	lc_gpt_grad(&x.g, larger, x.w, x.tokens + CTX + 1, 1, 2, again);
	lc_gpt_grad(&x.g, larger, x.w, x.tokens, ROWS, 0.5f, again);
	cr_assert_arr_eq(x.grad, again, x.g.count * sizeof(*again));
	lc_gpt_work_close(larger);
	free(again);
	tear_down(&x);
}

Test(gpt, rows_do_not_see_each_other)
{
	struct world x;
	double both, one, other;

	set_up(&x);
	both = lc_gpt_loss(&x.g, x.k, x.w, x.tokens, 2);
	one = lc_gpt_loss(&x.g, x.k, x.w, x.tokens, 1);
	other = lc_gpt_loss(&x.g, x.k, x.w, x.tokens + CTX + 1, 1);
	cr_assert(one > 0 && other > 0 && one != other);
	cr_assert(fabs(both - one - other) < 1e-9 * both, "%.12g, not %.12g + %.12g", both, one,
		  other);
	tear_down(&x);
}

Test(gpt, fresh_weights_know_nothing)
{
	struct world x;
	double loss;

	set_up(&x);
	lc_gpt_randomise(&x.g, x.w, 3);
	loss = loss_at(&x, NULL, x.w) / (ROWS * CTX);
	cr_assert(fabs(loss - log(256)) < 0.05, "%g", loss);
	tear_down(&x);
}

Test(gpt, weights_are_a_function_of_the_seed)
{
	struct world x;
	float *w;

	set_up(&x);
	w = lc_xalloc(x.g.count, sizeof(*w));
	lc_gpt_randomise(&x.g, x.w, 3);
	lc_gpt_randomise(&x.g, w, 3);
	cr_assert_arr_eq(w, x.w, x.g.count * sizeof(*w));
	lc_gpt_randomise(&x.g, w, 4);
	cr_assert(memcmp(w, x.w, x.g.count * sizeof(*w)) != 0);
	free(w);
	tear_down(&x);
}

Test(gpt, stats_of_a_uniform_attention)
{
	struct world x;
	struct lc_gpt_stats s;
	double want = 0;

	set_up(&x);
	for (int i = 0; i < x.g.ntensors; i++) /* no queries: every key weighs the same */
		if (strstr(x.g.tensors[i].name, "qkv"))
			memset(x.w + x.g.tensors[i].at, 0, x.g.tensors[i].n / 3 * sizeof(float));
	loss_at(&x, NULL, x.w);
	lc_gpt_stats(&x.g, x.k, ROWS, &s);
	for (int i = 0; i < CTX; i++)
		want += log(i + 1) / CTX;
	cr_assert(fabs(s.attn_entropy - want) < 1e-5, "%g, not %g", s.attn_entropy, want);
	cr_assert_eq(s.attn_logit_max, 0);
	cr_assert(s.act_kurtosis > 1 && s.act_kurtosis < 32, "%g", s.act_kurtosis);
	tear_down(&x);
}

Test(gpt, sizes_that_do_not_go_together)
{
	static const struct lc_gpt_shape bad[] = {{0, 64, 2, 64}, {2, 60, 2, 64}, {2, 64, 3, 64},
						  {2, 64, 0, 64}, {2, 64, 2, 65}, {2, 64, 2, 0}};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct lc_gpt g;
		struct lc_err err;

		cr_assert_eq(lc_gpt_init(&g, &bad[i], NULL, &err), -1, "%zu", i);
		cr_assert_eq(err.code, LC_USAGE);
	}
}

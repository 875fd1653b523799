/*
 * gpt: the whole gradient against finite differences, and what the passes must not depend on.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gpt.h"
#include "io.h"
#include "rng.h"

#define ROWS 2

static const struct lc_gpt_shape tiny = {2, 32, 2, 32};

/* A model with large random weights (so that no gradient is tiny), and a batch. */
struct world {
	struct lc_gpt g;
	struct lc_gpt_work *k;
	float *w, *grad;
	uint8_t tokens[ROWS * 33];
};

static void set_up(struct world *x, lc_sgemm_fn *blas)
{
	struct lc_rng rng = {5, 77, 0};
	struct lc_err err;

	cr_assert_eq(lc_gpt_init(&x->g, &tiny, blas, &err), 0);
	x->w = lc_xalloc(x->g.count, sizeof(float));
	x->grad = lc_xalloc(x->g.count, sizeof(float));
	x->k = lc_gpt_work_open(&x->g, ROWS);
	lc_gpt_randomise(&x->g, x->w, 1);
	for (size_t i = 0; i < x->g.count; i++)
		x->w[i] += 0.15f * (float)lc_rng_normal(&rng);
	for (size_t i = 0; i < sizeof(x->tokens); i++)
		x->tokens[i] = (uint8_t)lc_rng_below(&rng, 256);
	lc_gpt_prepare(&x->g, x->w);
}

static void tear_down(struct world *x)
{
	lc_gpt_work_close(x->k);
	lc_gpt_release(&x->g);
	free(x->w);
	free(x->grad);
}

static double loss_at(struct world *x, const float *w)
{
	lc_gpt_prepare(&x->g, w);
	return lc_gpt_loss(&x->g, x->k, w, x->tokens, ROWS);
}

/* d loss / d (w + h u) at 0, for u nonzero in tensor t only; central, with Richardson's
 * extrapolation. */
static double slope(struct world *x, const struct lc_gpt_tensor *t, const float *u, double h)
{
	float *w = lc_xalloc(x->g.count, sizeof(*w));
	double at[4];
	static const double steps[4] = {1, -1, 2, -2};

	for (int i = 0; i < 4; i++) {
		memcpy(w, x->w, x->g.count * sizeof(*w));
		for (size_t j = 0; j < t->n; j++)
			w[t->at + j] += (float)(steps[i] * h * (double)u[j]);
		at[i] = loss_at(x, w);
	}
	free(w);
	return (8 * (at[0] - at[1]) - (at[2] - at[3])) / (12 * h);
}

/*
 * Each tensor along two random directions of length 1. The loss is a sum of 64 float losses near 6,
 * each good to about 1e-6, so the quotient is good to 1e-5/h = 3e-3; slopes are of size 1 to 30.
 */
Test(gpt, gradient_is_the_slope_of_the_loss)
{
	struct world x;
	struct lc_rng rng = {11, 78, 0};

	set_up(&x, NULL);
	lc_gpt_grad(&x.g, x.k, x.w, x.tokens, ROWS, 1, x.grad);
	for (int i = 0; i < x.g.ntensors; i++)
		for (int dir = 0; dir < 2; dir++) {
			const struct lc_gpt_tensor *t = &x.g.tensors[i];
			float *u = lc_xalloc(t->n, sizeof(*u));
			double len = 0, want, got = 0, norm = 0;

			for (size_t j = 0; j < t->n; j++) {
				double g = (double)x.grad[t->at + j];

				/* one direction leans on the gradient: large tensors have small
				 * random slopes */
				u[j] = dir ? (float)lc_rng_normal(&rng) : (float)g;
				len += (double)u[j] * (double)u[j];
				norm += g * g;
			}
			cr_assert(norm > 0, "%s has no gradient", t->name);
			for (size_t j = 0; j < t->n; j++) {
				u[j] = (float)((double)u[j] / sqrt(len));
				got += (double)u[j] * (double)x.grad[t->at + j];
			}
			want = slope(&x, t, u, 3e-3);
			cr_assert(fabs(got - want) < 6e-3 + 1e-3 * fabs(want),
				  "%s: gradient says %g, the loss %g", t->name, got, want);
			free(u);
		}
	tear_down(&x);
}

Test(gpt, loss_and_gradient_agree_on_the_loss)
{
	struct world x;

	set_up(&x, NULL);
	cr_assert_eq(lc_gpt_loss(&x.g, x.k, x.w, x.tokens, ROWS),
		     lc_gpt_grad(&x.g, x.k, x.w, x.tokens, ROWS, 1, x.grad));
	tear_down(&x);
}

Test(gpt, bits_do_not_depend_on_what_the_workspace_held)
{
	struct world x;
	struct lc_gpt_work *larger;
	float *again;

	set_up(&x, NULL);
	again = lc_xalloc(x.g.count, sizeof(*again));
	lc_gpt_grad(&x.g, x.k, x.w, x.tokens, ROWS, 0.5f, x.grad);
	larger = lc_gpt_work_open(&x.g, ROWS + 3);
	lc_gpt_grad(&x.g, larger, x.w, x.tokens + 33, 1, 2, again);
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

	set_up(&x, NULL);
	both = lc_gpt_loss(&x.g, x.k, x.w, x.tokens, 2);
	one = lc_gpt_loss(&x.g, x.k, x.w, x.tokens, 1);
	other = lc_gpt_loss(&x.g, x.k, x.w, x.tokens + 33, 1);
	cr_assert(one > 0 && other > 0 && one != other);
	cr_assert(fabs(both - one - other) < 1e-9 * both, "%.12g, not %.12g + %.12g", both, one,
		  other);
	tear_down(&x);
}

Test(gpt, fresh_weights_know_nothing)
{
	struct world x;
	double loss;

	set_up(&x, NULL);
	lc_gpt_randomise(&x.g, x.w, 3);
	loss = loss_at(&x, x.w) / (ROWS * 32);
	cr_assert(fabs(loss - log(256)) < 0.05, "%g", loss);
	tear_down(&x);
}

Test(gpt, weights_are_a_function_of_the_seed)
{
	struct world x;
	float *w;

	set_up(&x, NULL);
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

	set_up(&x, NULL);
	for (int i = 0; i < x.g.ntensors; i++) /* no queries: every key weighs the same */
		if (strstr(x.g.tensors[i].name, "qkv"))
			memset(x.w + x.g.tensors[i].at, 0, x.g.tensors[i].n / 3 * sizeof(float));
	loss_at(&x, x.w);
	lc_gpt_stats(&x.g, x.k, ROWS, &s);
	for (int i = 0; i < 32; i++)
		want += log(i + 1) / 32;
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

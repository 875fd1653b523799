/*
 * tinygpt: a small model with large random weights (so that no gradient is tiny), a batch, and its
 * gradient against finite differences of the loss. For tests of whole passes.
 */
#ifndef TINYGPT_H
#define TINYGPT_H

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "gpt.h"
#include "io.h"
#include "rng.h"

enum { ROWS = 3, CTX = 32 };

struct world {
	struct lc_gpt g;
	struct lc_gpt_work *k;
	float *w, *grad;
	uint8_t tokens[ROWS * (CTX + 1)];
};

static void set_up(struct world *x)
{
	static const struct lc_gpt_shape tiny = {2, 32, 2, CTX};
	struct lc_rng rng = {5, 79, 0};
	struct lc_err err;

	cr_assert_eq(lc_gpt_init(&x->g, &tiny, NULL, &err), 0);
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

/* The loss of the batch under weights w. */
typedef double loss_fn(struct world *x, void *ctx, const float *w);

/* d loss / d (w + h u) at 0; central, with Richardson's extrapolation. */
static double slope(struct world *x, loss_fn *loss, void *ctx, const float *u)
{
	static const double steps[4] = {1, -1, 2, -2}, h = 3e-3;
	float *w = lc_xalloc(x->g.count, sizeof(*w));
	double at[4];

	for (int i = 0; i < 4; i++) {
		for (size_t j = 0; j < x->g.count; j++)
			w[j] = x->w[j] + (float)(steps[i] * h * (double)u[j]);
		at[i] = loss(x, ctx, w);
	}
	free(w);
	return (8 * (at[0] - at[1]) - (at[2] - at[3])) / (12 * h);
}

/*
 * x->grad along u, which is made 1 long. The loss is a sum of up to 96 float losses near 6, each
 * good to about 1e-6, so the quotient is good to 1e-5/h = 3e-3; slopes are of size 1 to 30.
 */
static void holds_along(struct world *x, loss_fn *loss, void *ctx, float *u, const char *what)
{
	double len = 0, got = 0, want;

	for (size_t j = 0; j < x->g.count; j++)
		len += (double)u[j] * (double)u[j];
	for (size_t j = 0; j < x->g.count; j++) {
		u[j] = (float)((double)u[j] / sqrt(len));
		got += (double)u[j] * (double)x->grad[j];
	}
	want = slope(x, loss, ctx, u);
	cr_assert(fabs(got - want) < 6e-3 + 1e-3 * fabs(want), "%s: gradient says %g, the loss %g",
		  what, got, want);
}

#endif

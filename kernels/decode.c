/* decode: see decode.h. c is dim, s the width of a head throughout. */
#include "decode.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gelu.h"
#include "gemm.h"
#include "io.h"
#include "rmsnorm.h"

struct lc_decode {
	float *keys, *values; /* (layers, rows, ctx, c) */
	float *x, *h, *qkv, *att, *up, *rstd, *logits, *score;
	int rows;
};

struct lc_decode *lc_decode_open(const struct lc_gpt *g, int rows)
{
	size_t n = (size_t)rows, c = (size_t)g->shape.dim, t = (size_t)g->shape.ctx;
	struct lc_decode *d = lc_xalloc(1, sizeof(*d));

	d->rows = rows;
	d->keys = lc_xalloc((size_t)g->shape.layers * n * t * c, sizeof(float));
	d->values = lc_xalloc((size_t)g->shape.layers * n * t * c, sizeof(float));
	d->x = lc_xalloc(n * c, sizeof(float));
	d->h = lc_xalloc(n * c, sizeof(float));
	d->qkv = lc_xalloc(n * 3 * c, sizeof(float));
	d->att = lc_xalloc(n * c, sizeof(float));
	d->up = lc_xalloc(n * 4 * c, sizeof(float));
	d->rstd = lc_xalloc(n, sizeof(float));
	d->logits = lc_xalloc(n * LC_GPT_VOCAB, sizeof(float));
	d->score = lc_xalloc(t, sizeof(float));
	return d;
}

void lc_decode_close(struct lc_decode *d)
{
	if (!d)
		return;
	free(d->keys);
	free(d->values);
	free(d->x);
	free(d->h);
	free(d->qkv);
	free(d->att);
	free(d->up);
	free(d->rstd);
	free(d->logits);
	free(d->score);
	free(d);
}

/* One query q (s) against positions 0 to t of keys and values, each (t+1, s) with rows c apart. */
static void attend(float *out, float *score, const float *q, const float *keys, const float *values,
		   int c, int s, int t)
{
	float top = -INFINITY, sum = 0, scale = 1 / sqrtf((float)s);

	for (int i = 0; i <= t; i++) {
		float dot = 0;

		for (int j = 0; j < s; j++)
			dot += q[j] * keys[i * c + j];
		score[i] = dot * scale;
		top = score[i] > top ? score[i] : top;
	}
	for (int i = 0; i <= t; i++)
		sum += score[i] = expf(score[i] - top);
	memset(out, 0, (size_t)s * sizeof(*out));
	for (int i = 0; i <= t; i++)
		for (int j = 0; j < s; j++)
			out[j] += score[i] / sum * values[i * c + j];
}

static void attention(struct lc_decode *d, const struct lc_gpt *g, int layer, int rows, int t)
{
	int c = g->shape.dim, s = c / g->shape.heads;

	for (int r = 0; r < rows; r++) {
		size_t at = ((size_t)(layer * d->rows + r) * (size_t)g->shape.ctx) * (size_t)c;
		size_t now = at + (size_t)t * (size_t)c;
		const float *q = d->qkv + (size_t)r * 3 * (size_t)c;

		memcpy(d->keys + now, q + c, (size_t)c * sizeof(float));
		memcpy(d->values + now, q + 2 * c, (size_t)c * sizeof(float));
		for (int h = 0; h < c; h += s)
			attend(d->att + (size_t)r * (size_t)c + h, d->score, q + h,
			       d->keys + at + h, d->values + at + h, c, s, t);
	}
}

/* out (rows,n) = in (rows,k) of the weight at `at`, added to out with beta 1. */
static void product(const struct lc_gpt *g, float *out, const float *in, size_t at, int rows, int n,
		    int k, int beta)
{
	lc_gemm_nn_cpu(out, n, in, k, g->wt + at, n, rows, n, k, beta);
}

const float *lc_decode_step(struct lc_decode *d, const struct lc_gpt *g, const float *w,
			    const uint8_t *tokens, int stride, int rows, int t)
{
	int c = g->shape.dim;
	const float *embed = w + g->tensors[0].at, *pos = w + g->tensors[1].at + t * c;

	for (int r = 0; r < rows; r++)
		for (int j = 0; j < c; j++)
			d->x[r * c + j] = embed[tokens[r * stride + t] * c + j] + pos[j];
	for (int l = 0; l < g->shape.layers; l++) {
		lc_rmsnorm_cpu(d->h, d->rstd, d->x, w + lc_gpt_part(g, l, LC_GPT_NORM1), rows, c);
		product(g, d->qkv, d->h, lc_gpt_part(g, l, LC_GPT_QKV), rows, 3 * c, c, 0);
		attention(d, g, l, rows, t);
		product(g, d->x, d->att, lc_gpt_part(g, l, LC_GPT_PROJ), rows, c, c, 1);
		lc_rmsnorm_cpu(d->h, d->rstd, d->x, w + lc_gpt_part(g, l, LC_GPT_NORM2), rows, c);
		product(g, d->up, d->h, lc_gpt_part(g, l, LC_GPT_UP), rows, 4 * c, c, 0);
		lc_gelu_cpu(d->up, d->up, (size_t)rows * 4 * (size_t)c);
		product(g, d->x, d->up, lc_gpt_part(g, l, LC_GPT_DOWN), rows, c, 4 * c, 1);
	}
	lc_rmsnorm_cpu(d->h, d->rstd, d->x, w + g->tensors[g->ntensors - 1].at, rows, c);
	product(g, d->logits, d->h, g->tensors[0].at, rows, LC_GPT_VOCAB, c, 0);
	return d->logits;
}

/* gpt: see gpt.h. Here the layout and the passes; n is rows * ctx, c is dim throughout. */
#include "gpt.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attention.h"
#include "gelu.h"
#include "gemm.h"
#include "io.h"
#include "rmsnorm.h"
#include "rng.h"
#include "vec.h"
#include "xent.h"

/* Columns from which a BLAS, which packs its operands, is the faster: scripts/bench/blas. */
#define SIDE_MAX (1 << 14) /* of dim and ctx */
#define WIDE 1024

enum { EMBED, POS, BLOCKS };
#define PER_BLOCK LC_GPT_PARTS

struct lc_gpt_work {
	float *x;	     /* (2 layers + 1, n, c): the residual stream after each half block */
	float *norm, *rstd;  /* (2 layers + 1, n, c) and (.., n): what the norms gave */
	float *qkv;	     /* (layers, n, 3c) */
	float *prob;	     /* (layers, rows, heads, ctx, ctx) */
	float *att;	     /* (layers, n, c) */
	float *up, *act;     /* (layers, n, 4c) before and after the GELU */
	float *logits;	     /* (n, vocab), then their gradient */
	float *loss;	     /* (n) */
	float *dx, *da, *db; /* (n, c), (n, 4c), (n, 4c): gradients on their way down */
	float *scratch;
	uint8_t *target; /* (n) */
	int rows;
};

static size_t add_tensor(struct lc_gpt *g, const char *name, size_t rows, size_t cols)
{
	struct lc_gpt_tensor *t = &g->tensors[g->ntensors++];

	snprintf(t->name, sizeof(t->name), "%s.weight", name);
	t->at = g->count;
	t->n = rows * (cols ? cols : 1);
	t->dims = cols ? 2 : 1;
	t->shape[0] = rows;
	t->shape[1] = cols;
	g->count += t->n;
	return t->at;
}

static void add_block(struct lc_gpt *g, int l, size_t c)
{
	static const struct {
		const char *name;
		int rows, cols;
	} parts[PER_BLOCK] = {
		/* in units of c */
		{"norm1", 1, 0}, {"attn.qkv", 3, 1}, {"attn.proj", 1, 1},
		{"norm2", 1, 0}, {"mlp.up", 4, 1},   {"mlp.down", 1, 4},
	};
	char name[32];

	for (int i = 0; i < PER_BLOCK; i++) {
		snprintf(name, sizeof(name), "blocks.%d.%s", l, parts[i].name);
		add_tensor(g, name, (size_t)parts[i].rows * c, (size_t)parts[i].cols * c);
	}
}

int lc_gpt_init(struct lc_gpt *g, const struct lc_gpt_shape *shape, lc_sgemm_fn *blas,
		struct lc_err *err)
{
	size_t c = (size_t)shape->dim;

	memset(g, 0, sizeof(*g));
	if (shape->layers < 1 || shape->layers > 999)
		return lc_fail(err, LC_USAGE, "layers %d: must be from 1 to 999", shape->layers);
	if (shape->heads < 1 || shape->heads > SIDE_MAX / 16)
		return lc_fail(err, LC_USAGE, "heads %d: must be from 1 to %d", shape->heads,
			       SIDE_MAX / 16);
	if (shape->dim < 16 || shape->dim > SIDE_MAX || shape->dim % (16 * shape->heads) != 0)
		return lc_fail(
			err, LC_USAGE,
			"dim %d, heads %d: dim/heads must be a multiple of 16, dim at most %d",
			shape->dim, shape->heads, SIDE_MAX);
	if (shape->ctx < 16 || shape->ctx > SIDE_MAX || shape->ctx % 16 != 0)
		return lc_fail(err, LC_USAGE, "ctx %d: must be a multiple of 16, at most %d",
			       shape->ctx, SIDE_MAX);
	g->shape = *shape;
	g->blas = blas;
	g->tensors =
		lc_xalloc((size_t)(BLOCKS + PER_BLOCK * shape->layers + 1), sizeof(*g->tensors));
	add_tensor(g, "embed", LC_GPT_VOCAB, c);
	add_tensor(g, "pos", (size_t)shape->ctx, c);
	for (int l = 0; l < shape->layers; l++)
		add_block(g, l, c);
	add_tensor(g, "norm", c, 0);
	g->wt = lc_xalloc(g->count, sizeof(*g->wt));
	return 0;
}

void lc_gpt_release(struct lc_gpt *g)
{
	free(g->tensors);
	free(g->wt);
	memset(g, 0, sizeof(*g));
}

void lc_gpt_randomise(const struct lc_gpt *g, float *w, uint64_t seed)
{
	struct lc_rng rng = {seed, LC_GPT_STREAM, 0};

	for (int i = 0; i < g->ntensors; i++) {
		const struct lc_gpt_tensor *t = &g->tensors[i];
		int part = i < BLOCKS || i == g->ntensors - 1 ? -1 : (i - BLOCKS) % PER_BLOCK;
		double sd = part == LC_GPT_PROJ || part == LC_GPT_DOWN
				    ? 0.02 / sqrt(2.0 * g->shape.layers)
				    : 0.02;

		for (size_t j = 0; j < t->n; j++)
			w[t->at + j] = t->dims == 1 ? 1.0f : (float)(sd * lc_rng_normal(&rng));
	}
}

void lc_gpt_prepare(struct lc_gpt *g, const float *w)
{
	for (int i = 0; i < g->ntensors; i++) {
		const struct lc_gpt_tensor *t = &g->tensors[i];
		const float *from = w + t->at;
		float *to = g->wt + t->at;
		size_t rows = t->shape[0], cols = t->shape[1];

		if (t->dims == 1 || i == POS)
			continue;
		for (size_t r0 = 0; r0 < rows; r0 += LC_LANES) /* by blocks: one cache line wide */
			for (size_t c = 0; c < cols; c++)
				for (size_t r = r0; r < r0 + LC_LANES; r++)
					to[c * rows + r] = from[r * cols + c];
	}
}

struct lc_gpt_work *lc_gpt_work_open(const struct lc_gpt *g, int rows)
{
	const struct lc_gpt_shape *s = &g->shape;
	size_t n = (size_t)rows * (size_t)s->ctx, c = (size_t)s->dim, l = (size_t)s->layers;
	struct lc_gpt_work *k = lc_xalloc(1, sizeof(*k));

	k->rows = rows;
	k->x = lc_xalloc((2 * l + 1) * n * c, sizeof(float));
	k->norm = lc_xalloc((2 * l + 1) * n * c, sizeof(float));
	k->rstd = lc_xalloc((2 * l + 1) * n, sizeof(float));
	k->qkv = lc_xalloc(l * n * 3 * c, sizeof(float));
	k->prob = lc_xalloc(l * n * (size_t)s->heads * (size_t)s->ctx, sizeof(float));
	k->att = lc_xalloc(l * n * c, sizeof(float));
	k->up = lc_xalloc(l * n * 4 * c, sizeof(float));
	k->act = lc_xalloc(l * n * 4 * c, sizeof(float));
	k->logits = lc_xalloc(n * LC_GPT_VOCAB, sizeof(float));
	k->loss = lc_xalloc(n, sizeof(float));
	k->dx = lc_xalloc(n * c, sizeof(float));
	k->da = lc_xalloc(n * 4 * c, sizeof(float));
	k->db = lc_xalloc(n * 4 * c, sizeof(float));
	k->target = lc_xalloc(n, 1);
	k->scratch = lc_xalloc(LC_ATTENTION_SCRATCH(s->ctx, s->dim / s->heads), sizeof(float));
	return k;
}

void lc_gpt_work_close(struct lc_gpt_work *k)
{
	if (!k)
		return;
	free(k->x);
	free(k->norm);
	free(k->rstd);
	free(k->qkv);
	free(k->prob);
	free(k->att);
	free(k->up);
	free(k->act);
	free(k->logits);
	free(k->loss);
	free(k->dx);
	free(k->da);
	free(k->db);
	free(k->scratch);
	free(k->target);
	free(k);
}

int lc_gpt_work_rows(const struct lc_gpt_work *k)
{
	return k->rows;
}

size_t lc_gpt_part(const struct lc_gpt *g, int l, enum lc_gpt_part part)
{
	return g->tensors[BLOCKS + PER_BLOCK * l + part].at;
}

/* c (m,n) = a (m,k) b (k,n) + beta c */
static void product(const struct lc_gpt *g, float *c, const float *a, const float *b, int m, int n,
		    int k, int beta)
{
	if (g->blas && n >= WIDE)
		g->blas(101, 111, 111, m, n, k, 1.0f, a, k, b, n, (float)beta, c, n);
	else
		lc_gemm_nn_cpu(c, n, a, k, b, n, m, n, k, beta);
}

/* c (m,n) = a^T b with a (k,m), b (k,n): the gradient of a weight. */
static void product_tn(const struct lc_gpt *g, float *c, const float *a, const float *b, int m,
		       int n, int k)
{
	if (g->blas && n >= WIDE)
		g->blas(101, 112, 111, m, n, k, 1.0f, a, m, b, n, 0.0f, c, n);
	else
		lc_gemm_tn_cpu(c, n, a, m, b, n, m, n, k, 0);
}

static void embed(const struct lc_gpt *g, float *x, const float *w, const uint8_t *tokens, int rows)
{
	int c = g->shape.dim, t = g->shape.ctx;
	const float *tok = w + g->tensors[EMBED].at, *pos = w + g->tensors[POS].at;

	for (int b = 0; b < rows; b++, tokens += t + 1)
		for (int i = 0; i < t; i++, x += c)
			for (int j = 0; j < c; j++)
				x[j] = tok[tokens[i] * c + j] + pos[i * c + j];
}

static void embed_back(const struct lc_gpt *g, float *grad, const float *dx, const uint8_t *tokens,
		       int rows)
{
	int c = g->shape.dim, t = g->shape.ctx;
	float *tok = grad + g->tensors[EMBED].at, *pos = grad + g->tensors[POS].at;

	memset(pos, 0, g->tensors[POS].n * sizeof(*pos));
	for (int b = 0; b < rows; b++, tokens += t + 1)
		for (int i = 0; i < t; i++, dx += c)
			for (int j = 0; j < c; j++) {
				tok[tokens[i] * c + j] += dx[j];
				pos[i * c + j] += dx[j];
			}
}

/* Attention of all rows and heads of layer l, forward, or backward from da (n,c) into db (n,3c). */
static void attend(const struct lc_gpt *g, struct lc_gpt_work *k, int l, int rows, int back)
{
	int c = g->shape.dim, t = g->shape.ctx, s = c / g->shape.heads;
	size_t cap = (size_t)k->rows * (size_t)t;

	for (int b = 0; b < rows; b++)
		for (int h = 0; h < g->shape.heads; h++) {
			size_t row = (size_t)b * (size_t)t,
			       in = row * 3 * (size_t)c + (size_t)(h * s);
			size_t out = row * (size_t)c + (size_t)(h * s);
			const float *q = k->qkv + (size_t)l * cap * 3 * (size_t)c + in;
			float *p = k->prob + ((size_t)l * cap * (size_t)g->shape.heads +
					      row * (size_t)g->shape.heads + (size_t)(h * t)) *
						     (size_t)t;

			if (back)
				lc_attention_back_cpu(k->db + in, k->db + in + c,
						      k->db + in + 2 * c, k->da + out, c, p, q,
						      q + c, q + 2 * c, 3 * c, t, s, k->scratch);
			else
				lc_attention_cpu(k->att + (size_t)l * cap * (size_t)c + out, c, p,
						 q, q + c, q + 2 * c, 3 * c, t, s, k->scratch);
		}
}

/* x + linear(in): the residual stream one half block on. */
static void add_linear(const struct lc_gpt *g, float *out, const float *x, const float *in,
		       const float *wt, int n, int c, int k)
{
	memcpy(out, x, (size_t)n * (size_t)c * sizeof(*x));
	product(g, out, in, wt, n, c, k, 1);
}

static void forward(const struct lc_gpt *g, struct lc_gpt_work *k, const float *w,
		    const uint8_t *tokens, int rows)
{
	int c = g->shape.dim, n = rows * g->shape.ctx;
	size_t cap = (size_t)k->rows * (size_t)g->shape.ctx, nc = cap * (size_t)c;
	float *x = k->x, *h = k->norm, *rstd = k->rstd;

	embed(g, x, w, tokens, rows);
	for (int l = 0; l < g->shape.layers; l++) {
		size_t ln = (size_t)l * nc;

		lc_rmsnorm_cpu(h, rstd, x, w + lc_gpt_part(g, l, LC_GPT_NORM1), n, c);
		product(g, k->qkv + 3 * ln, h, g->wt + lc_gpt_part(g, l, LC_GPT_QKV), n, 3 * c, c,
			0);
		attend(g, k, l, rows, 0);
		add_linear(g, x + nc, x, k->att + ln, g->wt + lc_gpt_part(g, l, LC_GPT_PROJ), n, c,
			   c);
		x += nc, h += nc, rstd += cap;
		lc_rmsnorm_cpu(h, rstd, x, w + lc_gpt_part(g, l, LC_GPT_NORM2), n, c);
		product(g, k->up + 4 * ln, h, g->wt + lc_gpt_part(g, l, LC_GPT_UP), n, 4 * c, c, 0);
		lc_gelu_cpu(k->act + 4 * ln, k->up + 4 * ln, (size_t)n * 4 * (size_t)c);
		add_linear(g, x + nc, x, k->act + 4 * ln, g->wt + lc_gpt_part(g, l, LC_GPT_DOWN), n,
			   c, 4 * c);
		x += nc, h += nc, rstd += cap;
	}
	lc_rmsnorm_cpu(h, rstd, x, w + g->tensors[g->ntensors - 1].at, n, c);
	product(g, k->logits, h, g->wt + g->tensors[EMBED].at, n, LC_GPT_VOCAB, c, 0);
}

/* Each row's targets, packed. */
static void targets(const struct lc_gpt *g, uint8_t *to, const uint8_t *tokens, int rows)
{
	int t = g->shape.ctx;

	for (int b = 0; b < rows; b++)
		memcpy(to + b * t, tokens + b * (t + 1) + 1, (size_t)t);
}

static double sum_losses(const float *loss, int n)
{
	double s = 0;

	for (int i = 0; i < n; i++)
		s += (double)loss[i];
	return s;
}

const float *lc_gpt_logits(const struct lc_gpt *g, struct lc_gpt_work *k, const float *w,
			   const uint8_t *tokens, int rows)
{
	forward(g, k, w, tokens, rows);
	return k->logits;
}

double lc_gpt_loss(const struct lc_gpt *g, struct lc_gpt_work *k, const float *w,
		   const uint8_t *tokens, int rows)
{
	int n = rows * g->shape.ctx;

	forward(g, k, w, tokens, rows);
	targets(g, k->target, tokens, rows);
	lc_xent_cpu(k->loss, k->logits, k->target, n, LC_GPT_VOCAB);
	return sum_losses(k->loss, n);
}

/* One linear, y = in w^T: dw = dy^T in, din = dy w. */
static void linear_back(const struct lc_gpt *g, float *din, float *dw, const float *dy,
			const float *in, const float *w, int n, int out, int k)
{
	product_tn(g, dw, dy, in, out, k, n);
	product(g, din, dy, w, n, k, out, 0);
}

static void block_back(const struct lc_gpt *g, struct lc_gpt_work *k, const float *w, float *grad,
		       int l, int rows)
{
	int c = g->shape.dim, n = rows * g->shape.ctx;
	size_t cap = (size_t)k->rows * (size_t)g->shape.ctx, nc = cap * (size_t)c,
	       ln = (size_t)l * nc;
	const float *x = k->x + 2 * ln, *h = k->norm + 2 * ln,
		    *rstd = k->rstd + 2 * (size_t)l * cap;
	size_t at[PER_BLOCK];

	for (int i = 0; i < PER_BLOCK; i++)
		at[i] = lc_gpt_part(g, l, (enum lc_gpt_part)i);
	linear_back(g, k->da, grad + at[LC_GPT_DOWN], k->dx, k->act + 4 * ln, w + at[LC_GPT_DOWN],
		    n, c, 4 * c);
	lc_gelu_back_cpu(k->da, k->da, k->up + 4 * ln, (size_t)n * 4 * (size_t)c);
	linear_back(g, k->db, grad + at[LC_GPT_UP], k->da, h + nc, w + at[LC_GPT_UP], n, 4 * c, c);
	lc_rmsnorm_back_cpu(k->dx, grad + at[LC_GPT_NORM2], k->db, x + nc, w + at[LC_GPT_NORM2],
			    rstd + cap, n, c);

	linear_back(g, k->da, grad + at[LC_GPT_PROJ], k->dx, k->att + ln, w + at[LC_GPT_PROJ], n, c,
		    c);
	attend(g, k, l, rows, 1);
	linear_back(g, k->da, grad + at[LC_GPT_QKV], k->db, h, w + at[LC_GPT_QKV], n, 3 * c, c);
	lc_rmsnorm_back_cpu(k->dx, grad + at[LC_GPT_NORM1], k->da, x, w + at[LC_GPT_NORM1], rstd, n,
			    c);
}

static void backward(const struct lc_gpt *g, struct lc_gpt_work *k, const float *w,
		     const uint8_t *tokens, int rows, float *grad)
{
	int c = g->shape.dim, n = rows * g->shape.ctx, layers = g->shape.layers;
	size_t cap = (size_t)k->rows * (size_t)g->shape.ctx, end = 2 * (size_t)layers * cap;
	size_t tok = g->tensors[EMBED].at, last = g->tensors[g->ntensors - 1].at;

	for (int i = 0; i < g->ntensors; i++) /* the gains are added to, all else is written */
		if (g->tensors[i].dims == 1)
			memset(grad + g->tensors[i].at, 0, g->tensors[i].n * sizeof(*grad));
	memset(k->dx, 0, (size_t)n * (size_t)c * sizeof(*k->dx));
	linear_back(g, k->da, grad + tok, k->logits, k->norm + end * (size_t)c, w + tok, n,
		    LC_GPT_VOCAB, c);
	lc_rmsnorm_back_cpu(k->dx, grad + last, k->da, k->x + end * (size_t)c, w + last,
			    k->rstd + end, n, c);
	for (int l = layers - 1; l >= 0; l--)
		block_back(g, k, w, grad, l, rows);
	embed_back(g, grad, k->dx, tokens, rows);
}

double lc_gpt_grad(const struct lc_gpt *g, struct lc_gpt_work *k, const float *w,
		   const uint8_t *tokens, int rows, float scale, float *grad)
{
	int n = rows * g->shape.ctx;

	forward(g, k, w, tokens, rows);
	targets(g, k->target, tokens, rows);
	lc_xent_back_cpu(k->loss, k->logits, k->target, scale, n, LC_GPT_VOCAB);
	backward(g, k, w, tokens, rows, grad);
	return sum_losses(k->loss, n);
}

double lc_gpt_grad_of(const struct lc_gpt *g, struct lc_gpt_work *k, const float *w,
		      const uint8_t *tokens, int rows, lc_gpt_loss_fn *loss, void *ctx, float *grad)
{
	double value;

	forward(g, k, w, tokens, rows);
	value = loss(ctx, k->logits);
	backward(g, k, w, tokens, rows, grad);
	return value;
}

static double logit_max(const struct lc_gpt *g, const float *qkv, int rows)
{
	int c = g->shape.dim, t = g->shape.ctx, s = c / g->shape.heads;
	float top = -INFINITY;

	for (int b = 0; b < rows; b++)
		for (int h = 0; h < g->shape.heads; h++)
			for (int i = 0; i < t; i++)
				for (int j = 0; j <= i; j++) {
					const float *q = qkv + (long)(b * t + i) * 3 * c + h * s;
					const float *k =
						qkv + (long)(b * t + j) * 3 * c + h * s + c;
					float dot = 0;

					for (int d = 0; d < s; d++)
						dot += q[d] * k[d];
					top = dot > top || isnan(dot) ? dot : top;
				}
	return (double)top / sqrt(s);
}

static double entropy(const float *p, size_t n)
{
	double e = 0;

	for (size_t i = 0; i < n; i++)
		if (!(p[i] == 0))
			e -= (double)(p[i] * logf(p[i]));
	return e;
}

void lc_gpt_stats(const struct lc_gpt *g, const struct lc_gpt_work *k, int rows,
		  struct lc_gpt_stats *s)
{
	size_t c = (size_t)g->shape.dim, t = (size_t)g->shape.ctx, h = (size_t)g->shape.heads;
	size_t layers = (size_t)g->shape.layers, n = (size_t)rows * t, cap = (size_t)k->rows * t;
	const float *x = k->x + 2 * layers * cap * c;

	memset(s, 0, sizeof(*s));
	s->attn_logit_max = -INFINITY;
	for (size_t l = 0; l < layers; l++) {
		double top = logit_max(g, k->qkv + l * cap * 3 * c, rows);

		s->attn_entropy +=
			entropy(k->prob + l * cap * h * t, n * h * t) / (double)(layers * n * h);
		s->attn_logit_max = top > s->attn_logit_max || isnan(top) ? top : s->attn_logit_max;
	}
	for (size_t i = 0; i < n; i++, x += c) {
		double m2 = 0, m4 = 0;

		for (size_t j = 0; j < c; j++) {
			double q = (double)x[j] * (double)x[j];

			m2 += q;
			m4 += q * q;
		}
		s->act_kurtosis += (double)c * m4 / (m2 * m2) / (double)n;
	}
}

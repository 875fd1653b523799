/* resid: the networks and their training. See resid.h; residgate.c has the gate and the JSON. */
#include "resid.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ensemble.h"
#include "gemm.h"
#include "io.h"
#include "rng.h"

enum { IN = LC_RESID_IN, M = LC_RESID_MEMBERS, H = LC_RESID_HIDDEN, MH = M * H, ROUNDS = 250 };
#define RATE .01f
#define DECAY 3e-2f	/* of the weights, times the rate, a round */
#define TARGET_MOST 4.f /* one wild point is no lesson */

void lc_resid_x(const struct lc_resid_about *a, float x[IN])
{
	double ahead = log(fmax(a->ahead, 1) / fmax(a->back, 1)),
	       level = fmax(fabs(a->level), 1e-9);

	x[0] = (float)ahead;
	x[1] = (float)fmin(a->lr, 4);
	x[2] = (float)fmin(a->lr_mean, 4);
	x[3] = (float)fmin(a->lr_least, 4);
	x[4] = (float)log(fmax(a->sd, 1e-9) / level);
	x[5] = (float)(10 * (a->mean - a->level) / level);
	x[6] = (float)log(fmax(a->chi2, 1e-3));
	x[7] = (float)(a->eta_ref > 0 ? log10(a->eta_ref) : -3);
	x[8] = (float)(ahead * fmin(a->lr, 4));
	x[9] = (float)(a->branches > 0);
}

/* Activations and gradients of n rows; all (n, MH) but x and z. */
struct pass {
	size_t n;
	float *x, *h, *u, *z, *dz, *du, *dh; /* x (n, IN); u = tanh(W2 h + b2); z, dz (n, M) */
};

static void pass_init(struct pass *p, size_t n)
{
	p->n = n;
	p->x = lc_xalloc(n * IN + 16, sizeof(float));
	p->h = lc_xalloc(n * MH, sizeof(float));
	p->u = lc_xalloc(n * MH, sizeof(float));
	p->du = lc_xalloc(n * MH, sizeof(float));
	p->dh = lc_xalloc(n * MH, sizeof(float));
	p->z = lc_xalloc(n * M, sizeof(float));
	p->dz = lc_xalloc(n * M, sizeof(float));
}

static void pass_release(struct pass *p)
{
	free(p->x);
	free(p->h);
	free(p->u);
	free(p->du);
	free(p->dh);
	free(p->z);
	free(p->dz);
}

static void standardise(const struct lc_resid *r, const float *from, float *to)
{
	for (int i = 0; i < IN; i++)
		to[i] = (from[i] - r->shift[i]) * r->scale[i];
}

static void add_tanh(float *y, const float *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (int k = 0; k < MH; k++)
			y[i * MH + k] = tanhf(y[i * MH + k] + b[k]);
}

static void forward(const struct lc_resid *r, struct pass *p)
{
	lc_gemm_nn_cpu(p->h, MH, p->x, IN, &r->w1[0][0][0], MH, (int)p->n, MH, IN, 0);
	add_tanh(p->h, &r->b1[0][0], p->n);
	for (int m = 0; m < M; m++)
		lc_gemm_nn_cpu(p->u + m * H, MH, p->h + m * H, MH, &r->w2[m][0][0], H, (int)p->n, H,
			       H, 0);
	add_tanh(p->u, &r->b2[0][0], p->n);
	for (size_t i = 0; i < p->n; i++)
		for (int m = 0; m < M; m++) {
			const float *h = p->h + i * MH + m * H, *u = p->u + i * MH + m * H;
			float z = r->b3[m];
			for (int k = 0; k < H; k++)
				z += r->w3[m][k] * (h[k] + u[k]);
			p->z[i * M + m] = z;
		}
}

/* Gradients of sum dz z, into g, which holds nothing yet. */
static void backward(const struct lc_resid *r, struct pass *p, struct lc_resid *g)
{
	float back[H][H];

	for (size_t i = 0; i < p->n; i++)
		for (int m = 0; m < M; m++) {
			float d = p->dz[i * M + m];
			size_t at = i * MH + (size_t)m * H;
			g->b3[m] += d;
			for (int k = 0; k < H; k++) {
				float u = p->u[at + k];
				g->w3[m][k] += d * (p->h[at + k] + u);
				p->dh[at + k] = d * r->w3[m][k];
				p->du[at + k] = p->dh[at + k] * (1 - u * u);
				g->b2[m][k] += p->du[at + k];
			}
		}
	for (int m = 0; m < M; m++) {
		for (int i = 0; i < H; i++)
			for (int k = 0; k < H; k++)
				back[k][i] = r->w2[m][i][k];
		lc_gemm_tn_cpu(&g->w2[m][0][0], H, p->h + m * H, MH, p->du + m * H, MH, H, H,
			       (int)p->n, 0);
		lc_gemm_nn_cpu(p->dh + m * H, MH, p->du + m * H, MH, &back[0][0], H, (int)p->n, H,
			       H, 1);
	}
	for (size_t i = 0; i < p->n * MH; i++) {
		p->dh[i] *= 1 - p->h[i] * p->h[i];
		(&g->b1[0][0])[i % MH] += p->dh[i];
	}
	lc_gemm_tn_cpu(&g->w1[0][0][0], MH, p->x, IN, p->dh, MH, IN, MH, (int)p->n, 0);
}

/* All weights, first to last, as one array: they lie together. */
enum { WEIGHTS = IN * MH + MH + M * H * H + MH + MH + M };

static float *weights(struct lc_resid *r)
{
	return &r->w1[0][0][0];
}

static void adam(struct lc_resid *r, struct lc_resid *g, float *m, float *v, int round)
{
	float *w = weights(r), *d = weights(g);
	float c1 = 1 - powf(.9f, (float)round), c2 = 1 - powf(.999f, (float)round);

	for (int i = 0; i < WEIGHTS; i++) {
		m[i] += .1f * (d[i] - m[i]);
		v[i] += .001f * (d[i] * d[i] - v[i]);
		w[i] -= RATE * (m[i] / c1 / (sqrtf(v[i] / c2) + 1e-8f) + DECAY * w[i]);
	}
}

static void init_weights(struct lc_resid *r)
{
	struct lc_rng rng = {1, 0, 0};

	for (int i = 0; i < IN * MH; i++)
		(&r->w1[0][0][0])[i] = (float)(lc_rng_normal(&rng) / sqrt(IN));
	for (int i = 0; i < M * H * H; i++)
		(&r->w2[0][0][0])[i] = (float)(lc_rng_normal(&rng) / sqrt(H));
	for (int i = 0; i < MH; i++)
		(&r->w3[0][0])[i] = (float)(.1 * lc_rng_normal(&rng) / sqrt(H));
}

static void look_at_inputs(struct lc_resid *r, const struct lc_resid_case *c, size_t n)
{
	for (int k = 0; k < IN; k++) {
		double s = 0, q = 0;
		for (size_t i = 0; i < n; i++)
			s += c[i].x[k];
		s /= (double)n;
		for (size_t i = 0; i < n; i++)
			q += (c[i].x[k] - s) * (c[i].x[k] - s);
		r->shift[k] = (float)s;
		r->scale[k] = (float)(1 / fmax(sqrt(q / (double)n), 1e-3));
	}
}

/* weight[i * M + m]: how often member m drew the group of case i, over that group's size. */
static void draw(const struct lc_resid_case *c, size_t n, float *weight)
{
	int most = 0;
	size_t *size;
	double total[M] = {0};

	for (size_t i = 0; i < n; i++)
		most = c[i].group > most ? c[i].group : most;
	size = lc_xalloc((size_t)most + 1, sizeof(*size));
	for (size_t i = 0; i < n; i++)
		size[c[i].group]++;
	for (int m = 0; m < M; m++) {
		/* Poisson(1) draws of each group: the bootstrap, a group at a time */
		for (size_t i = 0; i < n; i++) {
			struct lc_rng rng = {2, (uint64_t)m, (uint64_t)c[i].group};
			double u = lc_rng_uniform(&rng), p = exp(-1), at = p;
			int k = 0;
			while (u > at && k < 8)
				at += p /= ++k;
			weight[i * M + m] = (float)(k + .1) / (float)size[c[i].group];
			total[m] += weight[i * M + m];
		}
		for (size_t i = 0; i < n; i++)
			weight[i * M + m] /= (float)total[m];
	}
	free(size);
}

void lc_resid_train(struct lc_resid *r, const struct lc_resid_case *all, size_t n, int without)
{
	struct lc_resid_case *c = lc_xalloc(n + 1, sizeof(*c));
	struct lc_resid *g = lc_xalloc(1, sizeof(*g));
	float *weight, *m = lc_xalloc(2 * WEIGHTS, sizeof(*m));
	struct pass p;
	size_t left = 0;

	for (size_t i = 0; i < n; i++)
		if (all[i].group != without)
			c[left++] = all[i];
	memset(r, 0, sizeof(*r));
	r->gate = 1;
	pass_init(&p, left + 1);
	p.n = left;
	weight = lc_xalloc(left * M + 1, sizeof(*weight));
	if (left) {
		look_at_inputs(r, c, left);
		init_weights(r);
		draw(c, left, weight);
	}
	for (size_t i = 0; i < left; i++)
		standardise(r, c[i].x, p.x + i * IN);
	for (int round = 1; round <= ROUNDS && left; round++) {
		forward(r, &p);
		for (size_t i = 0; i < left * M; i++) {
			float want = fmaxf(-TARGET_MOST, fminf(TARGET_MOST, c[i / M].z));
			p.dz[i] = weight[i] * (p.z[i] - want);
		}
		memset(g, 0, sizeof(*g));
		backward(r, &p, g);
		adam(r, g, m, m + WEIGHTS, round);
	}
	pass_release(&p);
	free(weight);
	free(m);
	free(g);
	free(c);
}

void lc_resid_predict(const struct lc_resid *r, const float *x, size_t n, float *z)
{
	lc_ensemble_cpu(r, x, n, z, NULL);
}

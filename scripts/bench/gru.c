/*
 * gru: a gated recurrent unit (Cho et al. 2014) of 16 over the points of a branch, on the inputs of
 * lib/resid, trained by back-propagation through time with Adam; double precision, no tricks.
 *
 *	a = s(Wa v), r = s(Wr v), n = tanh(Wn [x, 1, r h]), h' = h + a (n - h),   v = [x, 1, h]
 *	z = w . h' + w0
 */
#include "gru.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "rng.h"

enum { IN = LC_RESID_IN, H = 16, V = IN + 1 + H, ROUNDS = 120, LONGEST = 64 };
enum { WA = 0, WR = WA + H * V, WN = WR + H * V, WO = WN + H * V, ALL = WO + H + 1 };

struct step {
	double v[V], u[V], a[H], r[H], n[H], h[H]; /* u: v with r h in the place of h */
};

static double dot(const double *w, const double *v)
{
	double s = 0;

	for (int i = 0; i < V; i++)
		s += w[i] * v[i];
	return s;
}

static double forward(const double *w, const double *x, const double *h, struct step *s)
{
	double z = w[WO + H];

	memcpy(s->v, x, IN * sizeof(*x));
	s->v[IN] = 1;
	memcpy(s->v + IN + 1, h, H * sizeof(*h));
	memcpy(s->u, s->v, sizeof(s->v));
	for (int i = 0; i < H; i++) {
		s->a[i] = 1 / (1 + exp(-dot(w + WA + i * V, s->v)));
		s->r[i] = 1 / (1 + exp(-dot(w + WR + i * V, s->v)));
		s->u[IN + 1 + i] = s->r[i] * h[i];
	}
	for (int i = 0; i < H; i++) {
		s->n[i] = tanh(dot(w + WN + i * V, s->u));
		s->h[i] = h[i] + s->a[i] * (s->n[i] - h[i]);
		z += w[WO + i] * s->h[i];
	}
	return z;
}

/* dh: gradient at this step's output, becomes that at its input. */
static void backward(const double *w, const struct step *s, double *dh, double *g)
{
	double before[H], dr[H] = {0};
	const double *h = s->v + IN + 1;

	for (int i = 0; i < H; i++)
		before[i] = dh[i] * (1 - s->a[i]);
	for (int i = 0; i < H; i++) {
		double da = dh[i] * (s->n[i] - h[i]) * s->a[i] * (1 - s->a[i]);
		double dn = dh[i] * s->a[i] * (1 - s->n[i] * s->n[i]);
		for (int k = 0; k < V; k++) {
			g[WA + i * V + k] += da * s->v[k];
			g[WN + i * V + k] += dn * s->u[k];
		}
		for (int k = 0; k < H; k++) {
			double du = dn * w[WN + i * V + IN + 1 + k];
			before[k] += da * w[WA + i * V + IN + 1 + k] + du * s->r[k];
			dr[k] += du * h[k];
		}
	}
	for (int i = 0; i < H; i++) {
		double d = dr[i] * s->r[i] * (1 - s->r[i]);
		for (int k = 0; k < V; k++)
			g[WR + i * V + k] += d * s->v[k];
		for (int k = 0; k < H; k++)
			before[k] += d * w[WR + i * V + IN + 1 + k];
	}
	memcpy(dh, before, sizeof(before));
}

/* One branch: its points' z, and gradients when g is given. x is (n, IN), standardised. */
static void branch(const double *w, const double *x, const struct lc_resid_case *c, size_t n,
		   double weight, double *z, double *g)
{
	static struct step s[LONGEST];
	double h[H] = {0}, dh[H] = {0};

	for (size_t i = 0; i < n; i++) {
		z[i] = forward(w, x + i * IN, i ? s[i - 1].h : h, &s[i]);
	}
	for (size_t i = n; g && i-- > 0;) {
		double want = fmax(-4, fmin(4, (double)c[i].z)), d = weight * (z[i] - want);
		for (int k = 0; k < H; k++) {
			g[WO + k] += d * s[i].h[k];
			dh[k] += d * w[WO + k];
		}
		g[WO + H] += d;
		backward(w, &s[i], dh, g);
	}
}

static void train(double *w, const double *x, const struct lc_resid_case *c, const size_t *first,
		  size_t seqs, int without)
{
	double m[ALL] = {0}, v[ALL] = {0}, g[ALL], z[LONGEST], points = 0;
	struct lc_rng rng = {4, 0, 0};

	for (int i = 0; i < ALL; i++)
		w[i] = (i < WO ? 1 : .1) * lc_rng_normal(&rng) / sqrt(V);
	for (size_t s = 0; s < seqs; s++)
		points += c[first[s]].group == without ? 0 : (double)(first[s + 1] - first[s]);
	for (int round = 1; round <= ROUNDS; round++) {
		memset(g, 0, sizeof(g));
		for (size_t s = 0; s < seqs; s++)
			if (c[first[s]].group != without)
				branch(w, x + first[s] * IN, c + first[s], first[s + 1] - first[s],
				       1 / points, z, g);
		for (int i = 0; i < ALL; i++) {
			m[i] += .1 * (g[i] - m[i]);
			v[i] += .001 * (g[i] * g[i] - v[i]);
			w[i] -= .01 * (m[i] / (1 - pow(.9, round)) /
					       (sqrt(v[i] / (1 - pow(.999, round))) + 1e-8) +
				       .03 * w[i]);
		}
	}
}

void gru_leave_one_out(const struct lc_resid_case *c, const size_t *first, size_t seqs, int groups,
		       float *z)
{
	size_t n = first[seqs];
	double *x = lc_xalloc(n * IN, sizeof(*x)), w[ALL], out[LONGEST];

	for (int k = 0; k < IN; k++) {
		double s = 0, q = 0;
		for (size_t i = 0; i < n; i++)
			s += c[i].x[k] / (double)n;
		for (size_t i = 0; i < n; i++)
			q += (c[i].x[k] - s) * (c[i].x[k] - s) / (double)n;
		for (size_t i = 0; i < n; i++)
			x[i * IN + (size_t)k] = (c[i].x[k] - s) / fmax(sqrt(q), 1e-3);
	}
	for (int g = 0; g < groups; g++) {
		train(w, x, c, first, seqs, g);
		for (size_t s = 0; s < seqs; s++) {
			if (c[first[s]].group != g)
				continue;
			branch(w, x + first[s] * IN, c + first[s], first[s + 1] - first[s], 0, out,
			       NULL);
			for (size_t i = first[s]; i < first[s + 1]; i++)
				z[i] = (float)fmax(-2, fmin(2, out[i - first[s]]));
		}
	}
	free(x);
}

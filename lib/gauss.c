/* gauss: see gauss.h. */
#include "gauss.h"

#include <math.h>
#include <string.h>

enum { ROWS = 4 }; /* taken together: their sums do not wait for each other */

/* Row i from column `from` on; what is left of it and all rows above are done. */
static int cholesky_row(double *a, int n, int i, int from)
{
	double *ri = a + (long)i * n;

	for (int j = from; j <= i; j++) {
		const double *rj = a + (long)j * n;
		double s = ri[j];
		for (int k = 0; k < j; k++)
			s -= ri[k] * rj[k];
		if (i == j && !(s > 0))
			return -1;
		ri[j] = i == j ? sqrt(s) : s / rj[j];
	}
	return 0;
}

int lc_cholesky(double *a, int n)
{
	int i = 0;

	for (; i + ROWS <= n; i += ROWS) {
		double *r[ROWS] = {a + (long)i * n, a + (i + 1L) * n, a + (i + 2L) * n,
				   a + (i + 3L) * n};
		for (int j = 0; j < i; j++) {
			const double *rj = a + (long)j * n;
			double s[ROWS] = {r[0][j], r[1][j], r[2][j], r[3][j]};
			for (int k = 0; k < j; k++)
				for (int q = 0; q < ROWS; q++)
					s[q] -= r[q][k] * rj[k];
			for (int q = 0; q < ROWS; q++)
				r[q][j] = s[q] / rj[j];
		}
		for (int q = 0; q < ROWS; q++)
			if (cholesky_row(a, n, i + q, i) < 0)
				return -1;
	}
	for (; i < n; i++)
		if (cholesky_row(a, n, i, 0) < 0)
			return -1;
	return 0;
}

/* Four rows of b at a time: bi is read and written a quarter as often. */
void lc_solve_lower(const double *l, int n, double *b, int m)
{
	for (int i = 0; i < n; i++) {
		const double *f = l + (long)i * n;
		double *restrict bi = b + (long)i * m;
		int k = 0;
		for (; k + ROWS <= i; k += ROWS) {
			const double *b0 = b + (long)k * m, *b1 = b0 + m, *b2 = b1 + m,
				     *b3 = b2 + m;
			double f0 = f[k], f1 = f[k + 1], f2 = f[k + 2], f3 = f[k + 3];
			for (int c = 0; c < m; c++)
				bi[c] = bi[c] - f0 * b0[c] - f1 * b1[c] - f2 * b2[c] - f3 * b3[c];
		}
		for (; k < i; k++)
			for (int c = 0; c < m; c++)
				bi[c] -= f[k] * b[(long)k * m + c];
		for (int c = 0; c < m; c++)
			bi[c] /= f[i];
	}
}

double lc_log_det(const double *l, int n)
{
	double s = 0;

	for (int i = 0; i < n; i++)
		s += 2 * log(l[(long)i * n + i]);
	return s;
}

#define ROUNDING 1e-13 /* of its terms: what a sum that cancels does not resolve */

/* r - G m into z, and the squared length of the residual y - X m; *least: what it is known to. */
static double residual(const struct lc_gram *d, const double *m, double *z, double *least)
{
	double quad = d->yy, size = d->yy;

	for (int i = 0; i < d->p; i++) {
		double gm = 0;
		for (int j = 0; j < d->p; j++)
			gm += d->g[i * d->p + j] * m[j];
		z[i] = d->r[i] - gm;
		quad += m[i] * (gm - 2 * d->r[i]);
		size += fabs(m[i] * gm) + fabs(2 * m[i] * d->r[i]);
	}
	*least = ROUNDING * size;
	return quad;
}

/* b := I + L'GL, its lower triangle; t is work. */
static void in_prior_units(const double *l, const struct lc_gram *d, double *t, double *b)
{
	int p = d->p;

	memset(t, 0, (size_t)p * p * sizeof(*t));
	memset(b, 0, (size_t)p * p * sizeof(*b));
	for (int i = 0; i < p; i++) /* t = G L */
		for (int k = 0; k < p; k++) {
			double g = d->g[i * p + k];
			for (int j = 0; j <= k; j++)
				t[i * p + j] += g * l[k * p + j];
		}
	for (int k = 0; k < p; k++)
		for (int i = 0; i <= k; i++) {
			double f = l[k * p + i];
			for (int j = 0; j <= i; j++)
				b[i * p + j] += f * t[k * p + j];
		}
	for (int i = 0; i < p; i++)
		b[i * p + i] += 1;
}

int lc_gauss_posterior(const struct lc_gram *d, const double *m, double *cov, double *work,
		       struct lc_gauss *out)
{
	int p = d->p;
	double *b = work, *t = work + p * p, *z = t + p * p, *r = z + p, *h = out->half;
	double least, quad = residual(d, m, r, &least);

	if (lc_cholesky(cov, p) < 0)
		return -1;
	in_prior_units(cov, d, t, b);
	if (lc_cholesky(b, p) < 0)
		return -1;
	for (int i = 0; i < p; i++) {
		z[i] = 0;
		for (int k = i; k < p; k++)
			z[i] += cov[k * p + i] * r[k];
		for (int j = 0; j < p; j++)
			h[i * p + j] = j >= i ? cov[j * p + i] : 0;
	}
	lc_solve_lower(b, p, h, p);
	lc_solve_lower(b, p, z, 1);
	for (int i = 0; i < p; i++) {
		quad -= z[i] * z[i];
		out->mean[i] = m[i];
	}
	for (int k = 0; k < p; k++)
		for (int i = 0; i < p; i++)
			out->mean[i] += h[k * p + i] * z[k];
	quad = fmax(quad, least);
	out->quad = quad;
	out->logev = -.5 * (quad + lc_log_det(b, p) + d->ldet + d->n * log(2 * M_PI));
	return 0;
}

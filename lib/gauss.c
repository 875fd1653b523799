/* gauss: see gauss.h. */
#include "gauss.h"

#include <math.h>
#include <string.h>

int lc_cholesky(double *a, int n)
{
	for (int i = 0; i < n; i++) {
		double *ri = a + (long)i * n;
		for (int j = 0; j <= i; j++) {
			const double *rj = a + (long)j * n;
			double s = ri[j];
			for (int k = 0; k < j; k++)
				s -= ri[k] * rj[k];
			if (i == j && !(s > 0))
				return -1;
			ri[j] = i == j ? sqrt(s) : s / rj[j];
		}
	}
	return 0;
}

void lc_solve_lower(const double *l, int n, double *b, int m)
{
	for (int i = 0; i < n; i++) {
		double *bi = b + (long)i * m;
		for (int k = 0; k < i; k++) {
			double f = l[(long)i * n + k];
			const double *bk = b + (long)k * m;
			for (int c = 0; c < m; c++)
				bi[c] -= f * bk[c];
		}
		for (int c = 0; c < m; c++)
			bi[c] /= l[(long)i * n + i];
	}
}

double lc_log_det(const double *l, int n)
{
	double s = 0;

	for (int i = 0; i < n; i++)
		s += 2 * log(l[(long)i * n + i]);
	return s;
}

/* r - G m into z, and the squared length of the residual y - X m. */
static double residual(const struct lc_gram *d, const double *m, double *z)
{
	double quad = d->yy;

	for (int i = 0; i < d->p; i++) {
		double gm = 0;
		for (int j = 0; j < d->p; j++)
			gm += d->g[i * d->p + j] * m[j];
		z[i] = d->r[i] - gm;
		quad += m[i] * (gm - 2 * d->r[i]);
	}
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
	double quad = residual(d, m, r);

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
	out->quad = quad;
	out->logev = -.5 * (quad + lc_log_det(b, p) + d->ldet + d->n * log(2 * M_PI));
	return 0;
}

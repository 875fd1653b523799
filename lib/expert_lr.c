/*
 * expert_lr: the two published laws that know the lr, Tissue's and the Multi-Power Law. See
 * expert.h.
 *
 * Lr in units of the highest seen, time in updates. The sum over single updates is one over pieces
 * of constant lr: at each corner between two pieces the lr falls by what they differ.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "expert_impl.h"
#include "io.h"

/* ---- Tissue: par L0, A, C, a, lambda, s1 (unit of S1) ---- */

/* S2 at each of n ascending times: m_i = lam m_{i-1} + (eta_{i-1} - eta_i), S2 = sum m_i. */
static void tissue_s2(const struct expert_lr *p, double lam, const double *at, int n, double *s2)
{
	double t = 0, m = 0, sum = 0;
	int k = 0;

	for (int i = 0; i < n; i++) {
		for (;;) {
			double stop = k + 1 < p->n && p->at[k + 1] <= at[i] ? p->at[k + 1] : at[i];
			double left = pow(lam, stop - t);
			sum += m * lam * (1 - left) / (1 - lam);
			m *= left;
			t = stop;
			if (k + 1 >= p->n || p->at[k + 1] > at[i])
				break;
			m += k < p->warm ? 0 : p->eta[k] - p->eta[k + 1];
			k++;
		}
		s2[i] = sum;
	}
}

/* The first bin of a curve or of one after it: they come curve by curve. */
static int first_bin(const struct expert_data *d, int curve)
{
	int lo = 0, hi = d->n;

	while (lo < hi) {
		int mid = (lo + hi) / 2;
		if (d->curve[mid] < curve)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* First and one past the last bin of a curve. */
static int bins_of(const struct expert_data *d, int curve, int *end)
{
	*end = first_bin(d, curve + 1);
	return first_bin(d, curve);
}

void expert_tissue_fit(struct lc_expert *e, const struct expert_data *d)
{
	static const double lambda[] = {.99, .995, .998, .999, .9995};
	double *s1 = lc_xalloc((size_t)d->n, sizeof(*s1)),
	       *s2 = lc_xalloc((size_t)d->n, sizeof(*s2));
	double *y = lc_xalloc((size_t)d->n + 1, sizeof(*y));
	double *x = lc_xalloc((size_t)d->n * 3 + 3, sizeof(*x)), best = INFINITY, unit = 1;

	memcpy(y, d->y, (size_t)d->n * sizeof(*y));
	for (size_t l = 0; l < sizeof(lambda) / sizeof(*lambda); l++) {
		for (int c = 0; c < d->ncurve; c++) {
			struct expert_lr p;
			int end, at = bins_of(d, c, &end);
			if (at == end)
				continue;
			expert_lr_init(&p, d->of[c].lr, e->eta_ref, d->at[end - 1]);
			tissue_s2(&p, lambda[l], d->at + at, end - at, s2 + at);
			for (int i = at; i < end; i++)
				unit = fmax(unit, s1[i] = expert_lr_area(&p, d->at[i]) - e->skip);
			expert_lr_release(&p);
		}
		for (int k = 1; k <= 60; k++) {
			double a = .025 * k, beta[3], rss;
			for (int i = 0; i < d->n; i++) {
				x[3 * i] = 1;
				x[3 * i + 1] = pow(fmax(s1[i], 1e-9) / unit, -a);
				x[3 * i + 2] = -s2[i];
			}
			/* a full decay is worth 0 +- 10 % of the loss, against residuals of .3 % */
			x[3 * d->n + 2] = .03 * lambda[l] / (1 - lambda[l]);
			rss = expert_lsq(x, y, d->n + 1, 3, beta);
			if (!(rss < best))
				continue;
			best = rss;
			memcpy(e->par, (double[6]){beta[0], beta[1], beta[2], a, lambda[l], unit},
			       6 * sizeof(double));
		}
	}
	free(s1);
	free(s2);
	free(y);
	free(x);
}

void expert_tissue_predict(const struct lc_expert *e, const struct lc_curve *q, double *mean)
{
	const double *b = e->par;
	struct expert_lr p;

	if (q->n == 0)
		return;
	expert_lr_init(&p, q->lr, e->eta_ref, q->at[q->n - 1]);
	tissue_s2(&p, b[4], q->at, q->n, mean);
	for (int i = 0; i < q->n; i++)
		mean[i] = b[0] - b[2] * mean[i] +
			  b[1] * pow(fmax(expert_lr_area(&p, q->at[i]) - e->skip, 1e-9) / b[5],
				     -b[3]);
	expert_lr_release(&p);
}

/* ---- MPL: par L0 and the logarithms of A, a, B, C, b; g as it is; s1 ---- */

enum { L0, A, AL, B, C, BE, G, NPAR, S1 = NPAR };

/*
 * Means and sds a priori. C: one update at the highest lr moves G's argument by .04, as with the
 * published parameters of all three sizes; B: a full decay is worth 4 % of the loss, to a factor of
 * two. A and L0 come from the fall of the loss and are next to free.
 */
static void mpl_prior(const struct expert_data *d, double *m, double *sd)
{
	double fall = fmax(d->y[0] - d->y[d->n - 1], .01 * d->level);

	memcpy(m,
	       (double[NPAR]){d->level - fall, log(fall), log(.5), log(.04 * d->level), log(.04),
			      log(.4), .5},
	       NPAR * sizeof(*m));
	memcpy(sd, (double[NPAR]){.5 * d->level, 1.5, .5, .7, 1.2, .5, .2}, NPAR * sizeof(*sd));
}

/* Values of one curve at n ascending times. */
static void mpl_curve(const double *b, double unit, double skip, const struct expert_lr *p,
		      const double *at, int n, double *y)
{
	double c = exp(b[C]), be = exp(b[BE]);
	double *rate = lc_xalloc((size_t)p->n, sizeof(*rate));

	for (int k = 1; k < p->n; k++)
		rate[k] = c * pow(fmax(p->eta[k], 1e-4), -b[G]);
	for (int i = 0; i < n; i++) {
		double s = expert_lr_area(p, at[i]), fall = 0;
		for (int k = p->warm + 1; k < p->n && p->at[k] < at[i]; k++)
			fall += (p->eta[k - 1] - p->eta[k]) *
				(1 - exp(-be * log1p(rate[k] * fmax(s - p->area[k], 0))));
		y[i] = b[L0] + exp(b[A] - exp(b[AL]) * log(fmax(s - skip, 1e-9) / unit)) -
		       exp(b[B]) * fall;
	}
	free(rate);
}

/* One Levenberg-Marquardt problem: p[c] are the curves' pieces, y the model at all bins. */
struct mpl {
	const struct expert_data *d;
	struct expert_lr *p;
	double unit, skip, noise, m[NPAR], sd[NPAR];
};

static void mpl_model(const struct mpl *f, const double *b, double *y)
{
	for (int c = 0; c < f->d->ncurve; c++) {
		int end, at = bins_of(f->d, c, &end);
		if (at < end)
			mpl_curve(b, f->unit, f->skip, &f->p[c], f->d->at + at, end - at, y + at);
	}
}

/* Minus twice the log posterior; y is left as the model. */
static double mpl_cost(const struct mpl *f, const double *b, double *y)
{
	double sum = 0;

	mpl_model(f, b, y);
	for (int i = 0; i < f->d->n; i++)
		sum += pow((f->d->y[i] - y[i]) / f->noise, 2);
	for (int j = 0; j < NPAR; j++)
		sum += pow((b[j] - f->m[j]) / f->sd[j], 2);
	return isfinite(sum) ? sum : INFINITY;
}

/* In place: A (n,n) x = b by Cholesky; -1 when not positive definite. */
static int solve(double a[NPAR][NPAR], double *b)
{
	for (int i = 0; i < NPAR; i++)
		for (int j = 0; j <= i; j++) {
			double s = a[i][j];
			for (int k = 0; k < j; k++)
				s -= a[i][k] * a[j][k];
			if (i == j && !(s > 0))
				return -1;
			a[i][j] = i == j ? sqrt(s) : s / a[j][j];
		}
	for (int i = 0; i < NPAR; i++) {
		for (int k = 0; k < i; k++)
			b[i] -= a[i][k] * b[k];
		b[i] /= a[i][i];
	}
	for (int i = NPAR - 1; i >= 0; i--) {
		for (int k = i + 1; k < NPAR; k++)
			b[i] -= a[k][i] * b[k];
		b[i] /= a[i][i];
	}
	return 0;
}

/* Normal equations at b, where the model is y: curvature a (without damping), gradient g. */
static void mpl_linear(const struct mpl *f, const double *b, const double *y, double *work,
		       double a[NPAR][NPAR], double *g)
{
	int n = f->d->n;
	double *jac = work, *probe = work + (size_t)n * NPAR, x[NPAR];

	for (int j = 0; j < NPAR; j++) {
		double h = 1e-5 * (1 + fabs(b[j]));
		memcpy(x, b, sizeof(x));
		x[j] += h;
		mpl_model(f, x, probe);
		for (int i = 0; i < n; i++)
			jac[(size_t)i * NPAR + j] = (probe[i] - y[i]) / h / f->noise;
	}
	memset(a, 0, sizeof(double[NPAR][NPAR]));
	for (int j = 0; j < NPAR; j++) {
		g[j] = (f->m[j] - b[j]) / (f->sd[j] * f->sd[j]);
		a[j][j] = 1 / (f->sd[j] * f->sd[j]);
	}
	for (int i = 0; i < n; i++) {
		const double *r = jac + (size_t)i * NPAR;
		for (int j = 0; j < NPAR; j++) {
			g[j] += r[j] * (f->d->y[i] - y[i]) / f->noise;
			for (int k = 0; k < NPAR; k++)
				a[j][k] += r[j] * r[k];
		}
	}
}

static double mpl_minimise(const struct mpl *f, double *b, double *work)
{
	int n = f->d->n;
	double *y = work + (size_t)n * (NPAR + 1), damp = 1e-2, cost = mpl_cost(f, b, y);

	for (int it = 0; it < 40 && damp < 1e8; it++) {
		double a[NPAR][NPAR], g[NPAR], x[NPAR], got;
		mpl_linear(f, b, y, work, a, g);
		for (int j = 0; j < NPAR; j++)
			a[j][j] *= 1 + damp;
		if (solve(a, g) < 0) {
			damp *= 10;
			continue;
		}
		for (int j = 0; j < NPAR; j++)
			x[j] = b[j] + g[j];
		got = mpl_cost(f, x, y);
		if (got < cost) {
			int done = cost - got < 1e-6 * cost;
			memcpy(b, x, sizeof(x));
			cost = got;
			damp = fmax(damp / 10, 1e-9);
			if (done)
				break;
		} else {
			damp *= 10;
			mpl_model(f, b, y);
		}
	}
	return mpl_cost(f, b, y);
}

void expert_mpl_fit(struct lc_expert *e, const struct expert_data *d)
{
	double *work = lc_xalloc((size_t)d->n * (NPAR + 2), sizeof(*work));
	double *y = work + (size_t)d->n * (NPAR + 1), b[NPAR];
	struct mpl f = {.d = d, .unit = 1, .skip = e->skip, .noise = .01 * d->level};

	f.p = lc_xalloc((size_t)d->ncurve, sizeof(*f.p));
	for (int c = 0; c < d->ncurve; c++) {
		int end, at = bins_of(d, c, &end);
		expert_lr_init(&f.p[c], d->of[c].lr, e->eta_ref, at < end ? d->at[end - 1] : 0);
		if (at < end)
			f.unit = fmax(f.unit, expert_lr_area(&f.p[c], d->at[end - 1]));
	}
	mpl_prior(d, f.m, f.sd);
	memcpy(b, f.m, sizeof(b));
	for (int round = 0; round < 3; round++) { /* the noise is what the last round left */
		double sq = 0;
		mpl_minimise(&f, b, work);
		for (int i = 0; i < d->n; i++)
			sq += pow(d->y[i] - y[i], 2);
		f.noise = fmax(sqrt(sq / d->n), 3e-4 * d->level);
	}
	memcpy(e->par, b, sizeof(b));
	e->par[S1] = f.unit;
	for (int c = 0; c < d->ncurve; c++)
		expert_lr_release(&f.p[c]);
	free(f.p);
	free(work);
}

void expert_mpl_predict(const struct lc_expert *e, const struct lc_curve *q, double *mean)
{
	struct expert_lr p;

	if (q->n == 0)
		return;
	expert_lr_init(&p, q->lr, e->eta_ref, q->at[q->n - 1]);
	mpl_curve(e->par, e->par[S1], e->skip, &p, q->at, q->n, mean);
	expert_lr_release(&p);
}

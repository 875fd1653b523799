/*
 * expert_curves: an ensemble of parametric learning curves (Domhan, Springenberg, Hutter, IJCAI
 * 2015, table 1), after update t in units of the last one seen.
 *
 * All but two are c + a g(t; p, k), linear in c and a: the best p and k are read off a grid, which
 * needs no start and gives the same everywhere. The vapour-pressure curve is linear in ln y, the
 * log-log line in exp y. Weights go as exp(-BIC/2) with at most 40 values counted, since values of
 * one curve are not independent; curves that rise towards the horizon are dropped, as there.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "expert_impl.h"
#include "io.h"

enum form { POW3, POW4, WEIBULL, MMF, LOGPOWER, ILOG2, VAPOR, LOGLOG };
enum { GRID = 24, COUNTED = 40 };

/* par: t1 (the last update seen), lowest and highest believable value. */
enum { T1, LOW, HIGH };

static double shape(enum form f, double t, double p, double k)
{
	switch (f) {
	case POW3: return pow(t, -p);
	case POW4: return pow(t + k, -p);
	case WEIBULL: return exp(-pow(k * t, p));
	case MMF:
	case LOGPOWER: return 1 / (1 + pow(k * t, p));
	case ILOG2: return 1 / log(1e4 * t + 2);
	default: return 0;
	}
}

static double curve_at(const double *form, enum form f, double t)
{
	double c = form[1], a = form[2], p = form[3], k = form[4];

	if (f == VAPOR)
		return exp(c + a / (1e4 * t) + p * log(t));
	if (f == LOGLOG)
		return log(fmax(c + a * log(t), 1e-300));
	return c + a * shape(f, t, p, k);
}

/* Grids: exponents .05 .. 2.5, scales (or shifts) 1e-3 .. 30, both geometric. */
static int grid_of(enum form f, int which)
{
	static const int n[][2] = {{GRID, 1},	 {GRID, GRID}, {GRID, GRID},
				   {GRID, GRID}, {GRID, GRID}, {1, 1}};

	return n[f][which];
}

static double fit_grid(double *form, enum form f, const double *t, const double *y, int n,
		       double *x)
{
	double best = INFINITY;
	int p = f == LOGPOWER ? 1 : 2; /* log power falls to 0 */

	for (int i = 0; i < grid_of(f, 0); i++)
		for (int j = 0; j < grid_of(f, 1); j++) {
			double e = .05 * pow(50, i / (GRID - 1.)),
			       k = 1e-3 * pow(3e4, j / (GRID - 1.));
			double beta[2], rss;
			for (int r = 0; r < n; r++) {
				x[r * p] = shape(f, t[r], e, k);
				if (p == 2)
					x[r * p + 1] = 1;
			}
			rss = expert_lsq(x, y, n, p, beta);
			if (!(rss < best))
				continue;
			best = rss;
			form[1] = p == 2 ? beta[1] : 0;
			form[2] = beta[0];
			form[3] = e;
			form[4] = k;
		}
	return best;
}

/* Linear in a transform of y; the residuals are those of y itself. */
static double fit_transformed(double *form, enum form f, const double *t, const double *y, int n,
			      double *x)
{
	double *z = lc_xalloc((size_t)n, sizeof(*z)), beta[3] = {0}, rss = 0;
	int p = f == VAPOR ? 3 : 2;

	for (int i = 0; i < n; i++) {
		x[i * p] = 1;
		x[i * p + 1] = f == VAPOR ? 1 / (1e4 * t[i]) : log(t[i]);
		if (f == VAPOR)
			x[i * p + 2] = log(t[i]);
		z[i] = f == VAPOR ? log(fmax(y[i], 1e-300)) : exp(fmin(y[i], 300));
	}
	expert_lsq(x, z, n, p, beta);
	memcpy(form + 1, beta, sizeof(beta));
	for (int i = 0; i < n; i++)
		rss += pow(curve_at(form, f, t[i]) - y[i], 2);
	free(z);
	return rss;
}

void expert_curves_fit(struct lc_expert *e, const struct expert_data *d)
{
	static const int params[] = {3, 4, 4, 4, 3, 2, 3, 2};
	double *t = lc_xalloc((size_t)d->n, sizeof(*t)),
	       *x = lc_xalloc((size_t)d->n * 3, sizeof(*x));
	double bic[LC_EXPERT_FORMS], best = INFINITY, sum = 0;
	int n = 0;

	e->par[LOW] = INFINITY;
	e->par[HIGH] = -INFINITY;
	for (int i = 0; i < d->n && d->curve[i] == d->curve[0]; i++, n++) {
		e->par[T1] = fmax(d->at[i], 1);
		e->par[LOW] = fmin(e->par[LOW], d->y[i]);
		e->par[HIGH] = fmax(e->par[HIGH], d->y[i]);
	}
	for (int i = 0; i < n; i++)
		t[i] = d->at[i] / e->par[T1];
	for (int f = 0; f < LC_EXPERT_FORMS; f++) {
		double rss = f < VAPOR ? fit_grid(e->form[f], f, t, d->y, n, x)
				       : fit_transformed(e->form[f], f, t, d->y, n, x);
		double now = curve_at(e->form[f], f, 1), far = curve_at(e->form[f], f, 4);
		double m = n < COUNTED ? n : COUNTED;
		bic[f] = m * log(rss / n + 1e-10 * d->level * d->level) + params[f] * log(m + 1);
		if (!isfinite(bic[f]) || !isfinite(far) || far > now + .001 * d->level)
			bic[f] = INFINITY;
		best = fmin(best, bic[f]);
	}
	for (int f = 0; f < LC_EXPERT_FORMS; f++)
		sum += e->form[f][0] = isfinite(bic[f]) ? exp(-.5 * (bic[f] - best)) : 0;
	if (!(sum > 0)) { /* none falls: the last value */
		memcpy(e->form[POW3], (double[5]){1, d->y[n - 1], 0, 1, 1}, 5 * sizeof(double));
		sum = 1;
	}
	for (int f = 0; f < LC_EXPERT_FORMS; f++)
		e->form[f][0] /= sum;
	free(t);
	free(x);
}

/* No curve may leave what was seen by more than its own range: a power near 0 has no asymptote. */
double expert_curves_at(const struct lc_expert *e, double t)
{
	double range = e->par[HIGH] - e->par[LOW], y = 0;

	for (int f = 0; f < LC_EXPERT_FORMS; f++)
		if (e->form[f][0] > 0)
			y += e->form[f][0] * curve_at(e->form[f], f, t / e->par[T1]);
	return fmin(fmax(y, e->par[LOW] - range), e->par[HIGH] + range);
}

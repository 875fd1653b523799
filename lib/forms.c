/* forms: see forms.h. */
#include "forms.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expert_impl.h"
#include "io.h"
#include "stat.h"

enum {
	MODES = 8,
	KERNELS = 4,
	WIDTH = 1 + MODES + KERNELS,
	POINTS = 96,
	EXPONENTS = 16,
	DRIVES = 6
};
#define RIDGE 1e-5 /* of a column's own square, so that modes alike share what they explain */

static const double drive[DRIVES] = {1, .3, .5, .7, .85, 1.3};

const char *lc_form_name(const struct lc_form *f, char buf[48])
{
	static const char *const base[] = {"t^-a", "S^-a", "modes"};

	snprintf(buf, 48, "%s, %s, %s", base[f->base], f->free_q ? "eta^q" : "eta",
		 f->gvar ? "gvar" : "const");
	return buf;
}

/* One run made ready: what does not depend on the exponents a. */
struct ready {
	int n;
	double t[POINTS], y[POINTS], s[POINTS];
	double h[DRIVES][2][POINTS][KERNELS]; /* by drive; by whether gvar is in it */
};

/* A stretch of constant lr and gvar. */
static void advance(double *h, double n, double eta, double e)
{
	for (int j = 0; j < KERNELS; j++)
		h[j] = e + (h[j] - e) * exp(-n * eta * .2 / (1 << (3 * j)));
}

/* The noise modes at all points; pieces are cut where the lr and every 1/256 of the way. */
static void noise_modes(struct ready *r, const struct expert_lr *p, const struct lc_form_run *run,
			double g_ref, int d, int with)
{
	double h[KERNELS] = {0}, t = 0, end = r->t[r->n - 1];
	int k = 0;

	for (int i = 0; i < r->n; i++) {
		while (t < r->t[i]) {
			double stop = fmin(r->t[i], t + end / 256), g = 1;
			if (k + 1 < p->n && p->at[k + 1] < stop)
				stop = p->at[k + 1];
			if (with)
				g = lc_lrpath_at(run->gvar, .5 * (t + stop)) / g_ref;
			advance(h, stop - t, p->eta[k], pow(p->eta[k], drive[d]) * g);
			t = stop;
			while (k + 1 < p->n && p->at[k + 1] <= t)
				k++;
		}
		memcpy(r->h[d][with][i], h, sizeof(h));
	}
}

static void make_ready(struct ready *r, const struct lc_form_run *run, double eta_ref, double g_ref)
{
	const struct lc_curve *c = &run->curve;
	struct expert_lr p;
	int finite = 0, seen = 0, bins;

	r->n = 0;
	for (int i = 0; i < c->n; i++)
		finite += isfinite(c->y[i]) && c->at[i] > 0;
	bins = finite < POINTS ? finite : POINTS;
	for (int i = 0; i < c->n; i++)
		if (isfinite(c->y[i]) && c->at[i] > 0 &&
		    ++seen * (long)bins >= (r->n + 1) * (long)finite) {
			r->t[r->n] = c->at[i];
			r->y[r->n++] = c->y[i];
		}
	if (r->n == 0)
		return;
	expert_lr_init(&p, c->lr, eta_ref, r->t[r->n - 1]);
	for (int i = 0; i < r->n; i++)
		r->s[i] = expert_lr_area(&p, r->t[i]);
	for (int d = 0; d < DRIVES; d++)
		for (int with = 0; with <= (g_ref > 0); with++)
			noise_modes(r, &p, run, g_ref, d, with);
	expert_lr_release(&p);
}

/* One row of the design matrix; returns how many columns. */
static int row(const struct ready *r, int i, const struct lc_form *f, int d, double a, double unit,
	       double *x)
{
	int n = 0;

	x[n++] = 1;
	if (f->base == LC_FORM_T)
		x[n++] = pow(r->t[i] / unit, -a);
	else if (f->base == LC_FORM_S)
		x[n++] = pow(r->s[i] / unit, -a);
	else
		for (int j = 0; j < MODES; j++)
			x[n++] = exp(-r->s[i] / unit * .25 * (1 << (2 * j)));
	for (int j = 0; j < KERNELS; j++)
		x[n++] = r->h[d][f->gvar][i][j];
	return n;
}

/* Ridge by Cholesky; g (p,p) is used up. */
static void solve(double g[WIDTH][WIDTH], double *b, int p)
{
	for (int i = 0; i < p; i++)
		g[i][i] += RIDGE * (i ? g[i][i] : 0) + 1e-12;
	for (int i = 0; i < p; i++) {
		for (int j = 0; j <= i; j++) {
			double s = g[i][j];
			for (int k = 0; k < j; k++)
				s -= g[i][k] * g[j][k];
			g[i][j] = i == j ? sqrt(fmax(s, 1e-15)) : s / g[j][j];
		}
		for (int k = 0; k < i; k++)
			b[i] -= g[i][k] * b[k];
		b[i] /= g[i][i];
	}
	for (int i = p - 1; i >= 0; i--) {
		for (int k = i + 1; k < p; k++)
			b[i] -= g[k][i] * b[k];
		b[i] /= g[i][i];
	}
}

/* Sum of squared residuals of a run under beta; and how many. */
static double misses(const struct ready *r, const struct lc_form *f, int d, double a, double unit,
		     const double *beta)
{
	double x[WIDTH], sum = 0;

	for (int i = 0; i < r->n; i++) {
		double y = r->y[i];
		int p = row(r, i, f, d, a, unit, x);
		for (int k = 0; k < p; k++)
			y -= beta[k] * x[k];
		sum += y * y;
	}
	return sum;
}

/* Fit all runs but one; sse of the training runs. */
static double fit(const struct ready *r, int n, int left, const struct lc_form *f, int d, double a,
		  double unit, double *beta)
{
	double g[WIDTH][WIDTH] = {{0}}, x[WIDTH], sum = 0;
	int p = 0;

	memset(beta, 0, WIDTH * sizeof(*beta));
	for (int c = 0; c < n; c++)
		for (int i = 0; i < r[c].n && c != left; i++) {
			p = row(&r[c], i, f, d, a, unit, x);
			for (int k = 0; k < p; k++) {
				beta[k] += x[k] * r[c].y[i];
				for (int j = 0; j < p; j++)
					g[k][j] += x[k] * x[j];
			}
		}
	solve(g, beta, p);
	for (int c = 0; c < n; c++)
		if (c != left)
			sum += misses(&r[c], f, d, a, unit, beta);
	return sum;
}

/* The best a and drive within all runs but `left` (-1: none); the RMSE of the one left out. */
static double best_fit(const struct ready *r, int n, int left, const struct lc_form *f, double unit,
		       double *q)
{
	double best = INFINITY, rmse = NAN, beta[WIDTH];
	int exponents = f->base == LC_FORM_MODES ? 1 : EXPONENTS;

	for (int d = 0; d < (f->free_q ? DRIVES : 1); d++)
		for (int k = 1; k <= exponents; k++) {
			double sse = fit(r, n, left, f, d, .08 * k, unit, beta);
			if (!(sse < best))
				continue;
			best = sse;
			*q = drive[d];
			if (left >= 0)
				rmse = sqrt(misses(&r[left], f, d, .08 * k, unit, beta) /
					    r[left].n);
		}
	return rmse;
}

static void score(const struct ready *r, int n, struct lc_form *f, double t1, double s1)
{
	double unit = f->base == LC_FORM_T ? t1 : s1, sum = 0, q;
	int m = 0;

	for (int left = 0; left < n; left++)
		if (r[left].n) {
			sum += best_fit(r, n, left, f, unit, &q);
			m++;
		}
	f->rmse = m ? sum / m : NAN;
	best_fit(r, n, -1, f, unit, &f->q);
}

/* Median of gvar over the runs' last points; 0 unless all logged it. */
static double gvar_ref(const struct lc_form_run *run, int n)
{
	double *g = lc_xalloc((size_t)n, sizeof(*g)), mid;

	for (int i = 0; i < n; i++) {
		g[i] = run[i].gvar && run[i].gvar->n ? run[i].gvar->lr[run[i].gvar->n - 1] : NAN;
		if (!(g[i] > 0) || !isfinite(g[i])) {
			free(g);
			return 0;
		}
	}
	mid = lc_median(g, (size_t)n);
	free(g);
	return mid;
}

static void mark_front(struct lc_form *form)
{
	for (int i = 0; i < LC_FORMS; i++) {
		form[i].front = isfinite(form[i].rmse);
		for (int k = 0; k < LC_FORMS; k++)
			if (form[k].params <= form[i].params && form[k].rmse < form[i].rmse)
				form[i].front = 0;
	}
}

int lc_forms_check(const struct lc_form_run *run, int n, struct lc_form form[LC_FORMS],
		   struct lc_err *err)
{
	struct ready *r;
	double eta_ref = 0, g_ref, t1 = 1, s1 = 1;

	if (n < 3)
		return lc_fail(err, LC_DATA, "form check: wants three runs or more");
	r = lc_xalloc((size_t)n, sizeof(*r));
	for (int i = 0; i < n; i++)
		for (int k = 0; run[i].curve.lr && k < run[i].curve.lr->n; k++)
			eta_ref = fmax(eta_ref, run[i].curve.lr->lr[k]);
	g_ref = gvar_ref(run, n);
	for (int i = 0; i < n; i++) {
		make_ready(&r[i], &run[i], eta_ref, g_ref);
		if (r[i].n) {
			t1 = fmax(t1, r[i].t[r[i].n - 1]);
			s1 = fmax(s1, r[i].s[r[i].n - 1]);
		}
	}
	for (int i = 0; i < LC_FORMS; i++) {
		struct lc_form *f = &form[i];
		*f = (struct lc_form){
			.base = i / 4, .free_q = i / 2 % 2, .gvar = i % 2, .rmse = NAN};
		f->params = 1 + KERNELS + (f->base == LC_FORM_MODES ? MODES : 2) + f->free_q;
		if (!f->gvar || g_ref > 0)
			score(r, n, f, t1, s1);
	}
	mark_front(form);
	free(r);
	return 0;
}

/* expert: what the published laws share, and the two simplest. See expert.h. */
#include "expert.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "expert_impl.h"
#include "io.h"

enum { BINS = 128, ALL_BINS = 384, FEWEST_BINS = 12 };
#define PIECE .02 /* of eta_ref: the lr is constant over a piece */

const char *lc_expert_name(enum lc_expert_kind kind)
{
	static const char *const names[] = {"last", "power", "curves", "tissue", "mpl"};

	return names[kind];
}

static void take_bin(struct expert_data *d, int curve, double at, double y, int n)
{
	d->curve[d->n] = curve;
	d->at[d->n] = at / n;
	d->y[d->n++] = y / n;
}

/* Equal numbers of values to a bin; what is not finite is left out. */
static void bin_curve(struct expert_data *d, int curve, const struct lc_curve *c, int bins)
{
	int finite = 0, seen = 0, held = 0, bin = 0;
	double at = 0, y = 0;

	for (int i = 0; i < c->n; i++)
		finite += isfinite(c->y[i]) && c->at[i] > 0;
	bins = finite < bins ? finite : bins;
	for (int i = 0; i < c->n; i++) {
		if (!isfinite(c->y[i]) || !(c->at[i] > 0))
			continue;
		at += c->at[i];
		y += c->y[i];
		held++;
		if ((long)++seen * bins >= (long)(bin + 1) * finite) {
			take_bin(d, curve, at, y, held);
			at = y = held = 0;
			bin++;
		}
	}
}

static void data_init(struct expert_data *d, const struct lc_curve *curve, int n)
{
	int each = ALL_BINS / n, cap, own, m = 0;

	each = each > BINS ? BINS : each < FEWEST_BINS ? FEWEST_BINS : each;
	cap = BINS + each * n;
	memset(d, 0, sizeof(*d));
	d->curve = lc_xalloc((size_t)cap, sizeof(*d->curve));
	d->at = lc_xalloc((size_t)cap, sizeof(*d->at));
	d->y = lc_xalloc((size_t)cap, sizeof(*d->y));
	d->of = curve;
	d->ncurve = n;
	bin_curve(d, 0, &curve[0], BINS);
	own = d->n;
	for (int i = 1; i < n; i++)
		bin_curve(d, i, &curve[i], each);
	if (own == 0)
		own = d->n;
	for (int i = own - 1 - own / 10; i < own; i++)
		if (i >= 0) {
			d->level += d->y[i];
			m++;
		}
	d->level = m ? fmax(fabs(d->level / m), 1e-9) : 1;
}

static void data_release(struct expert_data *d)
{
	free(d->curve);
	free(d->at);
	free(d->y);
}

static void add_piece(struct expert_lr *p, int *cap, double at, double eta)
{
	if (p->n == *cap) {
		*cap = *cap ? 2 * *cap : 64;
		p->at = lc_xrealloc(p->at, (size_t)*cap, sizeof(double));
		p->eta = lc_xrealloc(p->eta, (size_t)*cap, sizeof(double));
		p->area = lc_xrealloc(p->area, (size_t)*cap, sizeof(double));
	}
	p->area[p->n] = p->n ? p->area[p->n - 1] + p->eta[p->n - 1] * (at - p->at[p->n - 1]) : 0;
	p->at[p->n] = at;
	p->eta[p->n++] = eta;
}

void expert_lr_init(struct expert_lr *p, const struct lc_lrpath *lr, double eta_ref, double end)
{
	int cap = 0, known = lr && lr->n && eta_ref > 0;

	memset(p, 0, sizeof(*p));
	add_piece(p, &cap, 0, known ? lr->lr[0] / eta_ref : 1);
	for (int i = 0; known && i + 1 < lr->n && lr->at[i] < end; i++) {
		double e0 = lr->lr[i] / eta_ref, e1 = lr->lr[i + 1] / eta_ref;
		double t0 = lr->at[i], dt = lr->at[i + 1] - t0;
		int m = (int)fmin(ceil(fabs(e1 - e0) / PIECE), fmin(ceil(dt), 1000));
		for (int k = 0; k < m; k++)
			add_piece(p, &cap, fmax(t0 + dt * k / m, p->at[p->n - 1]),
				  e0 + (e1 - e0) * (k + .5) / m);
		/* past the last change the lr is what it came to */
		if (m)
			add_piece(p, &cap, lr->at[i + 1], e1);
	}
	while (p->warm + 1 < p->n && p->eta[p->warm + 1] >= p->eta[p->warm])
		p->warm++;
}

void expert_lr_release(struct expert_lr *p)
{
	free(p->at);
	free(p->eta);
	free(p->area);
}

double expert_lr_area(const struct expert_lr *p, double t)
{
	int lo = 0, hi = p->n;

	while (hi - lo > 1) {
		int mid = (lo + hi) / 2;
		*(p->at[mid] <= t ? &lo : &hi) = mid;
	}
	return p->area[lo] + p->eta[lo] * (t - p->at[lo]);
}

double expert_lsq(const double *x, const double *y, int n, int p, double *beta)
{
	double a[4][5] = {{0}}, scale[4], rss = 0;

	for (int i = 0; i < n; i++)
		for (int j = 0; j < p; j++) {
			for (int k = 0; k < p; k++)
				a[j][k] += x[i * p + j] * x[i * p + k];
			a[j][p] += x[i * p + j] * y[i];
		}
	for (int j = 0; j < p; j++)
		scale[j] = a[j][j];
	for (int j = 0; j < p; j++) { /* Gauss-Jordan; a column the others explain is left at 0 */
		if (!(a[j][j] > 1e-11 * scale[j])) {
			for (int i = 0; i < p; i++)
				a[i][j] = a[j][i] = 0;
			a[j][p] = 0;
			continue;
		}
		for (int i = 0; i < p; i++) {
			double f = a[i][j] / a[j][j];
			for (int k = j; k <= p && i != j; k++)
				a[i][k] -= f * a[j][k];
		}
	}
	for (int j = 0; j < p; j++)
		beta[j] = a[j][j] > 0 ? a[j][p] / a[j][j] : 0;
	for (int i = 0; i < n; i++) {
		double r = y[i];
		for (int j = 0; j < p; j++)
			r -= beta[j] * x[i * p + j];
		rss += r * r;
	}
	return rss;
}

/* par: L0, A, a, t1; in units of the last step seen, t1. */
static void power_fit(struct lc_expert *e, const struct expert_data *d)
{
	double *x = lc_xalloc((size_t)d->n * 2, sizeof(*x)), best = INFINITY, t1 = 1;

	for (int i = 0; i < d->n; i++)
		t1 = fmax(t1, d->at[i]);
	for (int k = 1; k <= 60; k++) {
		double a = .025 * k, beta[2], rss;
		for (int i = 0; i < d->n; i++) {
			x[2 * i] = 1;
			x[2 * i + 1] = pow(d->at[i] / t1, -a);
		}
		rss = expert_lsq(x, d->y, d->n, 2, beta);
		if (!(rss < best))
			continue;
		best = rss;
		memcpy(e->par, (double[4]){beta[0], beta[1], a, t1}, 4 * sizeof(double));
	}
	free(x);
}

int lc_expert_fit(struct lc_expert *e, enum lc_expert_kind kind, const struct lc_curve *curve,
		  int n, struct lc_err *err)
{
	struct expert_data d;
	double *mean, sq = 0;

	memset(e, 0, sizeof(*e));
	e->kind = kind;
	data_init(&d, curve, n);
	if (d.n == 0) {
		data_release(&d);
		return lc_fail(err, LC_DATA, "%s: no finite loss", lc_expert_name(kind));
	}
	for (int i = 0; i < n; i++)
		for (int k = 0; curve[i].lr && k < curve[i].lr->n; k++)
			e->eta_ref = fmax(e->eta_ref, curve[i].lr->lr[k]);
	if (e->eta_ref > 0 && curve[0].lr && curve[0].lr->n)
		e->skip = .5 * curve[0].lr->at[0] * curve[0].lr->lr[0] / e->eta_ref;
	for (int i = curve[0].n - 1; i >= 0 && kind == LC_EXPERT_LAST; i--)
		if (isfinite(curve[0].y[i])) {
			e->par[0] = curve[0].y[i];
			break;
		}
	switch (kind) {
	case LC_EXPERT_POWER: power_fit(e, &d); break;
	case LC_EXPERT_CURVES: expert_curves_fit(e, &d); break;
	case LC_EXPERT_TISSUE: expert_tissue_fit(e, &d); break;
	case LC_EXPERT_MPL: expert_mpl_fit(e, &d); break;
	default: break;
	}
	mean = lc_xalloc((size_t)curve[0].n + 1, sizeof(*mean));
	lc_expert_predict(e, &curve[0], mean);
	for (int i = n = 0; i < curve[0].n; i++)
		if (isfinite(curve[0].y[i]) && ++n)
			sq += pow(curve[0].y[i] - mean[i], 2);
	e->rms = n ? sqrt(sq / n) : 0;
	free(mean);
	data_release(&d);
	return 0;
}

void lc_expert_predict(const struct lc_expert *e, const struct lc_curve *q, double *mean)
{
	const double *p = e->par;

	if (e->kind == LC_EXPERT_TISSUE)
		expert_tissue_predict(e, q, mean);
	else if (e->kind == LC_EXPERT_MPL)
		expert_mpl_predict(e, q, mean);
	else
		for (int i = 0; i < q->n; i++) {
			double t = fmax(q->at[i], 1);
			mean[i] = e->kind == LC_EXPERT_LAST    ? p[0]
				  : e->kind == LC_EXPERT_POWER ? p[0] + p[1] * pow(t / p[3], -p[2])
							       : expert_curves_at(e, t);
		}
}

/* lawobs: from a run's past to binned observations of the law. See law.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "law.h"
#include "stat.h"

enum { TRUNK_BINS = 128, OTHER_BINS = 64, BRANCH_BINS = 12, FEWEST_BINS = 3, MAX_OBS = 480 };
#define PIECE_TOL .05 /* lr may change by this much within one exact step of the modes */

static double target(const struct lc_law *law, const struct lc_row *r)
{
	return law->metric == LC_VAL_LOSS ? r->val_loss : r->loss;
}

static double other(const struct lc_law *law, const struct lc_row *r)
{
	return law->metric == LC_VAL_LOSS ? r->loss : NAN;
}

/* How many rows of the trunk are witnesses. */
static long clean_rows(const struct lc_past *p)
{
	const struct lc_series *s = &p->series[0];
	long n = s->n;

	while (n > 0 && s->row[n - 1].step > lc_past_clean(p))
		n--;
	return n;
}

/*
 * White sd from second differences, which a smooth trend leaves alone; NaN below 6 values. y is
 * used up.
 */
static double white_sd(double *y, long n)
{
	if (n < 6)
		return NAN;
	for (long i = 0; i + 2 < n; i++)
		y[i] = fabs(y[i] - 2 * y[i + 1] + y[i + 2]);
	return 1.4826 * lc_median(y, (size_t)n - 2) / sqrt(6);
}

/* Finite values of rows [i, n) from step t0 on, into y; how many. */
static long values(const struct lc_law *law, const struct lc_series *s, long n, double t0,
		   int is_other, double *y)
{
	long m = 0;

	for (long i = 0; i < n; i++) {
		double v = is_other ? other(law, &s->row[i]) : target(law, &s->row[i]);
		if (isfinite(v) && (double)s->row[i].step >= t0)
			y[m++] = v;
	}
	return m;
}

/* One binning job: rows [0, n) of a series, bins of equal width over (t0, t1]. */
struct binning {
	const struct lc_series *s;
	int series, is_other, bins;
	long n;
	double t0, t1, sd;
	unsigned char *keep; /* [n] */
};

static int bin_of(const struct binning *b, double step)
{
	int i = (int)((step - b->t0) / (b->t1 - b->t0) * b->bins - 1e-9);

	return i < 0 ? 0 : i >= b->bins ? b->bins - 1 : i;
}

/* Keep what is finite, in range, and within 6 sd of its bin's median: one wild batch is no law. */
static void mark(const struct lc_law *law, struct binning *b, double *tmp)
{
	long i = 0, start, m;

	memset(b->keep, 0, (size_t)b->n);
	while (i < b->n) {
		int bin = bin_of(b, (double)b->s->row[i].step);
		double mid, sd;
		for (start = i, m = 0; i < b->n && bin_of(b, (double)b->s->row[i].step) == bin;
		     i++) {
			double v = b->is_other ? other(law, &b->s->row[i])
					       : target(law, &b->s->row[i]);
			if (isfinite(v) && (double)b->s->row[i].step > b->t0)
				tmp[m++] = v;
		}
		mid = lc_median(tmp, (size_t)m);
		for (long k = 0; k < m; k++)
			tmp[k] = fabs(tmp[k] - mid);
		sd = fmax(b->sd, 1.4826 * lc_median(tmp, (size_t)m));
		for (long k = start; k < i; k++) {
			double v = b->is_other ? other(law, &b->s->row[k])
					       : target(law, &b->s->row[k]);
			b->keep[k] = isfinite(v) && (double)b->s->row[k].step > b->t0 &&
				     (m < 3 || fabs(v - mid) <= 6 * sd);
		}
	}
}

static void modes_add(struct lc_modes *sum, const struct lc_modes *m)
{
	double *a = &sum->s[0][0], *ha = &sum->h[0][0];
	const double *b = &m->s[0][0], *hb = &m->h[0][0];

	for (int i = 0; i < LC_CLOCKS * LC_MODES; i++)
		a[i] += b[i];
	for (int i = 0; i < LC_VARIANTS * LC_MODES; i++)
		ha[i] += hb[i];
}

static void modes_scale(struct lc_modes *m, double f)
{
	for (int i = 0; i < LC_CLOCKS * LC_MODES; i++)
		(&m->s[0][0])[i] *= f;
	for (int i = 0; i < LC_VARIANTS * LC_MODES; i++)
		(&m->h[0][0])[i] *= f;
}

/* Modes along a path: from update *k to `to`, knot by knot. *knot is the next knot of the path. */
static void run_modes(const struct lc_basis *b, const struct lc_lrpath *path, struct lc_modes *m,
		      double *k, int *knot, double to)
{
	while (*k < to) {
		double stop = to, e0, e1;
		while (*knot < path->n && path->at[*knot] <= *k)
			++*knot;
		if (*knot < path->n && path->at[*knot] < stop)
			stop = path->at[*knot];
		e0 = path->n ? lc_lrpath_at(path, *k) : 1;
		e1 = path->n ? lc_lrpath_at(path, stop) : 1;
		lc_modes_ramp(b, m, *k, stop, e0, e1, 1, PIECE_TOL);
		*k = stop;
	}
}

void lc_law_modes(const struct lc_law *law, int series, double step, struct lc_modes *m)
{
	double k = 0;
	int knot = 0;

	lc_modes_init(m);
	run_modes(&law->basis, &law->path[series], m, &k, &knot, step);
}

static void close_bin(const struct binning *b, struct lc_obs *o, long rows)
{
	double f = 1 / (double)rows;

	o->y *= f;
	o->step *= f;
	modes_scale(&o->x, f);
	o->var = b->sd * b->sd * f;
	o->other = b->is_other;
	o->series = b->series;
}

/* Append the bins of one job; returns the new number of observations. */
static int fill(const struct lc_law *law, const struct binning *b, struct lc_obs *obs, int n)
{
	struct lc_modes m;
	double k = 0;
	int knot = 0, bin = -1;
	long rows = 0;

	lc_modes_init(&m);
	for (long i = 0; i < b->n; i++) {
		const struct lc_row *r = &b->s->row[i];
		int at = bin_of(b, (double)r->step);
		if (!b->keep[i])
			continue;
		if (at != bin && rows) {
			close_bin(b, &obs[n++], rows);
			rows = 0;
		}
		if (n == MAX_OBS)
			return n;
		if (rows++ == 0)
			memset(&obs[n], 0, sizeof(obs[n]));
		bin = at;
		run_modes(&law->basis, &law->path[b->series], &m, &k, &knot, (double)r->step);
		obs[n].y += b->is_other ? other(law, r) : target(law, r);
		obs[n].step += (double)r->step;
		modes_add(&obs[n].x, &m);
	}
	if (rows)
		close_bin(b, &obs[n++], rows);
	return n;
}

static int by_step(const void *a, const void *b)
{
	const struct lc_obs *x = a, *y = b;

	if (x->step != y->step)
		return x->step < y->step ? -1 : 1;
	if (x->series != y->series)
		return x->series < y->series ? -1 : 1;
	return x->other - y->other;
}

/* Warm-up and the first twentieth of the past are left out: the law is not about them. */
static double first_step(const struct lc_law *law, const struct lc_series *s, long n)
{
	double t0 = law->last / 20, warm = 0;

	for (long i = 0; i < n; i++)
		if (isfinite(s->row[i].lr) && s->row[i].lr >= .5 * law->eta_ref) {
			warm = (double)s->row[i].step;
			break;
		}
	return fmax(t0, fmin(warm, law->last / 3));
}

static double channel_sd(const struct lc_law *law, const struct lc_series *s, long n, double t0,
			 int is_other, double *tmp)
{
	double sd = white_sd(tmp, values(law, s, n, t0, is_other, tmp));

	/* too few values to tell: one per cent of the loss; never below what logs are rounded to */
	return isfinite(sd) ? fmax(sd, 2e-4 * fabs(law->level) + 1e-12)
			    : .01 * fabs(law->level) + 1e-12;
}

static int choose_metric(struct lc_law *law, const struct lc_series *s, long n)
{
	long vals = 0, losses = 0;

	for (long i = 0; i < n; i++) {
		vals += isfinite(s->row[i].val_loss);
		losses += isfinite(s->row[i].loss);
	}
	law->metric = vals >= 4 || (vals && !losses) ? LC_VAL_LOSS : LC_LOSS;
	return vals + losses > 0;
}

/* Recent level and the span of the clean trunk. */
static void look(struct lc_law *law, const struct lc_series *s, long n, double *tmp)
{
	long m = 0;

	law->first = law->last = 0;
	for (long i = n - 1; i >= 0; i--) {
		double v = target(law, &s->row[i]);
		if (!isfinite(v))
			continue;
		if (law->last == 0)
			law->last = (double)s->row[i].step;
		law->first = (double)s->row[i].step;
		if (m < 25)
			tmp[m++] = v;
	}
	law->level = lc_median(tmp, (size_t)m);
}

/* Many branches share what the trunk leaves of MAX_OBS, over both metrics. */
static int branch_bins(int branches)
{
	int each = (MAX_OBS - TRUNK_BINS - OTHER_BINS) / (2 * branches);

	return each > BRANCH_BINS ? BRANCH_BINS : each < FEWEST_BINS ? FEWEST_BINS : each;
}

int lc_law_observe(struct lc_law *law, const struct lc_past *past, struct lc_obs **out)
{
	const struct lc_series *trunk = &past->series[0];
	long clean = clean_rows(past), cap = 1;
	double t0, sd[2], *tmp;
	struct lc_obs *obs;
	int n = 0;

	*out = NULL;
	if (!choose_metric(law, trunk, clean))
		return 0;
	for (int i = 0; i < past->n; i++)
		cap = past->series[i].n > cap ? past->series[i].n : cap;
	tmp = lc_xalloc((size_t)cap, sizeof(*tmp));
	obs = lc_xalloc(MAX_OBS, sizeof(*obs));
	struct binning b = {.keep = lc_xalloc((size_t)cap, 1)};
	look(law, trunk, clean, tmp);
	t0 = first_step(law, trunk, clean);
	if (values(law, trunk, clean, t0, 0, tmp) < 8)
		t0 = law->first - 1;
	for (int ch = 0; ch < 2; ch++)
		sd[ch] = channel_sd(law, trunk, clean, t0, ch, tmp);
	law->noise = sd[0];
	for (int i = 0; i < past->n; i++)
		for (int ch = 0; ch < 2; ch++) {
			b.s = &past->series[i];
			b.n = i ? b.s->n : clean;
			b.series = i;
			b.is_other = ch;
			b.sd = sd[ch];
			b.t0 = i ? (double)lc_series_from(b.s) : t0;
			b.t1 = b.n ? (double)b.s->row[b.n - 1].step : 0;
			b.bins = i ? branch_bins(past->n - 1) : ch ? OTHER_BINS : TRUNK_BINS;
			if (b.n == 0 || b.t1 <= b.t0)
				continue;
			mark(law, &b, tmp);
			n = fill(law, &b, obs, n);
		}
	free(b.keep);
	free(tmp);
	qsort(obs, (size_t)n, sizeof(*obs), by_step);
	*out = obs;
	return n;
}

/* law_wit: see law_wit.h. */
#include "law_wit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "stat.h"

enum { TRUNK_BINS = 96, BRANCH_BINS = 16, FEWEST_BINS = 3, MAX_WITS = 640 };

/* Of the noise, measured on a small transformer (DESIGN.md 8). */
#define WANDER_LEN 60.	/* updates */
#define WANDER_SD .0045 /* of the level, where it cannot be measured */
#define SAME_ORDER .75	/* of the variance: one data order, one step */
#define SAME_LR .17	/* more, where the lr is the same */
#define SAME_BATCH .97	/* of the white variance: the same rows of one order */
#define LEAST_NEAR .1	/* noise that is left at no lr, in units of eta */
#define DRIFT_SD .0035	/* of the level */
#define DRIFT_LEN .3	/* of ln t */
#define OFF_SD .0017	/* of the level, an arm's own, a factor e in lr */
#define EARLY .1 /* an observation is believed to this part of its height above the recent loss */
#define OLD_SD .001    /* of the level, of a branch that is no arm's */
#define LR_CLASS .02   /* ln: lrs that agree to this are one class */
#define WARM_SHARE .16 /* of the loss: eta gvar on the trunk whose noise the prior is */
#define LEAST_SHARE 2e-3
#define HEAT_POWER .75 /* by the evidence of forks of 7 trunks, lr 2e-4 to 2e-2, over .5 and 1 */

static double target(const struct lc_wits *ws, const struct lc_row *r)
{
	return ws->metric == LC_VAL_LOSS ? r->val_loss : r->loss;
}

static void choose_metric(struct lc_wits *ws, const struct lc_series *s, long n)
{
	long vals = 0, losses = 0;

	for (long i = 0; i < n; i++) {
		vals += isfinite(s->row[i].val_loss);
		losses += isfinite(s->row[i].loss);
	}
	ws->metric = vals >= 4 || (vals && !losses) ? LC_VAL_LOSS : LC_LOSS;
}

/*
 * Sd from second differences, which a smooth trend leaves alone. Values that wander with a memory
 * of WANDER_LEN have 6 - 8 r + 2 r^2 of their variance there, r their correlation at the spacing.
 */
static double measured_sd(const struct lc_wits *ws, const struct lc_series *s, long n, double t0)
{
	double *y = lc_xalloc((size_t)n + 1, sizeof(*y)), gap, r, sd = NAN, first = 0, last = 0;
	long m = 0;

	for (long i = 0; i < n; i++)
		if (isfinite(target(ws, &s->row[i])) && (double)s->row[i].step >= t0) {
			first = m ? first : (double)s->row[i].step;
			last = (double)s->row[i].step;
			y[m++] = target(ws, &s->row[i]);
		}
	if (m >= 8) {
		gap = (last - first) / (double)(m - 1);
		r = ws->metric == LC_VAL_LOSS ? exp(-gap / WANDER_LEN) : 0;
		for (long i = 0; i + 2 < m; i++)
			y[i] = fabs(y[i] - 2 * y[i + 1] + y[i + 2]);
		sd = 1.4826 * lc_median(y, (size_t)m - 2) / sqrt(6 - 8 * r + 2 * r * r);
	}
	free(y);
	return sd;
}

/* Level, sizes of the noise, last clean step. -1: nothing finite. */
static int look(struct lc_wits *ws, const struct lc_past *p)
{
	const struct lc_series *s = &p->series[0];
	double recent[25], sd;
	long n = 0, m = 0;

	while (n < s->n && s->row[n].step <= lc_past_clean(p))
		n++;
	choose_metric(ws, s, n);
	for (long i = n - 1; i >= 0 && m < 25; i--)
		if (isfinite(target(ws, &s->row[i]))) {
			ws->last = m ? ws->last : (double)s->row[i].step;
			recent[m++] = target(ws, &s->row[i]);
		}
	if (m == 0)
		return -1;
	ws->level = fmax(fabs(lc_median(recent, (size_t)m)), 1e-9);
	sd = measured_sd(ws, s, n, ws->last / 3);
	if (ws->metric == LC_VAL_LOSS) {
		ws->white = 2e-4 * ws->level;
		ws->noise = isfinite(sd) ? fmax(sd, 2e-4 * ws->level) : WANDER_SD * ws->level;
	} else {
		ws->white = isfinite(sd) ? fmax(sd, 2e-4 * ws->level) : .01 * ws->level;
		ws->noise = WANDER_SD * ws->level;
	}
	return 0;
}

/*
 * How much of the loss is the noise of an update, eta gvar (Zhang et al. 2019: a quarter of it and
 * more is in the loss), against the trunk whose noise the prior is. A gvar of few micro-batches is
 * noisy: the median of the last 16.
 */
static double heat(const struct lc_wits *ws, const struct lc_past *p)
{
	const struct lc_series *s = &p->series[0];
	double g[16], share;
	size_t n = 0;

	for (long i = s->n - 1; i >= 0 && n < 16; i--)
		if (s->row[i].step <= lc_past_clean(p) && isfinite(s->row[i].gvar) &&
		    s->row[i].gvar > 0)
			g[n++] = s->row[i].gvar;
	share = ws->eta_ref * lc_median(g, n) / ws->level;
	/* in other units it would say nonsense */
	return share > LEAST_SHARE && share < 1 ? pow(share / WARM_SHARE, HEAT_POWER) : 1;
}

/* Warm-up and the first twentieth are left out: the law is not about them. */
static double first_step(const struct lc_wits *ws, const struct lc_series *s)
{
	double warm = 0;

	for (long i = 0; i < s->n; i++)
		if (isfinite(s->row[i].lr) && s->row[i].lr >= .5 * ws->eta_ref) {
			warm = (double)s->row[i].step;
			break;
		}
	return fmax(ws->last / 20, fmin(1.5 * warm, ws->last / 3));
}

/* Mean of the wandering over m rows that span `width` updates, in sd. */
static double calmer(long m, double width)
{
	double x = width / WANDER_LEN;

	return m < 2 || x < 1e-3 ? 1 : sqrt(2 * (x - 1 + exp(-x)) / (x * x));
}

/* One binning job: finite rows of s with step in (t0, t1] into at most `bins` equal counts. */
struct job {
	const struct lc_series *s;
	int series, arm, bins;
	double t0, t1, off, total;
};

static long count(const struct lc_wits *ws, const struct job *j)
{
	long n = 0;

	for (long i = 0; i < j->s->n; i++)
		n += isfinite(target(ws, &j->s->row[i])) && (double)j->s->row[i].step > j->t0 &&
		     (double)j->s->row[i].step <= j->t1;
	return n;
}

static void close_bin(const struct lc_wits *ws, const struct job *j, struct lc_wit *w, long m)
{
	double *st = (double *)&w->st, f = 1 / (double)m;

	for (size_t i = 0; i < sizeof(w->st) / sizeof(*st); i++)
		st[i] *= f;
	w->step *= f;
	w->y *= f;
	w->white = ws->white * sqrt(f);
	w->wander = ws->noise * sqrt(fmax(w->st.near, LEAST_NEAR)) * calmer(m, w->last - w->first);
	w->series = j->series;
	w->arm = j->arm;
	w->order = j->s->order;
	w->off = j->off;
	w->same_lr = (int)lround(log(fmax(w->st.near, 1e-3)) / LR_CLASS);
}

static void add_state(struct lc_wit *w, const struct lc_wide_state *st)
{
	double *a = (double *)&w->st;
	const double *b = (const double *)st;

	for (size_t i = 0; i < sizeof(*st) / sizeof(*a); i++)
		a[i] += b[i];
}

static void fill(struct lc_wits *ws, const struct job *j)
{
	long n = count(ws, j), seen = 0, m = 0;
	struct lc_wide_walk walk = {
		.total = j->total, .heat = ws->heat, .path = &ws->path[j->series]};
	int bins = (int)(n < j->bins ? n : j->bins);

	lc_wide_init(&walk.st);
	for (long i = 0; i < j->s->n && ws->n < MAX_WITS; i++) {
		const struct lc_row *r = &j->s->row[i];
		struct lc_wit *w = &ws->w[ws->n];
		double at = (double)r->step;
		if (!isfinite(target(ws, r)) || at <= j->t0 || at > j->t1)
			continue;
		if (m++ == 0) {
			memset(w, 0, sizeof(*w));
			w->first = at;
		}
		lc_wide_to(&walk, at);
		add_state(w, &walk.st);
		w->step += at;
		w->last = at;
		w->y += target(ws, r);
		seen++;
		if (seen * bins / n > (seen - 1) * bins / n) {
			close_bin(ws, j, w, m);
			ws->n++;
			m = 0;
		}
	}
}

/* The arm a series descends from. */
static int arm_of(const struct lc_past *p, int series, const struct lc_arm *arm, int n)
{
	for (; series > 0; series = p->series[series].parent)
		for (int i = 0; i < n; i++)
			if (arm[i].series == series)
				return i;
	return -1;
}

static void scale_path(struct lc_lrpath *path, double eta_ref)
{
	for (int k = 0; k < path->n; k++)
		path->lr[k] /= eta_ref;
}

double lc_wits_ratio(const struct lc_wits *ws, const struct lc_past *past, const struct lc_arm *arm,
		     const struct lc_arm *control)
{
	struct lc_lrpath a, c;
	double at, ratio;

	lc_lrpath_init(&a);
	lc_lrpath_init(&c);
	lc_wits_ahead(ws, past, arm, &a);
	lc_wits_ahead(ws, past, control, &c);
	at = arm->series >= 0 && past->series[arm->series].n
		     ? (double)past->series[arm->series].row[past->series[arm->series].n - 1].step
		     : (double)arm->from + 1;
	ratio = log(fmax(lc_lrpath_at(&a, at), 1e-3) / fmax(lc_lrpath_at(&c, at), 1e-3));
	lc_lrpath_release(&a);
	lc_lrpath_release(&c);
	return ratio;
}

void lc_wits_ahead(const struct lc_wits *ws, const struct lc_past *past, const struct lc_arm *arm,
		   struct lc_lrpath *path)
{
	int series = arm->series < 0 ? 0 : arm->series;
	const struct lc_series *s = &past->series[series];
	long until = arm->series < 0 ? arm->from : s->n ? s->row[s->n - 1].step : lc_series_from(s);
	double at = (double)until + 1;

	lc_past_lrpath(past, series, until, path);
	if (path->n && path->at[path->n - 1] < (double)until)
		lc_lrpath_add(path, (double)until, path->lr[path->n - 1]);
	if (arm->lr && arm->lr->n) {
		lc_lrpath_add(path, at, lc_lrpath_at(arm->lr, at));
		for (int k = 0; k < arm->lr->n; k++)
			if (arm->lr->at[k] > at)
				lc_lrpath_add(path, arm->lr->at[k], arm->lr->lr[k]);
	}
	scale_path(path, ws->eta_ref);
}

static void take_paths(struct lc_wits *ws, const struct lc_past *p)
{
	ws->npath = p->n;
	ws->path = lc_xalloc((size_t)p->n, sizeof(*ws->path));
	for (int i = 0; i < p->n; i++) {
		lc_past_lrpath(p, i, i == 0 && p->onset >= 0 ? lc_past_clean(p) : -1, &ws->path[i]);
		scale_path(&ws->path[i], ws->eta_ref);
	}
}

int lc_wits_gather(struct lc_wits *ws, const struct lc_past *past, const struct lc_arm *arm, int n,
		   double end, struct lc_err *err)
{
	int bins = past->n > 1 ? (MAX_WITS - TRUNK_BINS) / (past->n - 1) : BRANCH_BINS;

	memset(ws, 0, sizeof(*ws));
	ws->eta_ref = lc_past_lr_peak(past);
	if (!(ws->eta_ref > 0))
		return lc_fail(err, LC_DATA,
			       "history: no lr above 0: what an lr does is not known");
	if (look(ws, past) < 0)
		return lc_fail(err, LC_DATA, "history: no finite loss%s",
			       past->onset >= 0 ? " before the onset" : "");
	ws->heat = heat(ws, past);
	take_paths(ws, past);
	ws->w = lc_xalloc(MAX_WITS, sizeof(*ws->w));
	for (int i = 0; i < past->n; i++) {
		const struct lc_series *s = &past->series[i];
		struct job j = {s, i, arm_of(past, i, arm, n), 0, 0, INFINITY, 0, end};
		j.bins = i == 0		      ? TRUNK_BINS
			 : bins > BRANCH_BINS ? BRANCH_BINS
			 : bins < FEWEST_BINS ? FEWEST_BINS
					      : bins;
		if (i == 0 && past->onset >= 0)
			j.t1 = (double)lc_past_clean(past);
		j.t0 = i ? (double)lc_series_from(s) : first_step(ws, s);
		if (i == 0 && count(ws, &j) < 8)
			j.t0 = -1;
		if (i && j.arm < 0)
			j.off = OLD_SD * ws->level;
		else if (i)
			j.off = OFF_SD * ws->level *
				fabs(lc_wits_ratio(ws, past, &arm[j.arm], &arm[0]));
		fill(ws, &j);
	}
	return 0;
}

void lc_wits_release(struct lc_wits *ws)
{
	for (int i = 0; i < ws->npath; i++)
		lc_lrpath_release(&ws->path[i]);
	free(ws->path);
	free(ws->w);
	memset(ws, 0, sizeof(*ws));
}

double lc_wits_cov(const struct lc_wits *ws, double noise, const struct lc_wit *a,
		   const struct lc_wit *b)
{
	double drift = DRIFT_SD * ws->level, c, shared = 0;

	c = drift * drift * exp(-fabs(log(fmax(a->step, 1)) - log(fmax(b->step, 1))) / DRIFT_LEN);
	if (a->order == b->order)
		shared = SAME_ORDER + (a->same_lr == b->same_lr ? SAME_LR : 0);
	if (a->series == b->series)
		shared = a->same_lr == b->same_lr ? 1 : 1 - SAME_LR;
	c += noise * noise * shared * a->wander * b->wander *
	     exp(-fabs(a->step - b->step) / WANDER_LEN);
	if (a == b)
		c += noise * noise * a->white * a->white +
		     pow(EARLY * fmax(0, a->y - ws->level), 2);
	else if (a->order == b->order && a->first == b->first && a->last == b->last)
		c += noise * noise * SAME_BATCH * a->white * b->white;
	if (a->arm >= 0 ? a->arm == b->arm : a->series > 0 && a->series == b->series)
		c += a->off * b->off;
	return c;
}

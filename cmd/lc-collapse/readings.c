/* readings: see readings.h. */
#include "readings.h"

#include <math.h>
#include <string.h>

#include "noise.h"
#include "stat.h"

static double value(const struct reading *r, enum metric m)
{
	return m == VAL ? r->val_loss : m == TEST ? r->test_loss : r->loss;
}

/* Was this branch run as told, to its end (or to a non-finite loss, which is an end, whether the
 * runner stopped it there or its trainer gave up first)? */
static int counts(const struct future *f)
{
	return f->status && (strcmp(f->status, "done") == 0 ||
			     (f->nonfinite && (strcmp(f->status, "killed") == 0 ||
					       strcmp(f->status, "failed") == 0)));
}

static double mean_after(const struct future *f, long after, enum metric m)
{
	double sum = 0;
	int n = 0;

	for (int i = 0; i < f->n; i++)
		if (f->r[i].step > after && !isnan(value(&f->r[i], m))) {
			sum += value(&f->r[i], m);
			n++;
		}
	return n ? sum / n : NAN;
}

static double last_value(const struct future *f, enum metric m)
{
	for (int i = f->n - 1; i >= 0; i--)
		if (!isnan(value(&f->r[i], m)))
			return value(&f->r[i], m);
	return NAN;
}

/* Was nothing at all read of a segment, since it is shorter than the run's own intervals? */
static int is_silent(const struct future *seg)
{
	return isnan(last_value(seg, VAL)) && isnan(last_value(seg, TRAIN));
}

/* The steps over which futures without segments are read: the later half of what the control ran.
 */
static long own_window(const struct evidence *ev)
{
	const struct future *control = evidence_role(ev, "control");

	return control ? control->from_step + control->horizon - control->horizon / 2 : 0;
}

double read_return(const struct evidence *ev, const struct future *f, enum metric m)
{
	const struct future *seg = evidence_segment(ev, f, "return");
	double mean;

	if (!counts(f))
		return NAN;
	if (f->nonfinite || (seg && counts(seg) && seg->nonfinite))
		return INFINITY;
	if (seg && !(counts(seg) && is_silent(seg))) {
		mean = mean_after(seg, seg->from_step + seg->horizon / 2, m);
		return !counts(seg) ? NAN : isnan(mean) ? last_value(seg, m) : mean;
	}
	return is_persistent(f) ? NAN : mean_after(f, own_window(ev), m);
}

double read_cool(const struct evidence *ev, const struct future *f, enum metric m)
{
	const struct future *seg = evidence_segment(ev, f, "cool");

	if (!counts(f))
		return NAN;
	if (f->nonfinite || (seg && counts(seg) && seg->nonfinite))
		return INFINITY;
	return seg && counts(seg) ? last_value(seg, m) : NAN;
}

double read_own(const struct evidence *ev, const struct future *f, enum metric m)
{
	if (!counts(f))
		return NAN;
	return f->nonfinite ? INFINITY : mean_after(f, own_window(ev), m);
}

/* Mean over the steps in (after, upto]; NaN when there are none. */
static double mean_within(const struct future *f, long after, long upto, enum metric m)
{
	double sum = 0;
	int n = 0;

	for (int i = 0; i < f->n && f->r[i].step <= upto; i++)
		if (f->r[i].step > after && !isnan(value(&f->r[i], m))) {
			sum += value(&f->r[i], m);
			n++;
		}
	return n ? sum / n : NAN;
}

enum { NULLS_MOST = 64 }; /* equal runs that are looked at */

#define RUNGS 5 /* H/8, H/4, H/2, H, and the reading itself after its segment */

/*
 * What a null's return is read by, at every rung: over windows of equal length, so that they
 * differ in nothing but how far the run is. The number of rungs that all have; y (nulls,rungs) and
 * t, in steps from the state. 1 where the reading is no mean of a segment.
 */
static int null_rungs(const struct evidence *ev, const int *null, int n, enum metric m, double *y,
		      double *t)
{
	const struct future *first = &ev->f[null[0]], *seg = evidence_segment(ev, first, "return");
	long width = seg ? seg->horizon - seg->horizon / 2 : 0, at;
	double column[RUNGS][NULLS_MOST];
	int rungs = 0, all;

	for (int r = 0; seg && r < RUNGS - 1; r++) {
		at = first->horizon >> (RUNGS - 2 - r);
		all = at >= width;
		for (int i = 0; i < n && all; i++) {
			const struct future *f = &ev->f[null[i]];
			column[rungs][i] =
				mean_within(f, f->from_step + at - width, f->from_step + at, m);
			all = isfinite(column[rungs][i]);
		}
		if (all)
			t[rungs++] = (double)at;
	}
	t[rungs] = (double)(first->horizon + (seg ? seg->horizon : 0));
	for (int i = 0; i < n; i++) {
		for (int r = 0; r < rungs; r++)
			y[i * (rungs + 1) + r] = column[r][i];
		y[i * (rungs + 1) + rungs] = read_return(ev, &ev->f[null[i]], m);
	}
	return rungs + 1;
}

/* Readings that agree to seven digits have not seen each other's data: their sd says nothing. */
static struct spread spread_of(struct lc_noise s, double mean)
{
	return (struct spread){.sd = s.sd, .df = s.sd > 1e-7 * fabs(mean) ? s.df : 0};
}

static struct spread return_spread(const struct evidence *ev, const int *null, int n, enum metric m)
{
	double y[NULLS_MOST * RUNGS], t[RUNGS], one = 1, ends[NULLS_MOST];
	int rungs = n ? null_rungs(ev, null, n, m, y, t) : 1;
	struct spread last;

	for (int i = 0; i < n; i++)
		ends[i] = y[i * rungs + rungs - 1];
	last = spread_of(lc_noise_of(ends, n, 1, &one), n ? ends[0] : 0);
	return last.df > 0 ? spread_of(lc_noise_of(y, n, rungs, t), ends[0]) : last;
}

/*
 * A control from the nulls' own state is one of them, on its own order: its luck is noise too, and
 * where it was the odd one out all arms look better. Its index, or -1.
 */
static int control_as_null(const struct evidence *ev, int null)
{
	const struct future *control = evidence_role(ev, "control");
	const json_t *from = json_object_get(ev->f[null].rec, "from");

	return control && json_equal(json_object_get(control->rec, "from"), from)
		       ? (int)(control - ev->f)
		       : -1;
}

/* The equal runs of a fork that were read. */
struct equals {
	int null[NULLS_MOST], n, cools;
	double cool[NULLS_MOST];
};

static void add_equal(struct equals *e, const struct evidence *ev, int i, enum metric m)
{
	double r = read_return(ev, &ev->f[i], m), c = read_cool(ev, &ev->f[i], m);

	if (isfinite(r) && e->n < NULLS_MOST)
		e->null[e->n++] = i;
	if (isfinite(c) && e->cools < NULLS_MOST)
		e->cool[e->cools++] = c;
}

static struct spread cool_spread(const struct equals *e)
{
	double one = 1;

	return spread_of(lc_noise_of(e->cool, e->cools, 1, &one), e->cools ? e->cool[0] : 0);
}

struct noise noise_floor(const struct evidence *ev, enum metric m)
{
	struct equals e = {.n = 0};
	struct noise n = {.diverged = NULL};
	int control;

	for (int i = 0; i < ev->n; i++) {
		if (strcmp(ev->f[i].role, "null") != 0)
			continue;
		if (isinf(read_return(ev, &ev->f[i], m)) || isinf(read_cool(ev, &ev->f[i], m)))
			n.diverged = ev->f[i].id;
		add_equal(&e, ev, i, m);
	}
	n.nulls = e.n;
	n.ret = return_spread(ev, e.null, e.n, m);
	n.cool = cool_spread(&e);
	n.identical = n.nulls > 1 && !(n.ret.df > 0);
	control = n.ret.df > 0 ? control_as_null(ev, e.null[0]) : -1;
	if (control >= 0) {
		add_equal(&e, ev, control, m);
		n.ret = return_spread(ev, e.null, e.n, m);
		n.cool = n.cool.df > 0 ? cool_spread(&e) : n.cool;
	}
	if (n.diverged)
		n.ret.df = n.cool.df = 0;
	return n;
}

double read_also(const struct evidence *ev, const struct future *f, int k)
{
	const struct future *seg = evidence_segment(ev, f, "return"), *at = seg ? seg : f;
	long after = seg ? seg->from_step + seg->horizon / 2 : own_window(ev);
	double sum = 0, x;
	int n = 0;

	if (!counts(f) || (seg && !counts(seg)))
		return NAN;
	for (int i = 0; i < at->n; i++) {
		x = at->also[i * ev->goal->limits + k];
		if (at->r[i].step > after && !isnan(x)) {
			sum += x;
			n++;
		}
	}
	return n ? sum / n : NAN;
}

struct lc_noise also_noise(const struct evidence *ev, int k)
{
	double y[64], one = 1, x;
	int n = 0;

	for (int i = 0; i < ev->n && n < 64; i++) {
		x = strcmp(ev->f[i].role, "null") == 0 ? read_also(ev, &ev->f[i], k) : NAN;
		if (isfinite(x))
			y[n++] = x;
	}
	return lc_noise_of(y, n, 1, &one);
}

/*
 * Least squares of the metric on the step over one null's own run, where its lr is still what it
 * began with: in the decay the loss falls because of the lr, and that fall cannot be bought with
 * steps.
 */
static double fall_per_step(const struct future *f, enum metric m)
{
	double n = 0, sx = 0, sy = 0, sxx = 0, sxy = 0;

	for (int i = 0; i < f->n; i++) {
		const struct reading *r = &f->r[i];
		double y = value(r, m), x = (double)(r->step - f->from_step);
		if (!isfinite(y) || fabs(r->lr / f->r[0].lr - 1) > .02)
			continue;
		n++, sx += x, sy += y, sxx += x * x, sxy += x * y;
	}
	return n * sxx > sx * sx ? -(n * sxy - sx * sy) / (n * sxx - sx * sx) : NAN;
}

double step_worth(const struct evidence *ev, enum metric m)
{
	struct lc_moments worth = {0};

	for (int i = 0; i < ev->n; i++) {
		double fall =
			strcmp(ev->f[i].role, "null") == 0 ? fall_per_step(&ev->f[i], m) : NAN;
		if (isfinite(fall))
			lc_moments_add(&worth, fall);
	}
	return fmax(worth.mean, 0);
}

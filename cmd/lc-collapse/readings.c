/* readings: see readings.h. */
#include "readings.h"

#include <math.h>
#include <string.h>

#include "stat.h"

static double value(const struct reading *r, enum metric m)
{
	return m == VAL ? r->val_loss : m == TEST ? r->test_loss : r->loss;
}

/* Was this branch run as told, to its end (or to a non-finite loss, which is an end)? */
static int counts(const struct future *f)
{
	return f->status && (strcmp(f->status, "done") == 0 ||
			     (strcmp(f->status, "killed") == 0 && f->nonfinite));
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
	if (seg) {
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

/* Readings that agree to seven digits have not seen each other's data: their sd says nothing. */
static struct spread spread_of(const struct lc_moments *s)
{
	double sd = s->n > 1 ? sqrt(lc_moments_var(s)) : NAN;

	return (struct spread){sd, sd > 1e-7 * fabs(s->mean) ? (int)s->n - 1 : 0};
}

struct noise noise_floor(const struct evidence *ev, enum metric m)
{
	struct lc_moments ret = {0}, cool = {0};
	struct noise n = {.diverged = NULL};

	for (int i = 0; i < ev->n; i++) {
		if (strcmp(ev->f[i].role, "null") != 0)
			continue;
		double r = read_return(ev, &ev->f[i], m), c = read_cool(ev, &ev->f[i], m);
		if (isinf(r) || isinf(c))
			n.diverged = ev->f[i].id;
		if (isfinite(r))
			lc_moments_add(&ret, r);
		if (isfinite(c))
			lc_moments_add(&cool, c);
	}
	n.ret = spread_of(&ret);
	n.cool = spread_of(&cool);
	n.identical = ret.n > 1 && n.ret.df == 0;
	if (n.diverged)
		n.ret.df = n.cool.df = 0;
	return n;
}

double spread_margin(const struct spread *s, double p)
{
	return s->df > 0 ? lc_student_quantile(1 - p, s->df) * M_SQRT2 * s->sd : NAN;
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

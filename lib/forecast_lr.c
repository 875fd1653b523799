/*
 * forecast_lr: the lr ahead of a branch: the plan's schedule, or the log, and what the actions make
 * of it. See forecast.h.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "action.h"
#include "forecast.h"
#include "json.h"
#include "mechanism.h"

int lc_schedule_parse(struct lc_schedule *s, const json_t *j, struct lc_err *err)
{
	static const char *const names[] = {"constant", "cosine", "wsd"};
	const char *name = lc_json_get_str(j, "schedule", lc_json_get_str(j, "kind", ""));

	memset(s, 0, sizeof(*s));
	for (int i = 0; i < 3; i++)
		if (strcmp(name, names[i]) == 0)
			s->shape = LC_SCHED_CONSTANT + i;
	if (!s->shape)
		return lc_fail(err, LC_DATA,
			       "plan: schedule \"%.40s\": not constant, cosine or wsd", name);
	s->lr = lc_json_get_num(j, "lr", NAN);
	s->min_lr = lc_json_get_num(j, "min_lr", 0);
	s->decay_frac = lc_json_get_num(j, "decay_frac", .2);
	s->warmup = lc_json_get_int(j, "warmup", 0);
	s->total = lc_json_get_int(j, "total", 0);
	if (!(s->lr > 0) || !isfinite(s->lr) || !(s->min_lr >= 0) || !isfinite(s->min_lr))
		return lc_fail(err, LC_DATA, "plan: lr and min_lr must be finite, lr above 0");
	if (s->warmup < 0 || s->total < 0 || !(s->decay_frac >= 0 && s->decay_frac <= 1))
		return lc_fail(err, LC_DATA, "plan: warmup, total or decay_frac out of range");
	if (s->shape != LC_SCHED_CONSTANT && s->total < 1)
		return lc_fail(err, LC_DATA, "plan: a %s schedule needs its total", name);
	return 0;
}

int lc_schedule_load(struct lc_schedule *s, const char *path, struct lc_err *err)
{
	json_t *j = lc_json_load(path, err), *part = json_object_get(j, "schedule");
	struct lc_err why;
	int ret;

	if (!j)
		return -1;
	ret = lc_schedule_parse(s, json_is_object(part) ? part : j, &why);
	json_decref(j);
	return ret < 0 ? lc_fail(err, why.code, "%s: %.400s", path, why.text) : 0;
}

/* As lc-train's: warm-up reaches the lr at update `warmup`; past the total the last value holds. */
double lc_schedule_lr(const struct lc_schedule *s, double update)
{
	double total = (double)s->total, t = s->total ? fmin(update, total) : update, from;

	if (update <= (double)s->warmup)
		return s->lr * fmax(update, 0) / (double)s->warmup;
	if (s->shape == LC_SCHED_COSINE)
		return s->min_lr + (s->lr - s->min_lr) * .5 *
					   (1 + cos(M_PI * (t - (double)s->warmup) /
						    fmax(total - (double)s->warmup, 1)));
	from = total - floor(s->decay_frac * total);
	if (s->shape == LC_SCHED_WSD && t > from)
		return s->lr + (s->min_lr - s->lr) * (t - from) / (total - from);
	return s->lr;
}

/*
 * What the actions make of the plan's lr, as lc-train does it. Values are absolute against the plan
 * (action.h), and those of the base hold on where the branch says nothing; a logged lr is the
 * base's already, so it is divided by `unit`.
 */
struct change {
	double scale, back, hold; /* back: the scale after `hold` updates, where hold > 0 */
	double warmup, unit;
	int tail; /* has one */
	struct lc_tail to;
	double clip; /* factor on the effective lr */
	int resets;
	struct lc_reset reset;
};

static void change_read(struct change *c, const struct lc_law *law, const struct lc_forecast *f,
			const json_t *actions)
{
	const json_t *tail = json_object_get(actions, "lr_tail");

	memset(c, 0, sizeof(*c));
	c->back = f->base_scale > 0 ? f->base_scale : 1;
	c->unit = f->plan.shape ? 1 : c->back;
	c->scale = lc_json_get_num(actions, "lr_scale", c->back);
	c->hold = lc_json_get_num(actions, "lr_for", 0);
	c->warmup = lc_json_get_num(actions, "lr_warmup", 0);
	c->tail = tail != NULL;
	lc_tail_read(&c->to, tail, c->scale);
	c->clip = 1;
	if (json_object_get(actions, "clip"))
		c->clip = lc_clip_factor(&law->grad, lc_json_get_num(actions, "clip", NAN));
	if (isnan(c->clip))
		c->clip = 1;
	c->resets = lc_reset_init(&c->reset, &law->grad, lc_json_get_str(actions, "reset", ""));
}

/* The plan's lr in eta_ref: the schedule, else the log, else its last value. */
static double base_lr(const struct lc_law *law, const struct lc_schedule *plan, int path,
		      double update)
{
	double lr;

	if (!(law->eta_ref > 0))
		return 1;
	if (plan->shape)
		return lc_schedule_lr(plan, update) / law->eta_ref;
	lr = lc_lrpath_at(&law->path[path], update);
	return isnan(lr) ? 1 : lr;
}

/*
 * The lr d updates after the fork. A tail leaves the plan: it starts from the plan's lr at the
 * fork.
 */
static double lr_ahead(const struct lc_law *law, const struct lc_schedule *plan,
		       const struct change *c, int path, double from, double d)
{
	double scale = c->hold > 0 && d > c->hold ? c->back : c->scale, lr;

	lr = c->tail ? base_lr(law, plan, path, from) * lc_tail_at(&c->to, d)
		     : base_lr(law, plan, path, from + d) * scale;
	lr /= c->unit;
	return d < c->warmup ? lr * d / c->warmup : lr;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/*
 * Updates after the fork at which to know the lr: even ones, both sides of every corner of the plan
 * and of the actions, what the log turned at. Not in order. Returns how many.
 */
static int gather(const struct lc_law *law, const struct change *c, const struct lc_forecast *f,
		  double last, double k[LC_KNOTS])
{
	const struct lc_schedule *p = &f->plan;
	const struct lc_lrpath *path = &law->path[f->path];
	double total = (double)p->total, corner[8];
	int n = 0, ncorner = 0;

	for (int i = 0; i < 48; i++)
		k[n++] = fmax(1, floor(1 + (last - 1) * i / 47 + .5));
	corner[ncorner++] = c->warmup;
	corner[ncorner++] = c->hold;
	corner[ncorner++] = c->tail ? c->to.steps : 0;
	corner[ncorner++] = f->horizon;
	if (p->shape) {
		corner[ncorner++] = (double)p->warmup - f->from;
		corner[ncorner++] = total - f->from;
		corner[ncorner++] = total - floor(p->decay_frac * total) - f->from;
	}
	for (int i = 0; i < ncorner; i++)
		for (int d = 0; d < 2; d++)
			if (corner[i] + d >= 1 && corner[i] + d <= last)
				k[n++] = floor(corner[i]) + d;
	for (int i = 1; c->tail && i + 1 < c->to.n; i++) {
		double at = floor(c->to.steps * i / (c->to.n - 1));
		if (at >= 1 && at <= last)
			k[n++] = at;
	}
	for (int i = 0; c->resets && i < LC_RESET_AT && n < LC_KNOTS; i++)
		if (lc_reset_knot(i) <= last)
			k[n++] = lc_reset_knot(i);
	for (int i = 0; !p->shape && i < path->n && n < LC_KNOTS; i++)
		if (path->at[i] - f->from >= 1 && path->at[i] - f->from <= last)
			k[n++] = floor(path->at[i] - f->from);
	return n;
}

void lc_forecast_knots(const struct lc_law *law, const json_t *actions, struct lc_forecast *f)
{
	double last = f->at[f->n - 1 + (f->end > 0)], k[LC_KNOTS];
	struct change c;
	int n;

	change_read(&c, law, f, actions);
	n = gather(law, &c, f, last, k);
	qsort(k, (size_t)n, sizeof(*k), by_value);
	f->nknot = 0;
	f->top = 0;
	for (int i = 0; i < n; i++) {
		if (f->nknot && k[i] <= f->knot[f->nknot - 1])
			continue;
		f->knot[f->nknot] = k[i];
		f->eta[f->nknot] = lr_ahead(law, &f->plan, &c, f->path, f->from, k[i]);
		f->eff[f->nknot] = f->eta[f->nknot] * c.clip;
		if (c.resets)
			f->eff[f->nknot] *= lc_reset_factor(&c.reset, k[i]);
		f->top = fmax(f->top, f->eta[f->nknot++]);
	}
}

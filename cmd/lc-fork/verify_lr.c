/*
 * verify_lr: the learning rate a branch logs, against what its actions make of the control's.
 *
 * lr_scale multiplies the plan's lr, and the control's is already multiplied by the base's. A tail
 * replaces the scale by a factor that goes from the scale to `to` over `steps` and stays there, on
 * the plan's lr of the step or of the tail's first one: trainers do either. A warm-up multiplies by
 * a ramp from 0 to 1; lr_for ends the scale. Trainers count a ramp's steps from 0 or from 1: one
 * step more or less is allowed for.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "stat.h"
#include "verify_impl.h"

#define LR_TOLERANCE 0.01

/* The factor on the plan's lr, k steps after the branch's start (k may lie between steps). */
static double factor(const struct branch *b, double k)
{
	const json_t *base = json_object_get(b->rec, "base"),
		     *tail = json_object_get(b->actions, "lr_tail");
	double scale = lc_json_get_num(b->actions, "lr_scale",
				       lc_json_get_num(base, "lr_scale", 1)),
	       x = scale, from, to, t;
	long warm = lc_json_get_int(b->actions, "lr_warmup", 0),
	     held = lc_json_get_int(b->actions, "lr_for", 0);
	const char *shape;

	k = k < 0 ? 0 : k;
	if (held > 0 && k > (double)held)
		x = lc_json_get_num(base, "lr_scale", 1);
	if (tail) {
		from = lc_json_get_num(tail, "from", scale);
		to = lc_json_get_num(tail, "to", 0);
		shape = lc_json_get_str(tail, "shape", "linear");
		t = fmin(1, k / (double)lc_json_get_int(tail, "steps", 1));
		if (strcmp(shape, "constant") == 0)
			t = 1;
		else if (strcmp(shape, "cosine") == 0)
			t = 0.5 * (1 - cos(3.14159265358979323846 * t));
		x = from + (to - from) * t;
	}
	return warm > 0 && k < (double)warm ? x * k / (double)warm : x;
}

/* Can the ratio be told at this step? Within [lo, hi], with a step to either side on a ramp. */
static void bounds(const struct branch *b, double k, double *lo, double *hi)
{
	*lo = INFINITY;
	*hi = 0;
	for (int d = -1; d <= 1; d++) {
		double x = factor(b, k + d);
		*lo = fmin(*lo, x);
		*hi = fmax(*hi, x);
	}
}

static int has_ramp(const struct branch *b)
{
	return json_object_get(b->actions, "lr_tail") ||
	       lc_json_get_int(b->actions, "lr_for", 0) > 0 ||
	       lc_json_get_int(b->actions, "lr_warmup", 0) > 0;
}

/* The median of lr / reference lr over the steps both have logged; NaN when there is none. The
 * first step that is off is *off, its reference *its; side: how many are too low, too high. */
static double lr_ratio(struct branch *b, const struct reference *ref, double want,
		       const struct point **off, const struct point **its, long side[2])
{
	double *r = malloc((size_t)(b->steps.n + 1) * sizeof(*r)), median;
	size_t n = 0;

	*off = NULL;
	for (long i = 0; r && i < b->steps.n; i++) {
		const struct point *p = &b->steps.p[i], *q = reference_at(ref, p->step);
		if (!q || !(q->lr > 0) || !isfinite(p->lr))
			continue;
		r[n++] = p->lr / q->lr;
		if (fabs(p->lr / q->lr / want - 1) <= LR_TOLERANCE)
			continue;
		side[p->lr / q->lr > want]++;
		if (!*off) {
			*off = p;
			*its = q;
		}
	}
	b->checked[0] = (long)n;
	median = lc_median(r, n);
	free(r);
	return median;
}

static void check_scale(struct branch *b, const struct reference *ref, double base, int so_far)
{
	long side[2] = {0, 0};
	double want = lc_json_get_num(b->actions, "lr_scale", base) / base, got;
	const struct point *off, *its = NULL;

	got = lr_ratio(b, ref, want, &off, &its, side);
	if (isnan(got) || fabs(got / want - 1) <= LR_TOLERANCE)
		return;
	if (so_far && 2 * side[0] <= b->horizon && 2 * side[1] <= b->horizon)
		return; /* the median may still come round */
	branch_end(b, VOID,
		   "its learning rate is %.4g times the control's, not %.4g (at step %ld %.6g, not "
		   "%.6g)",
		   got, want, off->step, off->lr, want * its->lr);
}

static void check_ramp(struct branch *b, const struct reference *ref, double base)
{
	const struct point *q0 = reference_at(ref, b->from_step);

	for (long i = 0; i < b->steps.n; i++) {
		const struct point *p = &b->steps.p[i], *q = reference_at(ref, p->step);
		double lo, hi, least, most;
		if (!q || !(q->lr > 0) || !isfinite(p->lr))
			continue;
		q0 = q0 && q0->lr > 0 ? q0 : q; /* the first that is known */
		b->checked[0]++;
		bounds(b, (double)(p->step - b->from_step), &lo, &hi);
		least = lo * fmin(q->lr, q0->lr) / base * (1 - LR_TOLERANCE);
		most = hi * fmax(q->lr, q0->lr) / base * (1 + LR_TOLERANCE);
		if (p->lr >= least && p->lr <= most)
			continue;
		branch_end(b, VOID,
			   "its learning rate at step %ld is %.4g, not %.4g: %.4g times the plan's",
			   p->step, p->lr,
			   factor(b, (double)(p->step - b->from_step)) * q->lr / base,
			   factor(b, (double)(p->step - b->from_step)));
		return;
	}
}

void verify_lr(struct branch *b, const struct reference *ref, int so_far)
{
	double base = lc_json_get_num(json_object_get(b->rec, "base"), "lr_scale", 1);

	/* a base with a ramp of its own: what the plan's lr would be is not known here */
	/* a probe of the cause that keeps the plan's lr: the run's own may be what broke */
	if (json_object_get(b->rec, "asks") && !json_object_get(b->actions, "lr_scale"))
		return;
	if (!(base > 0) || json_object_get(json_object_get(b->rec, "base"), "lr_tail"))
		return;
	if (has_ramp(b))
		check_ramp(b, ref, base);
	else
		check_scale(b, ref, base, so_far);
}

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

#include "action.h"
#include "json.h"
#include "verify_impl.h"

#define LR_TOLERANCE 0.01

/* The factor on the plan's lr, k steps after the branch's start (k may lie between steps). */
static double factor(const struct branch *b, double k)
{
	const json_t *base = json_object_get(b->rec, "base"),
		     *tail = json_object_get(b->actions, "lr_tail");
	double scale = lc_json_get_num(b->actions, "lr_scale",
				       lc_json_get_num(base, "lr_scale", 1)),
	       x = scale;
	long warm = lc_json_get_int(b->actions, "lr_warmup", 0),
	     held = lc_json_get_int(b->actions, "lr_for", 0);
	struct lc_tail t;

	k = k < 0 ? 0 : k;
	if (held > 0 && k > (double)held)
		x = lc_json_get_num(base, "lr_scale", 1);
	if (tail) {
		lc_tail_read(&t, tail, scale);
		x = lc_tail_at(&t, k);
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

/* The steps at which a constant scale is not what it should be, of n that both have logged. */
struct astray {
	long n, off, last;		 /* last: how many of them without a break at the end */
	const struct point *first, *its; /* the first of them, and its reference */
};

static void look_astray(const struct branch *b, const struct reference *ref, double want,
			struct astray *a)
{
	for (long i = 0; i < b->steps.n; i++) {
		const struct point *p = &b->steps.p[i], *q = reference_at(ref, p->step);
		if (!q || !(q->lr > 0) || !isfinite(p->lr))
			continue;
		a->n++;
		if (fabs(p->lr / q->lr / want - 1) <= LR_TOLERANCE) {
			a->last = 0;
			continue;
		}
		a->last++;
		if (a->off++ == 0) {
			a->first = p;
			a->its = q;
		}
	}
}

/*
 * Half of them may be off: what broke may have been the lr of the run, which is the reference. But
 * not one in ten at the end: an lr that was put back.
 */
static void check_scale(struct branch *b, const struct reference *ref, double base, int so_far)
{
	double want = lc_json_get_num(b->actions, "lr_scale", base) / base;
	struct astray a = {0};

	look_astray(b, ref, want, &a);
	b->checked[0] = a.n;
	if (2 * a.off <= (so_far ? b->horizon : a.n) && (so_far || a.last <= (a.n + 6) / 10))
		return;
	branch_end(b, VOID,
		   "its learning rate is %.4g times the control's, not %.4g (at step %ld %.6g, not "
		   "%.6g; at %ld of %ld steps)",
		   a.first->lr / a.its->lr, want, a.first->step, a.first->lr, want * a.its->lr,
		   a.off, a.n);
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

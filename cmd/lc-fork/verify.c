/*
 * verify: an intervention that did not take effect is no evidence (DESIGN section 8, truth 6).
 *
 * Frameworks silently restore the old learning rate on resume, or begin again at step 0. What a
 * branch was told is checked against its own stream: the steps it counts, the learning rate and the
 * batches it logs, and its losses.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fork.h"
#include "json.h"
#include "stat.h"

#define LR_TOLERANCE 0.01

static void declare(struct branch *b, enum status status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void declare(struct branch *b, enum status status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(b->why, sizeof(b->why), fmt, ap);
	va_end(ap);
	b->status = status;
}

static const struct point *reference_at(const struct reference *ref, long step)
{
	const struct point *p = stream_find(&ref->control, step);

	return p ? p : stream_find(&ref->run, step);
}

static int resumed(struct branch *b)
{
	const struct point *p = b->steps.p;
	long n = b->steps.n, end = b->from_step + b->horizon;

	if (n == 0)
		declare(b, VOID, "it printed no step records");
	else if (p[0].step <= b->from_step)
		declare(b, VOID, "it began at step %ld, not after %ld: the state was not resumed",
			p[0].step, b->from_step);
	else if (p[n - 1].step + (n > 1 ? (p[n - 1].step - p[0].step) / (n - 1) : 1) <= end &&
		 p[n - 1].step < end)
		declare(b, FAILED, "it ended at step %ld of %ld", p[n - 1].step, end);
	else if (p[n - 1].step > end)
		snprintf(b->why, sizeof(b->why), "it ran on to step %ld, past its horizon",
			 p[n - 1].step);
	return b->status == DONE;
}

/* The median of lr / reference lr over the steps both have logged; NaN when there is none. */
static double lr_ratio(const struct branch *b, const struct reference *ref)
{
	double *r = malloc((size_t)(b->steps.n + 1) * sizeof(*r)), median;
	size_t n = 0;

	for (long i = 0; r && i < b->steps.n; i++) {
		const struct point *p = &b->steps.p[i], *q = reference_at(ref, p->step);
		if (q && q->lr > 0 && isfinite(p->lr))
			r[n++] = p->lr / q->lr;
	}
	median = lc_median(r, n);
	free(r);
	return median;
}

static void check_lr(struct branch *b, const struct reference *ref)
{
	double base = lc_json_get_num(json_object_get(b->rec, "base"), "lr_scale", 1);
	double want = lc_json_get_num(b->actions, "lr_scale", base) / base, got;

	/* a warm-up or a tail has a shape of its own: that it has an effect is seen in the losses
	 */
	if (json_object_get(b->actions, "lr_warmup") || json_object_get(b->actions, "lr_tail"))
		return;
	got = lr_ratio(b, ref);
	if (!isnan(got) && fabs(got / want - 1) > LR_TOLERANCE)
		declare(b, VOID, "its learning rate is %.4g times the control's, not %.4g", got,
			want);
}

/* Of the steps whose batch both sides logged, how many see the same one? */
static void count_batches(const struct branch *b, const struct reference *ref, long *same,
			  long *both)
{
	*same = *both = 0;
	for (long i = 0; i < b->steps.n; i++) {
		const struct point *p = &b->steps.p[i], *q = reference_at(ref, p->step);
		if (!q || !q->batch[0] || !p->batch[0])
			continue;
		++*both;
		*same += strcmp(p->batch, q->batch) == 0;
	}
}

/* Does any batch of the branch equal one that the reference saw in steps first..last? */
static int meets(const struct branch *b, const struct reference *ref, long first, long last,
		 long *where)
{
	for (long s = first; s <= last; s++) {
		const struct point *q = reference_at(ref, s);
		for (long i = 0; q && q->batch[0] && i < b->steps.n; i++)
			if (strcmp(b->steps.p[i].batch, q->batch) == 0) {
				*where = b->steps.p[i].step;
				return 1;
			}
	}
	return 0;
}

static void check_skip_range(struct branch *b, const struct reference *ref, const json_t *range)
{
	long first = (long)json_integer_value(json_array_get(range, 0));
	long last = (long)json_integer_value(json_array_get(range, 1)), where;

	if (first <= b->from_step)
		first = b->from_step + 1;
	if (last > b->from_step + b->horizon)
		last = b->from_step + b->horizon;
	if (meets(b, ref, first, last, &where))
		declare(b, VOID, "at step %ld it sees a batch that was to be passed over", where);
}

static void check_batches(struct branch *b, const struct reference *ref)
{
	json_t *skip = json_object_get(b->actions, "skip"), *range;
	long in_force = lc_json_get_int(json_object_get(b->rec, "base"), "reseed", 0), same, both;
	size_t i;

	count_batches(b, ref, &same, &both);
	if (both > 0 && same == both && lc_json_get_int(b->actions, "reseed", in_force) != in_force)
		declare(b, VOID, "its batches are the control's: it was not reseeded");
	else if (both > 0 && same == both && json_object_get(b->actions, "batch_scale"))
		declare(b, VOID, "its batches are the control's: their size did not change");
	if (json_is_integer(json_array_get(skip, 0)))
		check_skip_range(b, ref, skip);
	else
		json_array_foreach(skip, i, range)
			if (b->status == DONE)
				check_skip_range(b, ref, range);
}

static void check_effect(struct branch *b, const struct branch *twin)
{
	long common = 0;

	for (long i = 0; i < b->steps.n; i++) {
		const struct point *p = &b->steps.p[i], *q = stream_find(&twin->steps, p->step);
		if (!q)
			continue;
		if (p->loss != q->loss)
			return;
		common++;
	}
	if (common >= 3)
		declare(b, VOID,
			"its losses are those of %s, bit for bit: the change had no effect",
			twin->id);
}

void verify_branch(struct branch *b, const struct reference *ref, const struct branch *twin)
{
	if (b->status != DONE || !resumed(b))
		return;
	check_lr(b, ref);
	if (b->status == DONE)
		check_batches(b, ref);
	if (b->status == DONE && twin && twin->status == DONE)
		check_effect(b, twin);
}

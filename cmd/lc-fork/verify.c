/* verify: see verify.h. The learning rate's part is in verify_lr.c. */
#include "verify_impl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

const struct point *reference_at(const struct reference *ref, long step)
{
	const struct point *p = stream_find(&ref->control, step);

	if (p || (ref->run_to && step > ref->run_to))
		return p;
	return stream_find(&ref->run, step);
}

static int resumed(struct branch *b)
{
	const struct point *p = b->steps.p;
	long n = b->steps.n, end = b->from_step + b->horizon, every;

	if (n == 0) {
		branch_end(b, VOID, "it printed no step records");
		return 0;
	}
	every = n > 1 ? (p[n - 1].step - p[0].step) / (n - 1) : 1; /* steps between two records */
	if (p[0].step <= b->from_step)
		branch_end(b, VOID,
			   "it began at step %ld, not after %ld: the state was not resumed",
			   p[0].step, b->from_step);
	else if (n > 1 && p[0].step > b->from_step + every && every > 0)
		branch_end(b, VOID, "it began at step %ld, not at %ld: steps were left out",
			   p[0].step, b->from_step + every);
	else if (p[n - 1].step + every <= end && p[n - 1].step < end)
		branch_end(b, FAILED, "it ended at step %ld of %ld", p[n - 1].step, end);
	else if (p[n - 1].step > end && !b->why[0])
		snprintf(b->why, sizeof(b->why), "it ran on to step %ld, past its horizon",
			 p[n - 1].step);
	return b->status == DONE;
}

static int in_ranges(const json_t *skip, long step)
{
	json_t *range;
	size_t i;

	if (json_is_integer(json_array_get(skip, 0)))
		return step >= (long)json_integer_value(json_array_get(skip, 0)) &&
		       step <= (long)json_integer_value(json_array_get(skip, 1));
	json_array_foreach(skip, i, range)
		if (in_ranges(range, step))
			return 1;
	return 0;
}

/* Is the step's batch to be passed over, by this branch or by what was in force? */
static int skipped(const struct branch *b, long step)
{
	return in_ranges(json_object_get(b->actions, "skip"), step) ||
	       in_ranges(json_object_get(json_object_get(b->rec, "base"), "skip"), step);
}

/* The step near `step` at which the reference saw that batch; 0: none. */
static long seen_near(const struct reference *ref, uint64_t batch, long step)
{
	for (long d = 1; d <= 1000; d++)
		for (int sign = -1; sign <= 1; sign += 2) {
			const struct point *q = reference_at(ref, step + sign * d);
			if (q && q->batch == batch)
				return step + sign * d;
		}
	return 0;
}

/* A batch that was to be passed over turns up in the branch, at whatever step. */
static void check_skip_range(struct branch *b, const struct reference *ref, long first, long last)
{
	if (first <= b->from_step)
		first = b->from_step + 1;
	if (last > b->from_step + b->horizon)
		last = b->from_step + b->horizon;
	for (long s = first; s <= last; s++) {
		const struct point *q = reference_at(ref, s);
		for (long i = 0; q && q->batch && i < b->steps.n; i++) {
			if (b->steps.p[i].batch != q->batch)
				continue;
			branch_end(b, VOID,
				   "at step %ld it sees a batch that was to be passed over: that "
				   "of step %ld",
				   b->steps.p[i].step, s);
			return;
		}
	}
}

static void check_skips(struct branch *b, const struct reference *ref, const json_t *skip)
{
	json_t *range;
	size_t i;

	if (json_is_integer(json_array_get(skip, 0))) {
		check_skip_range(b, ref, (long)json_integer_value(json_array_get(skip, 0)),
				 (long)json_integer_value(json_array_get(skip, 1)));
		return;
	}
	json_array_foreach(skip, i, range)
		if (b->status == DONE)
			check_skips(b, ref, range);
}

/* Shifted data are the reference's of other steps. */
static void check_shifted(struct branch *b, const struct reference *ref, long shift)
{
	for (long i = 0; i < b->steps.n; i++) {
		const struct point *p = &b->steps.p[i], *q = reference_at(ref, p->step + shift);
		if (!q || !q->batch || !p->batch)
			continue;
		b->checked[1]++;
		if (p->batch == q->batch)
			continue;
		branch_end(b, VOID, "at step %ld its batch is not that of step %ld", p->step,
			   p->step + shift);
		return;
	}
}

/* Branches are paired by their data: at every step but the skipped ones, the batch of the
 * reference. */
static void check_paired(struct branch *b, const struct reference *ref)
{
	for (long i = 0; i < b->steps.n; i++) {
		const struct point *p = &b->steps.p[i], *q = reference_at(ref, p->step);
		long near;
		if (!q || !q->batch || !p->batch || skipped(b, p->step))
			continue;
		b->checked[1]++;
		if (p->batch == q->batch)
			continue;
		near = seen_near(ref, p->batch, p->step);
		if (near)
			branch_end(
				b, VOID,
				"at step %ld it sees the batch of step %ld: its data are shifted "
				"by %+ld",
				p->step, near, near - p->step);
		else
			branch_end(b, VOID, "at step %ld its batch is not the control's", p->step);
		return;
	}
}

/* Other data were asked for: one batch that differs is proof. */
static void check_differs(struct branch *b, const struct reference *ref, const char *complaint)
{
	long both = 0, same = 0;

	for (long i = 0; i < b->steps.n; i++) {
		const struct point *p = &b->steps.p[i], *q = reference_at(ref, p->step);
		if (!q || !q->batch || !p->batch)
			continue;
		both++;
		same += p->batch == q->batch;
	}
	b->checked[1] = both;
	if (both > 0 && same == both)
		branch_end(b, VOID, "its batches are the control's: %s", complaint);
}

/* Anything beside the state it starts from and the order of its data? */
static int changes_more(const json_t *actions)
{
	return json_object_size(actions) >
	       (json_object_get(actions, "reseed") != NULL) +
		       (size_t)(json_object_get(actions, "rewind") != NULL);
}

static void check_batches(struct branch *b, const struct reference *ref, const struct branch *twin)
{
	const json_t *base = json_object_get(b->rec, "base"),
		     *skip = json_object_get(b->actions, "skip");
	long in_force = lc_json_get_int(base, "reseed", 0),
	     shift = lc_json_get_int(b->actions, "data_shift", 0);
	int reseeded = lc_json_get_int(b->actions, "reseed", in_force) != in_force;
	struct reference own;

	if (reseeded)
		check_differs(b, ref, "it was not reseeded");
	else if (json_object_get(b->actions, "batch_scale"))
		check_differs(b, ref, "their size did not change");
	else if (shift)
		check_shifted(b, ref, shift);
	else
		check_paired(b, ref);
	if (b->status == DONE && reseeded && twin && twin->status == DONE &&
	    changes_more(b->actions) && !json_object_get(b->actions, "batch_scale")) {
		own = (struct reference){.control = twin->steps};
		check_paired(b, &own); /* arms of one order are paired with each other */
	}
	if (b->status == DONE && !reseeded && skip)
		check_skips(b, ref, skip);
}

/* What a hyper-parameter must be, by the control's. NaN: that is not known. */
static double wanted(const struct branch *b, int which, double control)
{
	static const char *const action[HYPERS] = {[WEIGHT_DECAY] = "weight_decay_scale",
						   [CLIP] = "clip",
						   [BETA2] = "beta2",
						   [BATCH_SIZE] = "batch_scale"};
	const json_t *base = json_object_get(b->rec, "base");
	double in_force, now;

	if (!action[which])
		return control;
	if (which == CLIP || which == BETA2)
		return lc_json_get_num(b->actions, action[which], control);
	in_force = lc_json_get_num(base, action[which], 1);
	now = lc_json_get_num(b->actions, action[which], in_force);
	return in_force > 0 ? control * now / in_force : NAN;
}

static void check_hyper(struct branch *b, const struct stream *control, int which)
{
	const struct hyper *h = &b->steps.hyper[which], *c = &control->hyper[which];
	double want;

	/* at the same step, or both constant */
	if (!h->first_step || !c->first_step ||
	    (h->last_step != c->last_step && (h->first != h->last || c->first != c->last)))
		return;
	want = wanted(b, which, c->last);
	if (isnan(want))
		return;
	b->checked[2]++;
	if (fabs(h->last - want) > 1e-3 * fabs(want) + 1e-12 &&
	    !(which == BATCH_SIZE && fabs(h->last - want) <= 1))
		branch_end(b, VOID, "its %s is %.6g, not %.6g (the control's is %.6g)",
			   hyper_names[which], h->last, want, c->last);
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
		branch_end(b, VOID,
			   "its losses are those of %s, bit for bit: the change had no effect",
			   twin->id);
}

void verify_branch(struct branch *b, const struct reference *ref, const struct branch *twin)
{
	if (b->status != DONE || !resumed(b))
		return;
	verify_lr(b, ref, 0);
	if (b->status == DONE)
		check_batches(b, ref, twin);
	for (int h = 0; h < HYPERS && b->status == DONE; h++)
		check_hyper(b, &ref->control, h);
	if (b->status == DONE && twin && twin->status == DONE)
		check_effect(b, twin);
}

int verify_so_far(const struct branch *b, const struct reference *ref, char why[240])
{
	struct branch now = *b;
	const json_t *skip = json_object_get(b->actions, "skip");
	long shift = lc_json_get_int(b->actions, "data_shift", 0),
	     in_force = lc_json_get_int(json_object_get(b->rec, "base"), "reseed", 0);

	now.status = DONE;
	now.why[0] = '\0';
	if (b->steps.n && b->steps.p[0].step <= b->from_step)
		resumed(&now);
	if (now.status == DONE)
		verify_lr(&now, ref, 1);
	if (now.status == DONE && !json_object_get(b->actions, "batch_scale") &&
	    lc_json_get_int(b->actions, "reseed", in_force) == in_force) {
		shift ? check_shifted(&now, ref, shift) : check_paired(&now, ref);
		if (now.status == DONE && skip)
			check_skips(&now, ref, skip);
	}
	memcpy(why, now.why, sizeof(now.why));
	return now.status == VOID;
}

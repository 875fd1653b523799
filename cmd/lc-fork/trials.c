/* trials: see trials.h. */
#include "trials.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "json.h"

json_t *actions_in_space(const struct plan *p, const json_t *actions, const json_t *base)
{
	json_t *a = json_deep_copy(actions), *skip = json_object_get(a, "skip"),
	       *rewind = json_object_get(a, "rewind");
	double scale = lc_json_get_num(base, "lr_scale", 1);

	json_object_del(a, "reseed");
	if (rewind) {
		int back = -1;
		for (int i = 1; i < p->norigins; i++)
			if (json_is_integer(rewind) && p->o[i].step == json_integer_value(rewind))
				back = i;
		if (back < 0) { /* a state of another fork: one back is like one back */
			back = 1;
		}
		json_object_set_new(a, "rewind", json_integer(back));
	}
	if (json_is_integer(json_array_get(skip, 0)))
		json_object_set_new(a, "skip",
				    json_integer(json_integer_value(json_array_get(skip, 1)) -
						 json_integer_value(json_array_get(skip, 0)) + 1));
	if (json_object_get(a, "lr_scale") && scale > 0)
		json_object_set_new(a, "lr_scale",
				    json_real(lc_json_get_num(a, "lr_scale", 1) / scale));
	return a;
}

json_t *actions_of_plan(const struct plan *p, const json_t *in_space, int *origin)
{
	static const char *const nothing[] = {"lr_warmup", "lr_for", "reseed", "data_shift"};
	json_t *a = json_deep_copy(in_space), *skip = json_object_get(a, "skip");
	long back = lc_json_get_int(a, "rewind", 0), n, first;

	*origin = (int)(back < p->norigins ? back : p->norigins - 1);
	json_object_del(a, "rewind");
	if (*origin > 0)
		json_object_set_new(a, "rewind", json_integer(p->o[*origin].step));
	if (json_is_number(skip)) {
		n = (long)json_number_value(skip);
		first = p->onset > p->o[*origin].step ? p->onset : p->o[*origin].step + 1;
		json_object_del(a, "skip");
		if (n > 0)
			json_object_set_new(
				a, "skip",
				json_pack("[I,I]", (json_int_t)first, (json_int_t)(first + n - 1)));
	}
	for (int i = 0; i < 4; i++) {
		const json_t *v = json_object_get(a, nothing[i]);
		if (json_is_integer(v) && json_integer_value(v) == 0)
			json_object_del(a, nothing[i]);
	}
	return a;
}

static int counts(const struct past *b)
{
	return b->status && (strcmp(b->status, "done") == 0 || strcmp(b->status, "killed") == 0);
}

static int diverged(const struct past *b)
{
	for (long i = 0; i < b->n; i++)
		if (isinf(b->m[i].loss) || isnan(b->m[i].loss))
			return 1;
	return b->status && strcmp(b->status, "killed") == 0;
}

static const struct past *segment(const struct pasts *ps, const struct past *b, const char *kind)
{
	for (int i = 0; i < ps->n; i++)
		if (ps->b[i].parent && strcmp(ps->b[i].parent, b->id) == 0 &&
		    strcmp(lc_json_get_str(ps->b[i].rec, "kind", ""), kind) == 0)
			return &ps->b[i];
	return NULL;
}

/* The mean over the later half of a stretch, or the last value of a cooldown. */
static double value_of(const struct past *b, int last)
{
	double sum = 0, end = NAN;
	int n = 0;

	for (long i = 0; i < b->n; i++) {
		if (isnan(b->m[i].value))
			continue;
		end = b->m[i].value;
		if (b->m[i].step > b->from_step + b->horizon / 2) {
			sum += end;
			n++;
		}
	}
	return last || n == 0 ? end : sum / n;
}

/* Where the space says it is read; a branch without that segment, at its own end. */
static double read_branch(const struct pasts *ps, const struct lc_space *s, const struct past *b)
{
	const struct past *seg = strcmp(s->read, "end") ? segment(ps, b, s->read) : NULL;
	double x;

	if (!counts(b) || (seg && !counts(seg)))
		return NAN;
	if (diverged(b) || (seg && diverged(seg)))
		return INFINITY;
	x = value_of(seg ? seg : b, strcmp(s->read, "cool") == 0 && seg);
	return s->maximise ? -x : x;
}

/* What the control came to over this data order. */
static double control_value(const struct pasts *ps, const struct lc_space *s, long order)
{
	const struct past *control = NULL, *b;

	for (int i = 0; i < ps->n; i++) {
		b = &ps->b[i];
		if (strcmp(b->role, "control") == 0)
			control = b;
		if ((order == 0 && b == control) ||
		    (control && strcmp(b->role, "confirm") == 0 &&
		     !strcmp(lc_json_get_str(b->rec, "of", ""), control->id) &&
		     lc_json_get_int(b->rec, "order", 0) == order))
			return read_branch(ps, s, b);
	}
	return NAN;
}

/* An arm against the control, over all its orders. NaN: not read. */
static double arm_value(const struct pasts *ps, const struct lc_space *s, const struct past *arm)
{
	double sum = 0;
	int n = 0;

	for (int i = 0; i < ps->n; i++) {
		const struct past *b = &ps->b[i];
		double x, c;

		if (b != arm && (strcmp(b->role, "confirm") != 0 ||
				 strcmp(lc_json_get_str(b->rec, "of", ""), arm->id) != 0))
			continue;
		x = read_branch(ps, s, b);
		c = control_value(ps, s, lc_json_get_int(b->rec, "order", 0));
		if (isinf(x))
			return INFINITY;
		/* a control that diverged is beaten by whatever did not: by itself, then */
		if (isnan(x) || isnan(c))
			continue;
		sum += isinf(c) ? x : x - c;
		n++;
	}
	return n ? sum / n : NAN;
}

void trials_put(struct trials *ts, const struct plan *p, const struct lc_space *s,
		const json_t *actions, const json_t *base, double value, double weight)
{
	json_t *a = actions_in_space(p, actions, base);
	double *u = lc_xalloc((size_t)s->n, sizeof(*u));

	if (lc_space_locate(s, a, u) == 0) {
		if (ts->n == ts->cap) {
			ts->cap = ts->cap ? 2 * ts->cap : 64;
			ts->t = lc_xrealloc(ts->t, (size_t)ts->cap, sizeof(*ts->t));
		}
		ts->t[ts->n++] = (struct lc_trial){u, value, weight};
	} else {
		free(u);
	}
	json_decref(a);
}

void trials_add(struct trials *ts, const struct plan *p, const struct lc_space *s, struct pasts *ps,
		double weight)
{
	for (int i = 0; i < ps->n; i++) {
		const struct past *b = &ps->b[i];
		double value;

		if (b->parent || strcmp(b->role, "arm") != 0)
			continue;
		value = arm_value(ps, s, b);
		if (!isnan(value))
			trials_put(ts, p, s, b->actions, json_object_get(b->rec, "base"), value,
				   weight);
	}
}

void trials_release(struct trials *ts)
{
	for (int i = 0; i < ts->n; i++)
		free(ts->t[i].u);
	free(ts->t);
	memset(ts, 0, sizeof(*ts));
}

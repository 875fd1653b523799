/* results: each branch is verified against the others, and reported, as soon as it can be. */
#include <stdlib.h>
#include <string.h>

#include "fleet.h"
#include "io.h"
#include "json.h"

/* Its changes, without what says where it starts and on which data. */
static int changes_nothing(const json_t *actions)
{
	size_t n = json_object_size(actions);

	n -= json_object_get(actions, "rewind") != NULL;
	n -= json_object_get(actions, "reseed") != NULL;
	return n == 0;
}

static long base_order(const struct branch *b)
{
	return lc_json_get_int(json_object_get(b->rec, "base"), "reseed", 0);
}

static long order_of(const struct branch *b)
{
	return lc_json_get_int(b->actions, "reseed", base_order(b));
}

/* The branch of the same state and data that changes nothing; for one that changes only its data,
 * that of the data in force. */
static const struct branch *twin_of(const struct fleet *f, const struct branch *b)
{
	const json_t *from = json_object_get(b->rec, "from");
	int only_data = changes_nothing(b->actions);
	long order = only_data ? base_order(b) : order_of(b);

	if (b->parent || (only_data && order_of(b) == order))
		return NULL;
	for (int i = 0; i < f->n; i++) {
		const struct branch *t = f->b[i];
		if (t != b && changes_nothing(t->actions) && order_of(t) == order &&
		    json_equal(json_object_get(t->rec, "from"), from))
			return t;
	}
	return NULL;
}

static int is_control(const struct branch *b)
{
	return strcmp(b->role, "control") == 0 && !b->parent;
}

/* The control's own line goes on in its return segment. */
static int is_control_return(const struct fleet *f, const struct branch *b)
{
	const struct branch *of = b->parent ? fleet_find(f, b->parent) : NULL;

	return of && is_control(of) && strcmp(lc_json_get_str(b->rec, "kind", ""), "return") == 0;
}

/* The control's stream, and its return segment's, are what the others are compared with. */
static int make_reference(struct fleet *f, int all)
{
	if (f->ref_ready)
		return 1;
	for (int i = 0; i < f->n && !all; i++)
		if ((is_control(f->b[i]) || is_control_return(f, f->b[i])) &&
		    f->b[i]->status < DONE)
			return 0;
	for (int pass = 0; pass < 2; pass++)
		for (int i = 0; i < f->n; i++) {
			const struct branch *b = f->b[i];
			if (!(pass ? is_control_return(f, b) : is_control(b)))
				continue;
			for (long k = 0; k < b->steps.n; k++)
				stream_add(&f->ref.control, &b->steps.p[k]);
			if (!pass)
				memcpy(f->ref.control.hyper, b->steps.hyper,
				       sizeof(b->steps.hyper));
		}
	f->ref_ready = 1;
	return 1;
}

static int settle(struct fleet *f, struct branch *b, const struct branch *twin, struct lc_err *err)
{
	json_t *rec;
	int ret;

	const struct branch *parent = fleet_find(f, b->parent);

	verify_branch(b, &f->ref, twin);
	if (b->status == DONE && parent && parent->status == VOID)
		branch_end(b, VOID, "branch %.100s, from which it starts, is void", parent->id);
	b->settled = 1;
	rec = branch_result(b);
	ret = lc_json_emit(f->print, rec, err);
	json_decref(rec);
	return ret;
}

int fleet_settle(struct fleet *f, int all, struct lc_err *err)
{
	f->ended = 0;
	if (f->set->mute || !make_reference(f, all))
		return 0;
	for (int i = 0; i < f->n; i++) {
		struct branch *b = f->b[i];
		const struct branch *twin, *parent;
		if (b->settled || (b->status < DONE && !all))
			continue;
		twin = twin_of(f, b);
		parent = fleet_find(f, b->parent);
		if (parent && !parent->settled && !all)
			continue;
		if (twin && twin->status < DONE && !all)
			continue;
		if (settle(f, b, twin, err) < 0)
			return -1;
	}
	return 0;
}

/* What the branch can be compared with while it runs: once the control has ended, all; before that
 * what it has logged by now, and the run's log up to where it starts. */
static int reference_so_far(const struct fleet *f, struct reference *ref)
{
	const struct branch *control = NULL;
	int controls = 0;

	*ref = f->ref;
	if (f->ref_ready)
		return 1;
	for (int i = 0; i < f->n; i++)
		if (is_control(f->b[i]) && controls++ == 0)
			control = f->b[i];
	if (controls != 1)
		return controls == 0;
	ref->control = control->steps;
	ref->run_to = control->from_step ? control->from_step : -1;
	return 1;
}

int fleet_look_early(struct fleet *f, struct branch *b, struct lc_err *err)
{
	struct reference ref;
	char why[240], *line;
	int ret = 0;

	if (b->status != RUNNING || f->set->mute || b->steps.n < b->verify_at ||
	    !reference_so_far(f, &ref))
		return 0;
	b->verify_at = b->steps.n + b->steps.n / 4 + 1;
	if (!verify_so_far(b, &ref, why))
		return 0;
	line = lc_path("%.200s; ended early", why);
	ret = branch_ask_void(b, line, err);
	free(line);
	return ret;
}

/* segments: how a branch is read when it has ended; see fleet.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "action.h"
#include "fleet.h"
#include "io.h"
#include "json.h"

static json_t *segment(const struct branch *b, const char *kind, long steps)
{
	const json_t *base = json_object_get(b->rec, "base");
	json_t *rec = lc_record_new("branch", 1), *actions = lc_actions_in_force(NULL, b->actions);
	char *id = lc_path("%s.%s", b->id, kind);

	json_object_set(rec, "fork", json_object_get(b->rec, "fork"));
	json_object_set_new(rec, "branch", json_string(id));
	json_object_set_new(rec, "role", json_string("probe"));
	json_object_set_new(rec, "kind", json_string(kind));
	json_object_set(rec, "order", json_object_get(b->rec, "order"));
	json_object_set_new(rec, "from",
			    json_pack("{s:s,s:I}", "branch", b->id, "step",
				      (json_int_t)(b->from_step + b->horizon)));
	json_object_set_new(rec, "horizon", json_integer(steps));
	if (base)
		json_object_set(rec, "base", (json_t *)base);
	/* at the control's lr, and over its data: a future is read on common ground, not on its
	 * own; what else it changed for good stays */
	if (json_object_get(b->actions, "lr_scale"))
		json_object_set_new(actions, "lr_scale",
				    json_real(lc_json_get_num(base, "lr_scale", 1)));
	if (json_object_get(b->actions, "reseed"))
		json_object_set_new(actions, "reseed",
				    json_integer(lc_json_get_int(base, "reseed", 0)));
	if (json_object_get(b->actions, "lr_warmup"))
		json_object_set_new(actions, "lr_warmup", json_integer(0));
	if (json_object_get(actions, "lr_tail")) /* the control's lr again: a state keeps a tail */
		json_object_set_new(actions, "lr_tail",
				    json_pack("{s:s,s:f,s:i}", "shape", "constant", "to",
					      lc_json_get_num(base, "lr_scale", 1), "steps", 1));
	if (strcmp(kind, "cool") == 0)
		json_object_set_new(actions, "lr_tail",
				    json_pack("{s:s,s:i,s:I}", "shape", "linear", "to", 0, "steps",
					      (json_int_t)steps));
	json_object_set_new(rec, "actions", actions);
	free(id);
	return rec;
}

/* Did an earlier run of this fork finish the branch of that name? Then its state may be gone. */
static int ended_before(const struct fleet *f, const json_t *rec)
{
	char *end = lc_path("%s/%s/status.json", f->dir, lc_json_get_str(rec, "branch", ""));
	int yes = access(end, F_OK) == 0;

	free(end);
	return yes;
}

int fleet_add_segments(struct fleet *f, int at, struct lc_err *err)
{
	static const char *const kinds[] = {"return", "cool"};
	struct branch *b = f->b[at];
	const json_t *readout = json_object_get(b->rec, "readout");
	char *state = branch_last_state(b);
	int made = 0, ret = 0;

	b->segments_made = 1;
	for (int i = 0; ret == 0 && i < 2; i++) {
		long steps = lc_json_get_int(readout, kinds[i], 0);
		json_t *rec = steps < 1 ? NULL : segment(b, kinds[i], steps);
		/* a plan may hold them already: records of an earlier run, fed back in */
		if (!rec || fleet_find(f, lc_json_get_str(rec, "branch", ""))) {
			json_decref(rec);
		} else if (state || ended_before(f, rec)) {
			ret = fleet_insert(f, at + 1 + made++, rec, 0, err);
		} else {
			snprintf(b->why, sizeof(b->why),
				 "it left no state of step %ld: its readouts were not run",
				 b->from_step + b->horizon);
			json_decref(rec);
		}
	}
	free(state);
	return ret;
}

/*
 * probe: short branches that cross states with batches (DESIGN section 8, truth 9). What they come
 * to is read by `lc-fork blame`.
 *
 *     again    the clean state, its own batches, nothing changed: is a replay the run? (left out
 *              where "data" is that)
 *     data     the clean state, the batches of the incident
 *     twice    the same again: do two equal runs agree?
 *     elsewhere  a still earlier state, the batches of the incident
 *     state    the present state, other batches
 *     on       the present state, its own batches: how the run went on (the control is that too)
 *     order    the clean state at the incident's steps, other batches (where it reaches them)
 *     lr       the same with its own batches and a tenth of the learning rate (likewise)
 *     calm     the present state, its own batches, a tenth of the learning rate
 *
 * A clean state a few steps before the onset reaches the incident by itself. From one that is
 * farther back its batches are brought near by data_shift: what hangs on the step number (a
 * schedule) then stays away, and what hangs on the data does not.
 */
#include "json.h"
#include "plan.h"

#define LEAD 8		/* steps before the onset that a probe of the incident begins with */
#define AFTER 8		/* steps from the onset on that it must reach */
#define OTHER_ORDER 101 /* an order no null has */

struct crossing {
	const char *asks;
	int origin;
	long shift;
	int reseed;
	double lr;
};

static int cross(struct plan *p, const struct crossing *c, struct lc_err *err)
{
	struct proposal w = {"probe", "restorative", c->asks, 0, c->reseed, c->origin, 0, NULL};

	w.horizon = p->asked->probe_steps;
	w.actions = json_object();
	if (c->origin > 0)
		json_object_set_new(w.actions, "rewind", json_integer(p->o[c->origin].step));
	if (c->shift)
		json_object_set_new(w.actions, "data_shift", json_integer(c->shift));
	if (c->reseed)
		json_object_set_new(w.actions, "reseed", json_integer(c->reseed));
	if (c->lr > 0)
		json_object_set_new(w.actions, "lr_scale", json_real(c->lr));
	return plan_put(p, &w, NULL, err);
}

/* The shift that puts the incident's batches LEAD steps into a probe from this state; 0 when the
 * probe comes to them by itself. */
static long shift_from(const struct plan *p, int origin)
{
	long step = p->o[origin].step;

	if (step + p->asked->probe_steps >= p->onset + AFTER)
		return 0;
	return p->onset - LEAD - (step + 1);
}

int plan_probes(struct plan *p, struct lc_err *err)
{
	int clean = p->clean, present = p->o[0].step >= p->onset, older = clean + 1;
	long shift = shift_from(p, clean);
	struct crossing again = {"again", clean, 0, 0, 0}, data = {"data", clean, shift, 0, 0},
			twice = {"twice", clean, shift, 0, 0},
			elsewhere = {"elsewhere", older, 0, 0, 0},
			state = {"state", 0, 0, OTHER_ORDER, 0},
			order = {"order", clean, 0, OTHER_ORDER, 0}, lr = {"lr", clean, 0, 0, .1},
			calm = {"calm", 0, 0, 0, .1}, on = {"on", 0, 0, 0, 0};

	if (p->o[clean].step >= p->onset) {
		lc_warn("no state from before step %ld: no probes of the cause", p->onset);
		return 0;
	}
	if ((shift && cross(p, &again, err) < 0) || cross(p, &data, err) < 0 ||
	    cross(p, &twice, err) < 0 ||
	    (present && (cross(p, &state, err) < 0 || cross(p, &calm, err) < 0)))
		return -1;
	if (present && p->asked->probes == 2 && cross(p, &on, err) < 0)
		return -1;
	if (older < p->norigins) {
		elsewhere.shift = p->onset - LEAD - (p->o[older].step + 1);
		if (cross(p, &elsewhere, err) < 0)
			return -1;
	}
	return shift || (cross(p, &order, err) == 0 && cross(p, &lr, err) == 0) ? 0 : -1;
}

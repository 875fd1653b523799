/*
 * emit: branch records, as `lc-fork run` runs them and lc-collapse reads them (lc-record(5)).
 *
 * The replicate is the branch and its data order (DESIGN section 8, truth 1): control and arms see
 * the run's own order, and where orders are repeated, the same other ones.
 */
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "plan.h"

/* What a branch is read by when it has run: back at the control's lr, and after a cooldown from it,
 * which only a lasting change and what it is compared with need. Probes are read as they are. */
static json_t *readout_of(const struct plan *p, const struct proposal *w)
{
	json_t *r = json_pack("{s:I}", "return", (json_int_t)p->asked->back);

	if (strcmp(w->kind, "persistent") == 0 || strcmp(w->role, "arm") != 0)
		json_object_set_new(r, "cool", json_integer(p->asked->readout));
	return r;
}

long plan_cost(const struct plan *p, int origin)
{
	return p->end - p->o[origin].step + p->asked->back + p->asked->readout;
}

/* Actions are absolute: a scale is taken times the one in force, another order over it. */
static void over_base(const struct plan *p, json_t *actions)
{
	double lr = lc_json_get_num(actions, "lr_scale", 0);

	if (lr > 0)
		json_object_set_new(actions, "lr_scale",
				    json_real(lr * lc_json_get_num(p->base, "lr_scale", 1)));
}

static json_t *record(struct plan *p, const struct proposal *w, const char *id)
{
	const struct origin *o = &p->o[w->origin];
	long horizon = w->horizon ? w->horizon : p->end - o->step;
	json_t *rec = lc_record_new("branch", 1);

	json_object_set_new(rec, "fork", json_string(p->fork));
	json_object_set_new(rec, "branch", json_string(id));
	json_object_set_new(rec, "role", json_string(w->role));
	json_object_set_new(rec, "kind", json_string(w->kind));
	if (w->asks)
		json_object_set_new(rec, "asks", json_string(w->asks));
	if (w->of)
		json_object_set_new(rec, "of", json_string(w->of));
	if (p->undoes)
		json_object_set_new(rec, "undoes", json_string(p->undoes));
	json_object_set_new(rec, "order", json_integer(w->order));
	if (p->round > 0)
		json_object_set_new(rec, "round", json_integer(p->round));
	json_object_set_new(
		rec, "from",
		json_pack("{s:s,s:I}", "snapshot", o->snapshot, "step", (json_int_t)o->step));
	json_object_set_new(rec, "horizon", json_integer(horizon));
	if (!w->asks)
		json_object_set_new(rec, "readout", readout_of(p, w));
	if (json_object_size(p->base) > 0)
		json_object_set(rec, "base", p->base);
	over_base(p, w->actions);
	json_object_set_new(rec, "actions", w->actions);
	if (strcmp(w->role, "control") == 0) /* for the rounds after this one */
		json_object_set_new(rec, "about",
				    json_pack("{s:s,s:I,s:I}", "kind", p->kind, "alert",
					      (json_int_t)p->alert, "onset", (json_int_t)p->onset));
	return rec;
}

int plan_put(struct plan *p, const struct proposal *what, char id[32], struct lc_err *err)
{
	int wide = p->wide_ids || p->width > 1000, ret;
	char name[32];
	json_t *rec;

	snprintf(name, sizeof(name), "%c%0*ld", p->asked->probes == 2 ? 'p' : 'b', wide ? 5 : 3,
		 p->made++);
	rec = record(p, what, name);
	ret = lc_json_emit(stdout, rec, err);
	json_decref(rec);
	if (id)
		memcpy(id, name, sizeof(name));
	return ret;
}

/* The same branch again over the other orders. The orders are the nulls': a clean state is not
 * repeated, its nulls are that. */
static int repeat(struct plan *p, const struct proposal *first, const json_t *actions,
		  const char *of, struct lc_err *err)
{
	for (int k = 1; k < p->orders; k++) {
		struct proposal again = *first;

		again.role = "confirm";
		again.of = of;
		again.order = k;
		again.actions = json_copy((json_t *)actions);
		json_object_set_new(again.actions, "reseed", json_integer(k));
		if (plan_put(p, &again, NULL, err) < 0)
			return -1;
	}
	return 0;
}

int plan_references(struct plan *p, struct lc_err *err)
{
	struct proposal control = {"control", "restorative", 0, 0, 0, 0, 0, json_object()},
			clean = {"clean", "restorative", 0, 0, 0, p->clean, 0, NULL},
			jitter = {"jitter", "restorative", 0, 0, 0, p->clean, 0, NULL};
	json_t *nothing = json_object();
	char id[32];
	int ret = plan_put(p, &control, id, err);

	if (ret == 0)
		ret = repeat(p, &control, nothing, id, err);
	json_decref(nothing);
	clean.actions = json_pack("{s:I}", "rewind", (json_int_t)p->o[p->clean].step);
	if (ret == 0 && p->clean > 0)
		ret = plan_put(p, &clean, NULL, err);
	else
		json_decref(clean.actions);
	for (int i = 1; i <= p->asked->nulls && ret == 0; i++) {
		struct proposal null = {"null", "restorative", 0, 0,
					i,	p->clean,      0, json_pack("{s:i}", "reseed", i)};
		ret = plan_put(p, &null, NULL, err);
	}
	jitter.actions = json_pack("{s:f}", "jitter", 1e-6);
	if (ret == 0 && p->asked->nulls > 0)
		return plan_put(p, &jitter, NULL, err);
	json_decref(jitter.actions);
	return ret;
}

int plan_arm(struct plan *p, const char *kind, int origin, json_t *actions, struct lc_err *err)
{
	struct proposal arm = {"arm", kind, 0, 0, 0, origin, 0, actions};
	json_t *own = json_copy(actions);
	char id[32];
	int ret;

	ret = plan_put(p, &arm, id, err);
	if (ret == 0)
		ret = repeat(p, &arm, own, id, err);
	p->arms++;
	json_decref(own);
	return ret;
}

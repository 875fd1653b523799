/* told: what the law is told of a run and its futures; see value.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "action.h"
#include "forecast.h"
#include "io.h"
#include "json.h"
#include "value.h"

/* The rows of a future, with the metric asked about as the val_loss. */
static void tell_rows(struct lc_past *past, const struct future *f, const char *name, long last,
		      enum metric m)
{
	for (int i = 0; i < f->n && f->r[i].step <= last; i++) {
		const struct reading *r = &f->r[i];
		double held_out = m == TEST ? r->test_loss : m == VAL ? r->val_loss : NAN;
		struct lc_step st = {.step = r->step};

		for (int k = 0; k < LC_METRICS; k++)
			st.v[k] = NAN;
		st.v[LC_LOSS] = r->loss;
		st.v[LC_VAL_LOSS] = held_out;
		st.v[LC_LR] = (double)r->lr;
		st.v[LC_GVAR] = (double)r->gvar;
		st.has = !isnan(r->loss) << LC_LOSS | !isnan(held_out) << LC_VAL_LOSS |
			 !isnan(r->lr) << LC_LR | !isnan(r->gvar) << LC_GVAR;
		snprintf(st.branch, sizeof(st.branch), "%s", name);
		lc_past_add(past, &st);
	}
}

void value_tell_run(struct lc_past *past, const struct evidence *ev, long last, enum metric m)
{
	tell_rows(past, &ev->run, "", last, m);
}

void value_tell(struct lc_past *past, const struct evidence *ev, const struct future *f, int before,
		enum metric m)
{
	lc_past_branch(past, f->rec);
	tell_rows(past, f, f->id, f->from_step + f->horizon, m);
	for (int i = 0; i < ev->n; i++) {
		const struct future *next = &ev->f[i];

		if (!next->parent || strcmp(next->parent, f->id) != 0 || !value_ran(next) ||
		    next->nonfinite || (i >= before && strcmp(next->kind, "more") == 0))
			continue;
		value_tell(past, ev, next, before, m);
	}
}

/* The lr that the plan gives a future from its fork to its end. */
void value_lr(const struct future *f, const struct lc_schedule *plan, struct lc_lrpath *path)
{
	struct lc_law *unit = lc_xalloc(1, sizeof(*unit)); /* the knots in units of 1 */
	struct lc_forecast *q = lc_xalloc(1, sizeof(*q));
	json_t *told = lc_actions_over(json_object_get(f->rec, "base"), f->actions);

	unit->eta_ref = 1;
	q->plan = *plan;
	q->base_scale = lc_json_get_num(json_object_get(f->rec, "base"), "lr_scale", 0);
	q->from = (double)f->from_step;
	q->horizon = q->at[0] = (double)f->horizon;
	q->end = (double)plan->total;
	q->n = 1;
	q->at[1] = q->end - q->from;
	lc_forecast_knots(unit, told, q);
	lc_lrpath_init(path);
	for (int i = 0; i < q->nknot; i++)
		lc_lrpath_add(path, q->from + q->knot[i], q->eta[i]);
	json_decref(told);
	free(unit);
	free(q);
}

/* offplan: see offplan.h. */
#include "offplan.h"

#include <math.h>
#include <unistd.h>

#include "action.h"
#include "json.h"

#define OFF 1.2	   /* times: less is rounding, or a plan that is read a little otherwise */
#define SMALL 0.01 /* of the plan's highest lr: less apart than that is rounding too */
#define AGREED 5   /* steps in a row, for an alert */
#define LONG 500   /* that an lr is off by less, for one, after as many on its plan */

int offplan_load(struct offplan *o, const char *path, struct lc_err *err)
{
	if (lc_schedule_load(&o->plan, path, err) < 0)
		return -1;
	o->scale = 1;
	offplan_reset(o);
	return 0;
}

int offplan_actions(struct offplan *o, const char *path, struct lc_err *err)
{
	json_t *told;

	if (access(path, F_OK) < 0)
		return 0;
	told = lc_json_load(path, err);
	if (!told || lc_actions_check(told, err) < 0) {
		json_decref(told);
		return -1;
	}
	o->undone = o->plain = 0;
	o->scale = lc_json_get_num(told, "lr_scale", 1);
	if (json_object_get(told, "lr_tail") || json_object_get(told, "lr_warmup") ||
	    json_object_get(told, "lr_for"))
		o->scale = NAN;
	json_decref(told);
	return 0;
}

/* An lr of 0 is as good as the least that is a difference; but a log that rounds says 0 of one that
 * came below its last digit: not where the plan has come to less than half of the last one seen. */
static double not_zero(const struct offplan *o, double lr, double by_plan)
{
	if (lr != 0)
		return lr;
	return o->above > 0 && by_plan >= o->above / 2 ? SMALL * o->plan.lr : 0;
}

/* How many times the lr is scale times the plan's, or the inverse, as a power of 2. A log may mean
 * the lr before a step or after it. */
static double doublings(const struct offplan *o, const struct lc_step *st, double scale)
{
	double least = INFINITY;

	for (long s = st->step - 1; s <= st->step + 1; s++) {
		double by_plan = scale * lc_schedule_lr(&o->plan, (double)s);
		double lr = not_zero(o, st->v[LC_LR], by_plan);

		if (!(by_plan > 0) || !(lr > 0) || fabs(lr - by_plan) < SMALL * o->plan.lr)
			return 0;
		least = fmin(least, fabs(log2(lr / by_plan)));
	}
	return least;
}

void offplan_reset(struct offplan *o)
{
	o->n = o->loud = 0;
	o->next = o->threshold;
}

/* Is it so far off, for so long, that it is to be told? */
static int is_loud(struct offplan *o, double off)
{
	o->loud = off < o->next ? 0 : o->loud + 1;
	if (o->loud < AGREED)
		return 0;
	o->loud = 0;
	o->next = off + 1;
	return 1;
}

/* Doublings off the plan, or off what is in force on it; but once the lr was on the plan in spite
 * of that, for as long as an alert takes, it undoes a cause, and the plan alone counts: when the
 * cause is gone, it is to be lifted. */
static double off_by(struct offplan *o, const struct lc_step *st)
{
	double plan = doublings(o, st, 1), force = doublings(o, st, o->scale);

	o->plain = plan <= log2(OFF) && force > log2(OFF) ? o->plain + 1 : 0;
	o->undone |= o->plain >= AGREED;
	return o->undone ? plan : fmin(plan, force);
}

int offplan_step(struct offplan *o, const struct lc_step *st, struct lc_alert *a)
{
	double off, least;

	if (!o->plan.shape || isnan(o->scale) || !lc_step_has(st, LC_LR))
		return 0;
	off = off_by(o, st);
	if (st->v[LC_LR] > 0)
		o->above = st->v[LC_LR];
	if (st->step <= o->last || off <= log2(OFF)) /* it went back, or is back */
		offplan_reset(o);
	o->last = st->step;
	if (off <= log2(OFF)) {
		o->on++;
		o->good = st->step;
		return 0;
	}
	if (o->n++ == 0) {
		o->onset = st->step;
		o->rewind = o->good < st->step ? o->good : st->step - 1;
	}
	/* one that left its plan and never came far, for long */
	least = o->on >= LONG && o->n >= LONG && o->next == o->threshold ? log2(OFF) : o->threshold;
	if (least < o->threshold)
		o->next = off + 1;
	else if (!is_loud(o, off))
		return 0;
	*a = (struct lc_alert){.step = st->step,
			       .onset = o->onset,
			       .rewind = o->rewind,
			       .kind = LC_DRIFT,
			       .index = off,
			       .threshold = least,
			       .loss_z = NAN,
			       .grad_z = NAN,
			       .first = LC_LR};
	return 1;
}

/*
 * repair: arms that undo what took the lr off its plan.
 *
 * The plan is what the run's people wanted. What took the lr off it is a fault, and to undo that is
 * no intervention: it need not be shown to be better, only not to be worse. Such an arm is read
 * where it is on the plan, over the later half of its own horizon: a return to the control's lr and
 * a cooldown from it would put it under the fault again. As long as the fault lasts no other arm is
 * a remedy (DESIGN section 8, truth 5), and these come first.
 */
#include "repair.h"

#include <math.h>
#include <string.h>

#include "json.h"

#define OFF                                                                                        \
	1.2 /* times, as for lc-fork plan: less is rounding, or a plan read a little otherwise */

/* A future's newest lr over the plan's: a logarithm. */
static double off(const struct court *c, const struct future *f, double was)
{
	return log(value_off_plan(f, &c->rule->plan) *
		   lc_json_get_num(f->actions, "lr_scale", was));
}

/*
 * It says what it undoes, the control's lr is off to the last, and its own is nearer. Off the plan,
 * or off what is in force on it, whichever the arm goes to: what is in force may be wanted, or have
 * undone an earlier cause.
 */
int court_repairs(const struct court *c, const struct future *f)
{
	double was = lc_json_get_num(json_object_get(f->rec, "base"), "lr_scale", 1);
	double own, control;

	if (!json_object_get(f->rec, "undoes") || !c->rule->plan.shape || !value_ran(f))
		return 0;
	own = off(c, f, was);
	control = off(c, c->control, was);
	if (fabs(own - log(was)) < fabs(own)) {
		own -= log(was);
		control -= log(was);
	}
	return fabs(control) > log(OFF) && fabs(own) < fabs(control);
}

double repair_gain(const struct court *c, const struct future *f, enum metric m)
{
	return read_own(c->ev, c->control, m) - read_own(c->ev, f, m);
}

/* Worse beyond the noise of one run by whatever it is read by? */
int repair_is_worse(const struct court *c, const struct future *f, enum metric m)
{
	const struct spread *s = m == c->select ? &c->noise.ret : &c->report_noise.ret;
	double bar = s->df > 0 ? s->one * M_SQRT2 * s->sd : 0;
	double gain[] = {repair_gain(c, f, m),
			 read_return(c->ev, c->control, m) - read_return(c->ev, f, m),
			 read_cool(c->ev, c->control, m) - read_cool(c->ev, f, m)};

	for (int i = 0; i < 3; i++)
		if (gain[i] > -bar)
			return 0;
	return 1;
}

/* By the law's mean where it has one of all, else by what was read on the plan. */
static double standing(const struct court *c, const struct arm *a, int by_law)
{
	double own = read_own(c->ev, a->f, c->select);

	return by_law ? court_standing(c, a) : -own - a->charge;
}

struct arm *choose_repair(const struct court *c)
{
	struct arm *best = NULL, *pick = NULL;
	int by_law = 1;
	double margin;

	for (int i = 0; i < c->narms; i++)
		by_law &= !c->arms[i].repairs || !c->arms[i].passes || c->arms[i].law;
	for (int i = 0; i < c->narms; i++) {
		struct arm *a = &c->arms[i];
		if (a->repairs && a->passes &&
		    (!best || standing(c, a, by_law) > standing(c, best, by_law)))
			best = a;
	}
	margin =
		by_law || !(c->noise.ret.df > 0) ? 0 : c->noise.ret.one * M_SQRT2 * c->noise.ret.sd;
	for (int i = 0; best && i < c->narms; i++) {
		struct arm *a = &c->arms[i];
		a->tied = a->repairs && a->passes &&
			  standing(c, a, by_law) >= standing(c, best, by_law) - margin;
		if (a->tied &&
		    (!pick || json_object_size(a->f->actions) < json_object_size(pick->f->actions)))
			pick = a;
	}
	return pick;
}

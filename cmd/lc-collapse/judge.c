/*
 * judge: the decision over the evidence of one fork. What each rule rests on is DESIGN section 8.
 *
 * Each arm is compared with the control (same data order). A remedy that ends is read after
 * returning to plan; a lasting change must be better on both of its readings, back at the control's
 * lr and after a cooldown from it, since each lies in its own way (truth 2); its gain is the
 * smaller of both. The noise is the null branches' (truth 1):
 *
 *     lower = gain - charge - t(1 - alpha/K; m - 1) sqrt(2) sd(nulls)  >  min_effect
 *
 * where the charge is what the steps given back by rewinding are worth. Of the arms that pass,
 * those within the noise of the best are tied, and the one with the fewest changes is taken (truths
 * 3 and 4). Selected on val_loss, reported on test_loss where there is one (truth 10).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "court.h"
#include "io.h"
#include "json.h"

static int is_candidate(const struct future *f)
{
	return !f->parent && (strcmp(f->role, "arm") == 0 || strcmp(f->role, "clean") == 0);
}

/* Steps given back by rewinding, and the extra rows of a larger batch, at what a step is worth. */
static double charge_of(const struct court *c, const struct future *f)
{
	double back = (double)(c->control->from_step - f->from_step);
	double rows = lc_json_get_num(f->actions, "batch_scale", 1) /
		      lc_json_get_num(json_object_get(f->rec, "base"), "batch_scale", 1);

	return c->worth * (fmax(back, 0) + (rows > 1 ? (rows - 1) * (double)f->horizon : 0));
}

double court_gain(const struct court *c, const struct future *f, enum metric m)
{
	double ret = read_return(c->ev, c->control, m) - read_return(c->ev, f, m);
	double cool;

	if (is_persistent(f)) {
		cool = read_cool(c->ev, c->control, m) - read_cool(c->ev, f, m);
		ret = isnan(cool) || cool < ret ? cool : ret;
	}
	return ret - charge_of(c, f);
}

const struct spread *court_spread(const struct noise *n, const struct future *f, double p)
{
	if (is_persistent(f) && !(spread_margin(&n->cool, p) <= spread_margin(&n->ret, p)))
		return &n->cool;
	return &n->ret;
}

double court_margin(const struct noise *n, const struct future *f, double p)
{
	return spread_margin(court_spread(n, f, p), p);
}

static void hear(struct court *c, const struct future *f)
{
	struct arm *a = &c->arms[c->narms];

	*a = (struct arm){.f = f};
	a->ret = read_return(c->ev, f, c->select);
	a->cool = is_persistent(f) ? read_cool(c->ev, f, c->select) : NAN;
	if (isnan(a->ret) || (is_persistent(f) && (isnan(a->cool) || c->noise.cool.df < 1))) {
		c->unread++;
		return;
	}
	a->charge = charge_of(c, f);
	/* a diverged arm is the worst, also against a diverged control */
	a->gain = isinf(a->ret) || isinf(a->cool) ? -INFINITY : court_gain(c, f, c->select);
	c->narms++;
}

/* What passes on the metric it was selected by must pass on the one it is reported on. */
static int confirmed(const struct court *c, const struct arm *a)
{
	double gain;

	if (c->report == c->select || isinf(a->gain))
		return 1;
	gain = court_gain(c, a->f, c->report);
	return gain - court_margin(&c->report_noise, a->f, c->rule->alpha / c->narms) >
	       c->rule->min_effect;
}

static void judge_arms(struct court *c)
{
	for (int i = 0; i < c->narms; i++) {
		struct arm *a = &c->arms[i];
		double margin = court_margin(&c->noise, a->f, c->rule->alpha / c->narms);
		a->lower = isinf(a->gain) ? a->gain : a->gain - margin;
		a->passes = a->lower > c->rule->min_effect && confirmed(c, a);
	}
}

static size_t changes(const struct arm *a)
{
	return json_object_size(a->f->actions);
}

double court_standing(const struct court *c, const struct arm *a)
{
	if (isfinite(a->gain))
		return a->gain;
	return a->gain > 0 ? -a->ret - charge_of(c, a->f) : -INFINITY; /* the control diverged */
}

static int simpler(const struct court *c, const struct arm *a, const struct arm *b)
{
	if (changes(a) != changes(b))
		return changes(a) < changes(b);
	return court_standing(c, a) > court_standing(c, b);
}

/* The chosen arm, or NULL; marks those tied with the best. */
static struct arm *choose(struct court *c)
{
	struct arm *best = NULL, *pick = NULL;
	double margin;

	for (int i = 0; i < c->narms; i++)
		if (c->arms[i].passes &&
		    (!best || court_standing(c, &c->arms[i]) > court_standing(c, best)))
			best = &c->arms[i];
	if (!best)
		return NULL;
	margin = court_margin(&c->noise, best->f, c->rule->alpha);
	for (int i = 0; i < c->narms; i++) {
		struct arm *a = &c->arms[i];
		a->tied = a->passes && court_standing(c, a) >= court_standing(c, best) - margin;
		if (a->tied && (!pick || simpler(c, a, pick)))
			pick = a;
	}
	return pick;
}

/* Can the futures be judged on this metric: the control, and two nulls at least? */
static int readable(const struct evidence *ev, const struct future *control, enum metric m)
{
	int nulls = 0;

	for (int i = 0; i < ev->n; i++)
		nulls +=
			strcmp(ev->f[i].role, "null") == 0 && !isnan(read_return(ev, &ev->f[i], m));
	return nulls > 1 && !isnan(read_return(ev, control, m));
}

json_t *judge(const struct evidence *ev, const struct rule *rule, struct lc_err *err)
{
	struct court c = {.ev = ev, .rule = rule, .control = evidence_role(ev, "control")};
	json_t *rec;

	if (!c.control) {
		lc_fail(err, LC_DATA, "no control branch in the evidence");
		return NULL;
	}
	c.select = readable(ev, c.control, VAL) ? VAL : TRAIN;
	c.report = c.select == VAL && readable(ev, c.control, TEST) ? TEST : c.select;
	c.noise = noise_floor(ev, c.select);
	c.report_noise = noise_floor(ev, c.report);
	c.worth = step_worth(ev, c.select);
	c.control_ret = read_return(ev, c.control, c.select);
	c.arms = lc_xalloc((size_t)ev->n, sizeof(*c.arms));
	for (int i = 0; i < ev->n; i++)
		if (is_candidate(&ev->f[i]) && !isnan(c.control_ret))
			hear(&c, &ev->f[i]);
	judge_arms(&c);
	rec = court_decision(&c, c.noise.ret.df > 0 ? choose(&c) : NULL);
	free(c.arms);
	return rec;
}

/* arms: each arm by itself: what it gains, and what that must exceed; see judge.c for the rules. */
#include <math.h>
#include <string.h>

#include "court.h"
#include "dunnett.h"
#include "json.h"
#include "repair.h"
#include "stat.h"

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

	if (court_repairs(c, f))
		return repair_gain(c, f, m) - charge_of(c, f);
	if (is_persistent(f)) {
		cool = read_cool(c->ev, c->control, m) - read_cool(c->ev, f, m);
		ret = isnan(cool) || cool < ret ? cool : ret;
	}
	return ret - charge_of(c, f);
}

const struct spread *court_spread(const struct noise *n, const struct future *f)
{
	if (is_persistent(f) && !(n->cool.many * n->cool.sd <= n->ret.many * n->ret.sd))
		return &n->cool;
	return &n->ret;
}

double court_margin(const struct noise *n, const struct future *f)
{
	const struct spread *s = court_spread(n, f);

	return s->df > 0 ? s->many * M_SQRT2 * s->sd : NAN;
}

/* An arm that ran but is not to be read: a crash is the worst outcome, a stop on the way a loss. */
static int lost(struct court *c, struct arm *a)
{
	const char *status = a->f->status ? a->f->status : "";

	if (strcmp(status, "failed") == 0) {
		a->ret = INFINITY;
		a->gain = -INFINITY;
		c->narms++;
		return 1;
	}
	return 0;
}

static const struct worth *law_of(const struct court *c, const struct arm *a, enum metric m)
{
	return &(m == c->select ? &c->value : &c->report_value)->w[a->f - c->ev->f];
}

/* The plain twin, where it is more than the control itself: its remedy has a gain of its own. */
const struct future *court_remedy(const struct court *c, const struct arm *a)
{
	return a->law->plain == c->control ? NULL : a->law->plain;
}

double court_law_gain(const struct court *c, const struct arm *a, enum metric m)
{
	const struct future *remedy = court_remedy(c, a);

	return law_of(c, a, m)->gain + (remedy ? court_gain(c, remedy, m) : 0);
}

double court_law_sd(const struct court *c, const struct arm *a, enum metric m)
{
	const struct noise *n = m == c->select ? &c->noise : &c->report_noise;

	return hypot(law_of(c, a, m)->sd, court_remedy(c, a) ? M_SQRT2 * n->ret.sd : 0);
}

double court_law_above(const struct court *c, const struct arm *a, enum metric m)
{
	double sd = court_law_sd(c, a, m);

	if (!court_remedy(c, a))
		return worth_above(law_of(c, a, m), c->rule->min_effect);
	return lc_normal_cdf((court_law_gain(c, a, m) - c->rule->min_effect) / sd);
}

/*
 * A lasting change on a remedy, that the law has no answer for: it is also to be better than the
 * remedy alone, by both of its readings (truth 4), or that does as well and lasts no longer.
 */
static int adds(const struct court *c, const struct arm *a)
{
	const struct future *plain = is_persistent(a->f) ? evidence_sibling(c->ev, a->f) : NULL;
	double ret, cool;

	if (!plain || plain == c->control)
		return 1;
	ret = read_return(c->ev, plain, c->select) - a->ret;
	cool = read_cool(c->ev, plain, c->select) - a->cool;
	return !(fmin(ret, cool) <= court_margin(&c->noise, a->f));
}

/* A lasting change of the lr that the law has an answer for, on both metrics. */
static int hear_by_law(struct court *c, struct arm *a)
{
	a->law = law_of(c, a, c->select);
	if (a->law->why || law_of(c, a, c->report)->why)
		a->law = NULL;
	if (!a->law)
		return 0;
	a->charge = court_remedy(c, a) ? charge_of(c, a->law->plain) : 0;
	a->gain = court_law_gain(c, a, c->select);
	c->narms++;
	return 1;
}

void court_hear(struct court *c, const struct future *f)
{
	struct arm *a = &c->arms[c->narms];

	*a = (struct arm){.f = f, .repairs = court_repairs(c, f)};
	a->ret = read_return(c->ev, f, c->select);
	a->cool = is_persistent(f) ? read_cool(c->ev, f, c->select) : NAN;
	if (hear_by_law(c, a) || lost(c, a))
		return;
	if (a->repairs ? isnan(repair_gain(c, f, c->select))
		       : isnan(a->ret) ||
				 (is_persistent(f) && (isnan(a->cool) || c->noise.cool.df < 1))) {
		c->unread++;
		c->compared += f->status && strcmp(f->status, "killed") == 0;
		return;
	}
	a->charge = charge_of(c, f);
	/* a diverged arm is the worst, also against a diverged control */
	a->gain = !a->repairs && (isinf(a->ret) || isinf(a->cool)) ? -INFINITY
								   : court_gain(c, f, c->select);
	c->narms++;
}

/* What passes on the metric it was selected by must pass on the one it is reported on. */
static int confirmed(const struct court *c, const struct arm *a)
{
	double gain;

	if (c->report == c->select || isinf(a->gain))
		return 1;
	if (a->law)
		return court_law_above(c, a, c->report) > .5;
	gain = court_gain(c, a->f, c->report);
	return gain - court_margin(&c->report_noise, a->f) > c->rule->min_effect;
}

/* What puts the run back on its own plan need not be shown to be better, only not to be worse. */
static void judge_repair(const struct court *c, struct arm *a)
{
	const enum metric m[] = {c->select, c->report};

	a->passes = !a->f->nonfinite;
	for (int i = 0; i < 2; i++)
		a->passes &= a->law ? court_law_above(c, a, m[i]) > c->rule->alpha
				    : !repair_is_worse(c, a->f, m[i]);
}

static void judge_by_law(const struct court *c, struct arm *a)
{
	double z = lc_normal_quantile(1 - c->rule->alpha);

	a->lower = a->gain - z * court_law_sd(c, a, c->select);
	a->passes = court_law_above(c, a, c->select) >= 1 - c->rule->alpha && confirmed(c, a);
}

static void judge_by_readings(const struct court *c, struct arm *a)
{
	a->lower = isinf(a->gain) ? a->gain : a->gain - court_margin(&c->noise, a->f);
	a->passes = a->lower > c->rule->min_effect && adds(c, a) && confirmed(c, a);
}

static void set_bars(struct spread *s, double alpha, int arms)
{
	if (!(s->df > 0))
		return;
	s->many = lc_dunnett_quantile(1 - alpha, arms > 0 ? arms : 1, s->df, .5);
	s->one = lc_student_quantile(1 - alpha, s->df);
}

/*
 * The first limit that an arm does not keep, from 1: its reading must keep it with the noise of one
 * run at alpha to spare, as far as that is known. What was not logged keeps nothing.
 */
static int beyond(const struct court *c, const struct arm *a)
{
	const struct goal *g = &c->rule->goal;

	for (int k = 0; k < g->limits; k++) {
		struct lc_noise s = also_noise(c->ev, k);
		double x = read_also(c->ev, a->f, k), spare = 0;
		if (s.df > 0 && s.sd > 0)
			spare = s.sd * lc_student_quantile(1 - c->rule->alpha, s.df);
		if (!(g->limit[k].above ? x - spare > g->limit[k].bound
					: x + spare < g->limit[k].bound))
			return k + 1;
	}
	return 0;
}

/*
 * Two plans that have been one state so far (the same change, for a while or for good): what is
 * read is of the state, so it cannot tell them apart (truth 3).
 */
static int coincide(const struct future *a, const struct future *b)
{
	return a->n > 0 && a->n == b->n && a->from_step == b->from_step &&
	       memcmp(a->r, b->r, (size_t)a->n * sizeof(*a->r)) == 0;
}

static void find_twins(struct court *c)
{
	for (int i = 1; i < c->narms; i++)
		for (int k = 0; k < i && !c->arms[i].twin; k++)
			if (coincide(c->arms[i].f, c->arms[k].f))
				c->arms[i].twin = &c->arms[k];
}

void court_judge_arms(struct court *c)
{
	find_twins(c);
	c->compared += c->narms;
	set_bars(&c->noise.ret, c->rule->alpha, c->compared);
	set_bars(&c->noise.cool, c->rule->alpha, c->compared);
	if (c->report == c->select)
		c->report_noise = c->noise;
	else {
		set_bars(&c->report_noise.ret, c->rule->alpha, c->compared);
		set_bars(&c->report_noise.cool, c->rule->alpha, c->compared);
	}
	for (int i = 0; i < c->narms; i++) {
		struct arm *a = &c->arms[i];

		a->beyond = beyond(c, a);
		if (a->law)
			judge_by_law(c, a);
		else
			judge_by_readings(c, a);
		if (a->repairs)
			judge_repair(c, a);
		a->passes &= !a->beyond;
	}
}

double court_standing(const struct court *c, const struct arm *a)
{
	if (isfinite(a->gain))
		return a->gain;
	return a->gain > 0 ? -a->ret - charge_of(c, a->f) : -INFINITY; /* the control diverged */
}

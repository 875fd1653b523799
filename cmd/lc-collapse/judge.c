/*
 * judge: the decision over the evidence of one fork. What each rule rests on is DESIGN section 8.
 *
 * Each arm is compared with the control (same data order). A remedy that ends is read after
 * returning to plan. The gain of a lasting change of the lr is the law's posterior of what it ends
 * lower by (value.h), and it passes at P >= 1 - alpha. Where the law has no answer, a lasting
 * change must be better on both of its readings, back at the control's lr and after a cooldown from
 * it, since each lies in its own way (truth 2); its gain is the smaller of both. The noise is the
 * null branches' (truth 1):
 *
 *     lower = gain - charge - d(1 - alpha; K, df) sqrt(2) sd(nulls)  >  min_effect
 *
 * where d is Dunnett's quantile for K arms against one control (dunnett.h), and the charge is what
 * the steps given back by rewinding are worth. Of the arms that pass, those within the noise of the
 * best are tied, and the one with the fewest changes is taken (truths 3 and 4). Selected on
 * val_loss, reported on test_loss where there is one (truth 10).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "court.h"
#include "dunnett.h"
#include "io.h"
#include "json.h"
#include "stat.h"

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
static const struct future *remedy_of(const struct court *c, const struct arm *a)
{
	return a->law->plain == c->control ? NULL : a->law->plain;
}

double court_law_gain(const struct court *c, const struct arm *a, enum metric m)
{
	const struct future *remedy = remedy_of(c, a);

	return law_of(c, a, m)->gain + (remedy ? court_gain(c, remedy, m) : 0);
}

double court_law_sd(const struct court *c, const struct arm *a, enum metric m)
{
	const struct noise *n = m == c->select ? &c->noise : &c->report_noise;

	return hypot(law_of(c, a, m)->sd, remedy_of(c, a) ? M_SQRT2 * n->ret.sd : 0);
}

double court_law_above(const struct court *c, const struct arm *a, enum metric m)
{
	double sd = court_law_sd(c, a, m);

	if (!remedy_of(c, a))
		return worth_above(law_of(c, a, m), c->rule->min_effect);
	return lc_normal_cdf((court_law_gain(c, a, m) - c->rule->min_effect) / sd);
}

/* A lasting change of the lr that the law has an answer for, on both metrics. */
static int hear_by_law(struct court *c, struct arm *a)
{
	a->law = law_of(c, a, c->select);
	if (a->law->why || law_of(c, a, c->report)->why)
		a->law = NULL;
	if (!a->law)
		return 0;
	a->charge = remedy_of(c, a) ? charge_of(c, a->law->plain) : 0;
	a->gain = court_law_gain(c, a, c->select);
	c->narms++;
	return 1;
}

static void hear(struct court *c, const struct future *f)
{
	struct arm *a = &c->arms[c->narms];

	*a = (struct arm){.f = f};
	a->ret = read_return(c->ev, f, c->select);
	a->cool = is_persistent(f) ? read_cool(c->ev, f, c->select) : NAN;
	if (hear_by_law(c, a) || lost(c, a))
		return;
	if (isnan(a->ret) || (is_persistent(f) && (isnan(a->cool) || c->noise.cool.df < 1))) {
		c->unread++;
		c->compared += f->status && strcmp(f->status, "killed") == 0;
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
	if (a->law)
		return court_law_above(c, a, c->report) > .5;
	gain = court_gain(c, a->f, c->report);
	return gain - court_margin(&c->report_noise, a->f) > c->rule->min_effect;
}

static void judge_by_law(const struct court *c, struct arm *a)
{
	double z = lc_normal_quantile(1 - c->rule->alpha);

	a->lower = a->gain - z * court_law_sd(c, a, c->select);
	a->passes = court_law_above(c, a, c->select) >= 1 - c->rule->alpha && confirmed(c, a);
}

static void set_bars(struct spread *s, double alpha, int arms)
{
	if (!(s->df > 0))
		return;
	s->many = lc_dunnett_quantile(1 - alpha, arms > 0 ? arms : 1, s->df, .5);
	s->one = lc_student_quantile(1 - alpha, s->df);
}

static void judge_arms(struct court *c)
{
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

		if (a->law) {
			judge_by_law(c, a);
			continue;
		}
		a->lower = isinf(a->gain) ? a->gain : a->gain - court_margin(&c->noise, a->f);
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
	const struct spread *s;
	double margin;

	for (int i = 0; i < c->narms; i++)
		if (c->arms[i].passes &&
		    (!best || court_standing(c, &c->arms[i]) > court_standing(c, best)))
			best = &c->arms[i];
	if (!best)
		return NULL;
	/* among lasting changes the law's mean decides: all of them change one thing */
	s = court_spread(&c->noise, best->f);
	margin = best->law ? 0 : s->one * M_SQRT2 * s->sd;
	for (int i = 0; i < c->narms; i++) {
		struct arm *a = &c->arms[i];
		a->tied = a->passes && court_standing(c, a) >= court_standing(c, best) - margin;
		if (a->tied && (!pick || simpler(c, a, pick)))
			pick = a;
	}
	return pick;
}

/* Can the futures be judged on this metric: the control, and two nulls at least, or none at all?
 * (Only the law can do without.) */
static int readable(const struct evidence *ev, const struct future *control, enum metric m)
{
	int nulls = 0, read = 0;

	for (int i = 0; i < ev->n; i++) {
		int is = strcmp(ev->f[i].role, "null") == 0;
		nulls += is;
		read += is && !isnan(read_return(ev, &ev->f[i], m));
	}
	return (read > 1 || nulls == 0) && !isnan(read_return(ev, control, m));
}

/* With no null branch nothing but the law's arms on the control's own state can be judged. */
static int is_by_law(const struct court *c)
{
	for (int i = 0; i < c->narms; i++)
		if (c->arms[i].law && !remedy_of(c, &c->arms[i]))
			return 1;
	return 0;
}

/* What earlier forks of the run saw of its noise counts as this one's. */
static void remember(struct noise *n, const struct rule *rule)
{
	struct lc_noise ret = lc_noise_join((struct lc_noise){n->ret.sd, n->ret.df}, rule->ret);
	struct lc_noise cool = lc_noise_join((struct lc_noise){n->cool.sd, n->cool.df}, rule->cool);

	n->own_ret = n->ret;
	n->own_cool = n->cool;
	if (n->diverged)
		return;
	n->ret = (struct spread){.sd = ret.sd, .df = ret.df};
	n->cool = (struct spread){.sd = cool.sd, .df = cool.df};
}

json_t *judge(const struct evidence *ev, const struct rule *rule, struct lc_err *err)
{
	struct court c = {.ev = ev, .rule = rule, .control = evidence_role(ev, "control")};
	const struct arm *pick = NULL;
	json_t *rec = NULL;

	if (!c.control) {
		lc_fail(err, LC_DATA, "no control branch in the evidence");
		return NULL;
	}
	c.select = readable(ev, c.control, VAL) ? VAL : TRAIN;
	c.report = c.select == VAL && readable(ev, c.control, TEST) ? TEST : c.select;
	c.noise = noise_floor(ev, c.select);
	c.report_noise = noise_floor(ev, c.report);
	remember(&c.noise, rule);
	if (c.report != c.select)
		remember(&c.report_noise, rule);
	c.worth = step_worth(ev, c.select);
	c.control_ret = read_return(ev, c.control, c.select);
	if (value_arms(&c.value, ev, &rule->plan, c.select, err) < 0 ||
	    value_arms(&c.report_value, ev, &rule->plan, c.report, err) < 0)
		goto out;
	c.arms = lc_xalloc((size_t)ev->n, sizeof(*c.arms));
	for (int i = 0; i < ev->n; i++)
		if (is_candidate(&ev->f[i]) && !isnan(c.control_ret))
			hear(&c, &ev->f[i]);
	judge_arms(&c);
	if (c.noise.ret.df > 0 || is_by_law(&c))
		pick = rule->confirm ? confirm(&c, &c.again) : choose(&c);
	rec = court_decision(&c, pick);
	free(c.arms);
	confirm_release(&c.again);
out:
	value_release(&c.value);
	value_release(&c.report_value);
	return rec;
}

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
 * best are tied, and one that ends by itself is taken, of these the one with the fewest changes
 * (truths 3 and 4). What undoes an lr off its plan comes first (repair.h). Selected on val_loss,
 * reported on test_loss where there is one (truth 10).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "court.h"
#include "io.h"
#include "json.h"
#include "repair.h"
#include "stat.h"

static int is_candidate(const struct future *f)
{
	return !f->parent && (strcmp(f->role, "arm") == 0 || strcmp(f->role, "clean") == 0);
}

static size_t changes(const struct arm *a)
{
	return json_object_size(a->f->actions);
}

/* What ends by itself before what lasts, then what changes less. */
static int simpler(const struct court *c, const struct arm *a, const struct arm *b)
{
	if (is_persistent(a->f) != is_persistent(b->f))
		return is_persistent(b->f);
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
		if (c->arms[i].law && !court_remedy(c, &c->arms[i]))
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

/* A name that was mistyped would leave nothing to choose by. */
static int is_logged(const struct evidence *ev, const struct goal *g, struct lc_err *err)
{
	for (int i = 0; i < g->terms; i++)
		if (!(ev->logged >> g->term[i].metric & 1u))
			return lc_fail(err, LC_DATA, "objective %.80s: no step record has it",
				       g->term[i].text);
	return 0;
}

json_t *judge(const struct evidence *ev, const struct rule *rule, struct lc_err *err)
{
	struct court c = {.ev = ev, .rule = rule, .control = evidence_role(ev, "control")};
	const struct lc_schedule no_plan = {LC_SCHED_NONE}, *plan = &rule->plan;
	const struct arm *pick = NULL;
	json_t *rec = NULL;

	if (!c.control) {
		lc_fail(err, LC_DATA, "no control branch in the evidence");
		return NULL;
	}
	if (is_logged(ev, &rule->goal, err) < 0)
		return NULL;
	c.select = readable(ev, c.control, VAL) ? VAL : TRAIN;
	c.report = c.select == VAL && readable(ev, c.control, TEST) ? TEST : c.select;
	c.noise = noise_floor(ev, c.select);
	c.report_noise = noise_floor(ev, c.report);
	remember(&c.noise, rule);
	if (c.report != c.select)
		remember(&c.report_noise, rule);
	c.worth = step_worth(ev, c.select);
	c.control_ret = read_return(ev, c.control, c.select);
	/* the law is one of the loss */
	if (rule->goal.terms)
		plan = &no_plan;
	if (value_arms(&c.value, ev, plan, c.select, err) < 0 ||
	    value_arms(&c.report_value, ev, plan, c.report, err) < 0)
		goto out;
	c.arms = lc_xalloc((size_t)ev->n, sizeof(*c.arms));
	for (int i = 0; i < ev->n; i++)
		if (is_candidate(&ev->f[i]) && !isnan(c.control_ret))
			court_hear(&c, &ev->f[i]);
	court_judge_arms(&c);
	pick = choose_repair(&c);
	if (!pick && (c.noise.ret.df > 0 || is_by_law(&c)))
		pick = rule->confirm ? confirm(&c, &c.again) : choose(&c);
	if (!pick && !(c.again.leader && !c.again.leader->law)) /* who leads is run again first */
		court_look(&c, &c.look);
	rec = court_decision(&c, pick);
	free(c.arms);
	confirm_release(&c.again);
	look_release(&c.look);
out:
	value_release(&c.value);
	value_release(&c.report_value);
	return rec;
}

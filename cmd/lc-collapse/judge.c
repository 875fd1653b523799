/*
 * judge: the decision over the evidence of one fork. What each rule rests on is DESIGN section 8.
 *
 * Each arm is compared with the control (same data order). A remedy that ends is read after returning to plan; a lasting
 * change must be better on both of its readings, back at the control's lr and after a cooldown from it, since
 * each lies in its own way (truth 2); its gain is the smaller of both. The noise is the null branches' (truth 1):
 *
 *     lower = gain - charge - t(1 - alpha/K; m - 1) sqrt(2) sd(nulls)  >  min_effect
 *
 * where the charge is what the steps given back by rewinding are worth. Of the arms that pass, those within
 * the noise of the best are tied, and the one with the fewest changes is taken (truths 3 and 4). Selected on val_loss,
 * reported on test_loss where there is one (truth 10).
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collapse.h"
#include "io.h"
#include "json.h"
#include "readings.h"
#include "rng.h"
#include "stat.h"

#define DRAWS 4000

struct arm {
	const struct future *f;
	double ret, cool;           /* readings of the selecting metric */
	double gain, sd, lower;     /* against the control, after the charge; sd of that difference */
	double charge;
	int passes, tied;
};

struct court {
	const struct evidence *ev;
	const struct rule *rule;
	const struct future *control;
	enum metric select, report;
	struct noise noise, report_noise;
	double worth, control_ret, control_cool;
	double t_arm;               /* t quantile at 1 - alpha/K */
	struct arm *arms;
	int narms, unread;          /* unread: arms that were void, failed, or lack a segment */
};

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

/* The gain on one metric: against the control, after the charge. For a lasting change, the smaller of both readings. */
static double gain_on(const struct court *c, const struct future *f, enum metric m)
{
	double ret = read_return(c->ev, c->control, m) - read_return(c->ev, f, m);
	double cool;

	if (is_persistent(f)) {
		cool = read_cool(c->ev, c->control, m) - read_cool(c->ev, f, m);
		ret = isnan(cool) || cool < ret ? cool : ret;
	}
	return ret - charge_of(c, f);
}

static double sd_of(const struct noise *n, const struct future *f)
{
	double sd = is_persistent(f) && !(n->cool <= n->ret) ? n->cool : n->ret;

	return M_SQRT2 * sd;
}

static void hear(struct court *c, const struct future *f)
{
	struct arm *a = &c->arms[c->narms];

	*a = (struct arm){ .f = f };
	a->ret = read_return(c->ev, f, c->select);
	a->cool = is_persistent(f) ? read_cool(c->ev, f, c->select) : NAN;
	if (isnan(a->ret) || (is_persistent(f) && isnan(a->cool))) {
		c->unread++;
		return;
	}
	a->charge = charge_of(c, f);
	a->sd = sd_of(&c->noise, f);
	/* a diverged arm is the worst, also against a diverged control */
	a->gain = isinf(a->ret) || isinf(a->cool) ? -INFINITY : gain_on(c, f, c->select);
	c->narms++;
}

static void judge_arms(struct court *c)
{
	c->t_arm = c->narms && c->noise.df > 0
			   ? lc_student_quantile(1 - c->rule->alpha / c->narms, c->noise.df) : NAN;
	for (int i = 0; i < c->narms; i++) {
		struct arm *a = &c->arms[i];
		a->lower = isinf(a->gain) ? a->gain : a->gain - c->t_arm * a->sd;
		a->passes = a->lower > c->rule->min_effect;
	}
}

static size_t changes(const struct arm *a)
{
	return json_object_size(a->f->actions);
}

/* Order among arms that pass: by the worse reading, which is what their gains differ in. */
static double standing(const struct court *c, const struct arm *a)
{
	if (isfinite(a->gain))
		return a->gain;
	return a->gain > 0 ? -a->ret - charge_of(c, a->f) : -INFINITY; /* the control diverged */
}

static int simpler(const struct court *c, const struct arm *a, const struct arm *b)
{
	if (changes(a) != changes(b))
		return changes(a) < changes(b);
	return standing(c, a) > standing(c, b);
}

/* The chosen arm, or NULL; marks those tied with the best. */
static struct arm *choose(struct court *c)
{
	struct arm *best = NULL, *pick = NULL;
	double margin;

	for (int i = 0; i < c->narms; i++)
		if (c->arms[i].passes && (!best || standing(c, &c->arms[i]) > standing(c, best)))
			best = &c->arms[i];
	if (!best)
		return NULL;
	margin = lc_student_quantile(1 - c->rule->alpha, c->noise.df) * best->sd;
	for (int i = 0; i < c->narms; i++) {
		struct arm *a = &c->arms[i];
		a->tied = a->passes && standing(c, a) >= standing(c, best) - margin;
		if (a->tied && (!pick || simpler(c, a, pick)))
			pick = a;
	}
	return pick;
}

/* Probability that an arm has the greatest gain of all, and one above zero, by drawing from the noise. */
static double p_best(const struct court *c, const struct arm *pick)
{
	struct lc_rng rng = { 1, 0, 0 };
	int wins = 0;

	if (!pick || isinf(pick->gain))
		return pick ? 1 : 0;
	for (int d = 0; d < DRAWS; d++) {
		double scale = lc_student_quantile(1 - lc_rng_uniform(&rng) * .999999 - 5e-7, c->noise.df);
		double control = lc_rng_normal(&rng), own = 0, top = 0;
		/* one t-like scale a draw: the sd is as uncertain as so few nulls leave it */
		scale = fabs(scale) / .6745 < .2 ? .2 : fmin(fabs(scale) / .6745, 5);
		for (int i = 0; i < c->narms; i++) {
			const struct arm *a = &c->arms[i];
			double x = a->gain + scale * a->sd / M_SQRT2 * (lc_rng_normal(&rng) - control);
			if (a == pick)
				own = x;
			else if (x > top && !a->tied)
				top = x;
		}
		wins += own > top && own > 0;
	}
	return (double)wins / DRAWS;
}

/* The smallest gain that would have been seen four times out of five. */
static double detectable(const struct court *c)
{
	if (!(c->noise.df > 0) || isnan(c->t_arm))
		return NAN;
	return (c->t_arm + lc_student_quantile(.8, c->noise.df)) * M_SQRT2 * c->noise.ret;
}

static json_t *num(double x)
{
	return lc_json_num(isfinite(x) ? round(1e5 * x) / 1e5 : x);
}

static json_t *table(const struct court *c)
{
	json_t *rows = json_array(), *row;

	for (int i = 0; i < c->narms; i++) {
		const struct arm *a = &c->arms[i];
		row = json_pack("{s:s,s:O,s:o,s:o,s:o,s:b}", "branch", a->f->id, "actions", a->f->actions, "return",
				num(a->ret), "gain", num(a->gain), "lower", num(a->lower), "passes", a->passes);
		if (is_persistent(a->f))
			json_object_set_new(row, "cool", num(a->cool));
		if (a->tied)
			json_object_set_new(row, "tied", json_true());
		json_array_append_new(rows, row);
	}
	return rows;
}

static json_t *not_counted(const struct court *c)
{
	json_t *rows = json_array();

	for (int i = 0; i < c->ev->n; i++) {
		const struct future *f = &c->ev->f[i];
		if (!f->status || strcmp(f->status, "done") != 0)
			json_array_append_new(rows, json_pack("{s:s,s:s,s:s}", "branch", f->id, "status",
							      f->status ? f->status : "missing", "why",
							      f->why ? f->why : "it has no result record"));
	}
	return rows;
}

static json_t *cost(const struct court *c, const struct arm *pick)
{
	long steps = 0;

	for (int i = 0; i < c->ev->n; i++)
		steps += lc_json_get_int(c->ev->f[i].result, "steps", 0);
	return json_pack("{s:I,s:I,s:o,s:o}", "branch_steps", (json_int_t)steps, "rewound_steps",
			 (json_int_t)(pick ? c->control->from_step - pick->f->from_step : 0), "step_worth",
			 lc_json_num(c->worth), "charge", num(pick ? pick->charge : 0));
}

/* Is the run chaotic at this lr? The jitter copy of the clean state tells (NaN when it cannot). */
static double chaos(const struct court *c)
{
	const struct future *jitter = evidence_role(c->ev, "jitter"), *clean = evidence_role(c->ev, "clean");

	if (!clean)
		clean = c->control;
	return jitter ? fabs(read_return(c->ev, jitter, c->select) - read_return(c->ev, clean, c->select)) : NAN;
}

static void set_choice(json_t *rec, const struct court *c, const struct arm *pick)
{
	const struct future *f = pick ? pick->f : c->control;
	const struct future *plain = pick && is_persistent(f) ? evidence_sibling(c->ev, f) : NULL;
	double gain = pick ? gain_on(c, f, c->report) : 0, half;

	json_object_set_new(rec, "choice", json_string(f->id));
	json_object_set(rec, "from", json_object_get(f->rec, "from"));
	json_object_set(rec, "actions", (json_t *)f->actions);
	json_object_set_new(rec, "gain", num(gain));
	half = pick && c->report_noise.df > 0 && isfinite(gain)
		       ? lc_student_quantile(1 - c->rule->alpha / 2, c->report_noise.df) * sd_of(&c->report_noise, f) : 0;
	json_object_set_new(rec, "ci", json_pack("[o,o]", num(gain - half), num(gain + half)));
	json_object_set_new(rec, "selected_gain", num(pick ? pick->gain : 0));
	json_object_set_new(rec, "reported_on",
			    json_string(c->report == TEST ? "test_loss" : c->report == VAL ? "val_loss" : "loss"));
	json_object_set_new(rec, "p_best", num(p_best(c, pick)));
	/* what the remedy gained, and what the lasting change would gain on any clean state */
	if (plain)
		json_object_set_new(rec, "credit", json_pack("{s:s,s:o,s:o}", "plain", plain->id, "remedy",
				num(gain_on(c, plain, c->report)), "lasting", num(gain - gain_on(c, plain, c->report))));
}

/* "better", "none", or "undecided" with the reason. */
static const char *verdict(const struct court *c, const struct arm *pick, char *why, size_t size)
{
	double best = -INFINITY, p;

	if (isnan(c->control_ret)) {
		snprintf(why, size, "the control was not read (%s)", c->control->why ? c->control->why : "no result");
		return "undecided";
	}
	if (!(c->noise.df > 0)) {
		snprintf(why, size, "fewer than two null branches were read: the noise is not known");
		return "undecided";
	}
	if (c->narms == 0) {
		snprintf(why, size, "no arm could be read");
		return "undecided";
	}
	if (pick) {
		snprintf(why, size, "%s is better than the control beyond the noise of the nulls", pick->f->id);
		return "better";
	}
	for (int i = 0; i < c->narms; i++)
		best = fmax(best, c->arms[i].gain / c->arms[i].sd);
	p = isfinite(best) ? lc_student_cdf(best, c->noise.df) : 0;
	snprintf(why, size, "no arm is better than the control beyond the noise (the best has P(better) %.2f)", p);
	return p >= .8 ? "undecided" : "none";
}

static json_t *decision(const struct court *c, const struct arm *pick)
{
	char hex[LC_HEX_LEN + 1], sha[LC_HEX_LEN + 8], why[200];
	const char *said = verdict(c, pick, why, sizeof(why));
	json_t *rec = lc_record_new("decision", 1);

	lc_id_hex(&c->ev->hash, hex);
	snprintf(sha, sizeof(sha), "sha256:%s", hex);
	json_object_set(rec, "fork", json_object_get(c->control->rec, "fork"));
	json_object_set_new(rec, "verdict", json_string(said));
	json_object_set_new(rec, "why", json_string(why));
	set_choice(rec, c, pick);
	json_object_set_new(rec, "alpha", lc_json_num(c->rule->alpha));
	json_object_set_new(rec, "min_effect", lc_json_num(c->rule->min_effect));
	json_object_set_new(rec, "detectable", num(detectable(c)));
	json_object_set_new(rec, "noise", json_pack("{s:o,s:o,s:i,s:o}", "return", num(c->noise.ret), "cool",
						    num(c->noise.cool), "df", c->noise.df, "jitter", num(chaos(c))));
	json_object_set_new(rec, "control", num(c->control_ret));
	json_object_set_new(rec, "arms", table(c));
	json_object_set_new(rec, "not_counted", not_counted(c));
	json_object_set_new(rec, "cost", cost(c, pick));
	json_object_set_new(rec, "evidence", json_string(sha));
	return rec;
}

static int any(const struct evidence *ev, enum metric m)
{
	for (int i = 0; i < ev->n; i++)
		if (!isnan(read_return(ev, &ev->f[i], m)) && !ev->f[i].nonfinite)
			return 1;
	return 0;
}

json_t *judge(const struct evidence *ev, const struct rule *rule, struct lc_err *err)
{
	struct court c = { .ev = ev, .rule = rule, .control = evidence_role(ev, "control") };
	json_t *rec;

	if (!c.control) {
		lc_fail(err, LC_DATA, "no control branch in the evidence");
		return NULL;
	}
	c.select = any(ev, VAL) ? VAL : TRAIN;
	c.report = any(ev, TEST) && c.select == VAL ? TEST : c.select;
	c.noise = noise_floor(ev, c.select);
	c.report_noise = noise_floor(ev, c.report);
	c.worth = step_worth(ev, c.select);
	c.control_ret = read_return(ev, c.control, c.select);
	c.control_cool = read_cool(ev, c.control, c.select);
	c.arms = lc_xalloc((size_t)ev->n, sizeof(*c.arms));
	for (int i = 0; i < ev->n; i++)
		if (is_candidate(&ev->f[i]) && !isnan(c.control_ret))
			hear(&c, &ev->f[i]);
	judge_arms(&c);
	rec = decision(&c, c.noise.df > 0 ? choose(&c) : NULL);
	free(c.arms);
	return rec;
}

int decision_status(const json_t *decision)
{
	return strcmp(lc_json_get_str(decision, "verdict", ""), "better") == 0 ? LC_OK : LC_NO;
}

/* report: the decision record of a fork that has been judged. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "court.h"
#include "credit.h"
#include "dunnett.h"
#include "json.h"
#include "rng.h"
#include "stat.h"

/* Five digits after the point; adding 0 turns -0, which would not read back as itself, into 0. */
static json_t *num(double x)
{
	return lc_json_num(isfinite(x) ? round(1e5 * x) / 1e5 + 0.0 : x);
}

/* Six digits: noise may be far smaller than a gain. */
static json_t *precise(double x)
{
	char text[32];

	snprintf(text, sizeof(text), "%.6g", x);
	return lc_json_num(isfinite(x) ? strtod(text, NULL) : x);
}

/* What the law says of a lasting change, beside the two readings that it was told; or why it says
 * nothing. */
static void set_law(json_t *row, const struct court *c, const struct arm *a)
{
	const struct worth *w = &c->value.w[a->f - c->ev->f];

	json_object_set_new(row, "return_gain", num(c->control_ret - a->ret));
	json_object_set_new(row, "cool_gain",
			    num(read_cool(c->ev, c->control, c->select) - a->cool));
	if (a->law)
		json_object_set_new(row, "law",
				    json_pack("{s:o,s:o,s:o,s:o}", "gain", num(w->gain), "sd",
					      num(w->sd), "p_better", num(w->better), "p_best",
					      num(w->best)));
	if (a->law && w->ended)
		json_object_set_new(json_object_get(row, "law"), "ended", json_true());
	if (!a->law)
		json_object_set_new(row, "law", json_string(w->why ? w->why : "no answer"));
}

static json_t *table(const struct court *c)
{
	json_t *rows = json_array(), *row;

	for (int i = 0; i < c->narms; i++) {
		const struct arm *a = &c->arms[i];
		row = json_pack("{s:s,s:O,s:o,s:o,s:o,s:b}", "branch", a->f->id, "actions",
				a->f->actions, "return", num(a->ret), "gain", num(a->gain), "lower",
				num(a->lower), "passes", a->passes);
		if (is_persistent(a->f))
			json_object_set_new(row, "cool", num(a->cool));
		if (is_persistent(a->f))
			set_law(row, c, a);
		if (a->repairs)
			json_object_set_new(row, "repairs", json_true());
		if (a->tied)
			json_object_set_new(row, "tied", json_true());
		if (a->twin)
			json_object_set_new(row, "same_state", json_string(a->twin->f->id));
		if (a->beyond)
			json_object_set_new(row, "beyond",
					    json_string(c->rule->goal.limit[a->beyond - 1].text));
		json_array_append_new(rows, row);
	}
	return rows;
}

/* An arm that was run and could not be read: what keeps the law from an answer, or NULL. */
static const char *unheard(const struct court *c, int i)
{
	const struct future *f = &c->ev->f[i];

	if (f->parent || strcmp(f->role, "arm") != 0 || !is_persistent(f))
		return NULL;
	for (int k = 0; k < c->narms; k++)
		if (c->arms[k].f == f)
			return NULL;
	return c->value.w[i].why;
}

static json_t *not_counted(const struct court *c)
{
	json_t *rows = json_array();

	for (int i = 0; i < c->ev->n; i++) {
		const struct future *f = &c->ev->f[i];
		const char *why = unheard(c, i);
		if (f->status && strcmp(f->status, "done") == 0 && why)
			json_array_append_new(rows, json_pack("{s:s,s:s,s:s}", "branch", f->id,
							      "status", "done", "why", why));
		if (!f->status || strcmp(f->status, "done") != 0)
			json_array_append_new(
				rows, json_pack("{s:s,s:s,s:s}", "branch", f->id, "status",
						f->status ? f->status : "missing", "why",
						f->why ? f->why : "it has no result record"));
	}
	return rows;
}

/* Steps that were planned and not run, since an arm, or a segment of one, was stopped on the way.
 */
static long saved(const struct evidence *ev)
{
	static const char *const kinds[] = {"return", "cool"};
	long steps = 0;

	for (int i = 0; i < ev->n; i++) {
		const struct future *f = &ev->f[i];
		const json_t *readout = json_object_get(f->rec, "readout");
		if (!f->status || strcmp(f->status, "killed") != 0 || f->nonfinite)
			continue;
		steps += f->horizon - lc_json_get_int(f->result, "steps", 0);
		for (int k = 0; k < 2; k++)
			if (!evidence_segment(ev, f, kinds[k]))
				steps += lc_json_get_int(readout, kinds[k], 0);
	}
	return steps;
}

static json_t *cost(const struct court *c, const struct arm *pick)
{
	long steps = 0;

	for (int i = 0; i < c->ev->n; i++)
		steps += lc_json_get_int(c->ev->f[i].result, "steps", 0);
	return json_pack("{s:I,s:I,s:I,s:o,s:o}", "branch_steps", (json_int_t)steps, "saved_steps",
			 (json_int_t)saved(c->ev), "rewound_steps",
			 (json_int_t)(pick ? c->control->from_step - pick->f->from_step : 0),
			 "step_worth", lc_json_num(c->worth), "charge",
			 num(pick ? pick->charge : 0));
}

/* Is the run chaotic at this lr? The jitter copy of the clean state tells (NaN when it cannot). */
static double chaos(const struct court *c)
{
	const struct future *jitter = evidence_role(c->ev, "jitter"),
			    *clean = evidence_role(c->ev, "clean");

	if (!clean)
		clean = c->control;
	return jitter ? fabs(read_return(c->ev, jitter, c->select) -
			     read_return(c->ev, clean, c->select))
		      : NAN;
}

static const char *const metric_names[] = {"val_loss", "test_loss", "loss"};

/*
 * The gain as it is told: what passed a bar is mostly lucky (of the futures of one run the luck is
 * the branch's, so another shard shares it), and is told as the gain that would look like this half
 * of the time (dunnett.h), though not below its lower bound, which holds for whichever arm was
 * picked. So it lies in the interval that is told with it, and at most at what was measured. The
 * law's mean needs no such care: it has a prior.
 */
static double told_gain(const struct court *c, const struct arm *pick, double measured)
{
	const struct spread *s = court_spread(&c->report_noise, pick->f);
	double se = M_SQRT2 * s->sd, bar = s->many + c->rule->min_effect / se, told;

	if (pick->law || !isfinite(measured) || !(s->df > 0) || measured / se <= bar)
		return measured;
	told = se * lc_selected_median(measured / se, bar, s->df);
	return fmax(told, measured - court_margin(&c->report_noise, pick->f));
}

/* The leader's replicates; what is wanted of them is only there when it is worth its price. */
static json_t *confirmed(const struct court *c)
{
	const struct confirmation *k = &c->again;
	json_t *j = json_pack("{s:i,s:i}", "runs", c->rule->confirm, "read", k->n);

	if (!k->leader)
		return j;
	json_object_set_new(j, "of", json_string(k->leader->f->id));
	if (k->n > 0) {
		json_object_set_new(j, "gain", num(k->gain));
		json_object_set_new(j, "lower", num(k->lower));
	}
	if (k->wanted && !k->too_dear) {
		json_object_set(j, "wanted", k->wanted);
		json_object_set_new(j, "steps", json_integer(k->steps));
	}
	return j;
}

static void set_gain(json_t *rec, const struct court *c, const struct arm *pick)
{
	double gain = 0, half = 0, told;
	char text[GOAL_TEXT];

	if (pick && pick->law) {
		gain = court_law_gain(c, pick, c->report);
		half = lc_normal_quantile(1 - c->rule->alpha) * court_law_sd(c, pick, c->report);
	} else if (pick) {
		/* each side at the level that the arms were tested at, whichever was picked */
		gain = court_gain(c, pick->f, c->report);
		half = isfinite(gain) ? court_margin(&c->report_noise, pick->f) : 0;
	}
	told = pick ? told_gain(c, pick, gain) : 0;
	if (pick && !pick->law && !pick->repairs && c->rule->confirm) {
		told = gain = c->again.gain;
		half = gain - c->again.lower;
	}
	json_object_set_new(rec, "gain", num(told));
	json_object_set_new(rec, "ci", json_pack("[o,o]", num(gain - half), num(gain + half)));
	json_object_set_new(rec, "measured_gain", num(gain));
	json_object_set_new(rec, "selected_gain", num(pick ? pick->gain : 0));
	goal_text(&c->rule->goal, c->report == TEST, text, sizeof(text));
	json_object_set_new(rec, "reported_on",
			    json_string(*text ? text : metric_names[c->report]));
	if (c->rule->confirm)
		json_object_set_new(rec, "confirm", confirmed(c));
}

static void set_choice(json_t *rec, const struct court *c, const struct arm *pick)
{
	const struct future *f = pick ? pick->f : c->control;
	struct credit k;

	json_object_set_new(rec, "choice", json_string(f->id));
	json_object_set(rec, "from", json_object_get(f->rec, "from"));
	json_object_set(rec, "actions", (json_t *)f->actions);
	set_gain(rec, c, pick);
	json_object_set_new(rec, "p_best", num(court_p_best(c, pick)));
	/* a repair has no share of the schedule: it is the plan's */
	if (pick && !pick->repairs &&
	    court_credit(c, pick, lc_json_get_num(rec, "measured_gain", NAN), &k))
		json_object_set_new(rec, "credit",
				    json_pack("{s:s,s:s,s:b,s:o,s:o,s:o}", "plain", k.plain->id,
					      "changed", k.twin->id, "clean", k.clean, "remedy",
					      num(k.remedy), "schedule", num(k.schedule), "sd",
					      num(k.sd)));
}

static json_t *noise(const struct court *c)
{
	json_t *j = json_pack("{s:o,s:o,s:i,s:o,s:o,s:o}", "return", precise(c->noise.own_ret.sd),
			      "cool", precise(c->noise.own_cool.sd), "nulls", c->noise.nulls, "df",
			      precise(c->noise.own_ret.df), "cool_df",
			      precise(c->noise.own_cool.df), "jitter", num(chaos(c)));

	if (c->rule->ret.df > 0 || c->rule->cool.df > 0)
		json_object_set_new(j, "pooled",
				    json_pack("{s:o,s:o,s:o,s:o}", "return",
					      lc_json_num(c->rule->ret.sd), "df",
					      lc_json_num(c->rule->ret.df), "cool",
					      lc_json_num(c->rule->cool.sd), "cool_df",
					      lc_json_num(c->rule->cool.df)));
	return j;
}

/* What it was decided against: where the run stood, how far its futures went, what was in force. */
static void set_present(json_t *rec, const struct court *c)
{
	json_t *present = json_deep_copy(json_object_get(c->control->rec, "from"));
	json_t *base = json_object_get(c->control->rec, "base");

	json_object_set_new(present, "horizon", json_integer(c->control->horizon));
	json_object_set_new(rec, "present", present);
	json_object_set_new(rec, "base", base ? json_deep_copy(base) : json_object());
}

json_t *court_decision(const struct court *c, const struct arm *pick)
{
	char hex[LC_HEX_LEN + 1], sha[LC_HEX_LEN + 8], why[240];
	const char *said = court_verdict(c, pick, why, sizeof(why));
	json_t *rec = lc_record_new("decision", 1);
	long steps, wanted;

	lc_id_hex(&c->ev->hash, hex);
	snprintf(sha, sizeof(sha), "sha256:%s", hex);
	json_object_set(rec, "fork", json_object_get(c->control->rec, "fork"));
	json_object_set_new(rec, "verdict", json_string(said));
	json_object_set_new(rec, "why", json_string(why));
	set_choice(rec, c, pick);
	set_present(rec, c);
	if (court_short_return(c, &steps, &wanted))
		json_object_set_new(rec, "short_return",
				    json_pack("{s:I,s:I}", "steps", (json_int_t)steps, "wanted",
					      (json_int_t)wanted));
	json_object_set_new(rec, "alpha", lc_json_num(c->rule->alpha));
	json_object_set_new(rec, "min_effect", lc_json_num(c->rule->min_effect));
	goal_write(rec, &c->rule->goal);
	if (c->rule->max_cost)
		json_object_set_new(rec, "max_cost", json_integer(c->rule->max_cost));
	if (c->rule->price > 0)
		json_object_set_new(rec, "price", lc_json_num(c->rule->price));
	if (c->rule->plan.shape)
		json_object_set_new(rec, "plan", lrplan_json(&c->rule->plan));
	json_object_set_new(rec, "detectable", num(court_detectable(c)));
	json_object_set_new(rec, "noise", noise(c));
	json_object_set_new(rec, "control", num(c->control_ret));
	if (c->value.fits)
		json_object_set_new(
			rec, "law",
			json_pack("{s:o,s:i}", "chi2", num(c->value.chi2), "arms", c->value.asked));
	if (c->look.arm)
		json_object_set_new(rec, "look",
				    json_pack("{s:s,s:o,s:o,s:I,s:O}", "of", c->look.arm->f->id,
					      "p_better", num(c->look.p), "worth",
					      num(c->look.worth), "steps",
					      (json_int_t)c->look.steps, "wanted", c->look.wanted));
	json_object_set_new(rec, "arms", table(c));
	json_object_set_new(rec, "not_counted", not_counted(c));
	json_object_set_new(rec, "cost", cost(c, pick));
	json_object_set_new(rec, "evidence", json_string(sha));
	return rec;
}

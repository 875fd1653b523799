/* sheet: see sheet.h. */
#include "sheet.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "json.h"

#define BAR 1.645      /* sds that a gain must be above 0 to be acted on: P(better) .95 */
enum { SHORTEST = 2 }; /* a block is the horizon halved at most so often */
enum { AHEAD = 4 };    /* blocks that are thought of together */

static int verify_all(struct sheet *t, struct lc_err *err)
{
	for (int i = 0; i < t->o.n; i++) {
		const struct future *f = outlook_ran(&t->o, i, t->o.ev->n), *tip;

		t->s[i] = (struct standing){.log_e = NAN};
		if (!f)
			continue;
		tip = evidence_tip(t->o.ev, f);
		t->s[i].run = tip->from_step + tip->horizon - f->from_step;
		if (i == 0)
			continue;
		/* only the first block was drafted: a continuation is real racing */
		if (outlook_verify(&t->o, i, (int)(f - t->o.ev->f), SHEET_DELTA, &t->s[i].log_e,
				   err) < 0)
			return -1;
		t->s[i].rejected = t->s[i].log_e >= log(1 / SHEET_DELTA);
		t->blocks += !isnan(t->s[i].log_e);
		t->accepted += t->s[i].log_e < log(1 / SHEET_DELTA);
	}
	return 0;
}

/* How much of its sd did the latest block leave of its future? Half is expected of the first. */
static int look_back(struct sheet *t, struct lc_err *err)
{
	const struct future *f, *last = NULL;
	struct lc_arms before;
	int who = 0;

	t->leaves = .5;
	for (int i = 1; i < t->o.n; i++) {
		f = outlook_ran(&t->o, i, t->o.ev->n);
		if (f && (!last || f > last)) {
			last = f;
			who = i;
		}
	}
	if (!last)
		return 0;
	if (outlook_ask(&t->o, (int)(last - t->o.ev->f), &before, err) < 0)
		return -1;
	/* one block is little to learn that from: the mean, in logarithms, with the half */
	t->leaves = sqrt(.5 * fmin(fmax(t->a.sd[who] / before.sd[who], .1), 1));
	lc_arms_release(&before);
	return 0;
}

/* Mean acceptance, a half at first; with what other forks remember. */
static void steer(struct sheet *t, const json_t *memory)
{
	double n = t->blocks, k = t->accepted;
	const char *key;
	json_t *v;
	int halvings;

	json_object_foreach(json_object_get(memory, "forks"), key, v)
		if (strcmp(key, t->fork) != 0) {
			n += lc_json_get_num(v, "blocks", 0);
			k += lc_json_get_num(v, "accepted", 0);
		}
	t->rate = (k + 1) / (n + 2);
	halvings = (int)lround(3 * t->rate);
	t->block =
		t->o.plan->f[t->o.index[0]].horizon >> (halvings < SHORTEST ? halvings : SHORTEST);
	if (t->block < 1)
		t->block = 1;
}

static void add_next(struct sheet *t, const struct future *f, long horizon)
{
	json_t *rec = json_deep_copy(f->rec);

	json_object_set_new(rec, "horizon", json_integer(horizon));
	json_array_append_new(t->next, rec);
}

/* Run on from where it stands to its full horizon. */
static void add_more(struct sheet *t, int i)
{
	const struct future *f = &t->o.plan->f[t->o.index[i]];
	const struct future *tip = evidence_tip(t->o.ev, outlook_ran(&t->o, i, t->o.ev->n));
	json_t *rec = json_deep_copy(f->rec);
	char *id = lc_path("%s+", tip->id);

	json_object_set_new(rec, "branch", json_string(id));
	json_object_set_new(rec, "role", json_string("probe"));
	json_object_set_new(rec, "kind", json_string("more"));
	json_object_set_new(rec, "from",
			    json_pack("{s:s,s:I}", "branch", tip->id, "step",
				      (json_int_t)(tip->from_step + tip->horizon)));
	json_object_set_new(rec, "horizon", json_integer(f->horizon - t->s[i].run));
	json_array_append_new(t->next, rec);
	free(id);
}

/* What the law is not asked about is raced in full, and with it what it is judged against. */
static void race_the_rest(struct sheet *t)
{
	const struct evidence *plan = t->o.plan;

	for (int i = 0; i < plan->n && t->left > 0; i++) {
		const struct future *f = &plan->f[i];
		int drafted = 0;

		for (int k = 0; k < t->o.n; k++)
			drafted |= t->o.index[k] == i && k > 0;
		if (!drafted && !f->parent && !evidence_find(t->o.ev, f->id))
			add_next(t, f, f->horizon);
	}
}

/*
 * What a block of one arm is worth: one block may be too little to be sure of anything and several
 * worth much, so the most of 1 to AHEAD like it, by the block (KG(*), Frazier and Powell 2010).
 */
static double block_worth(const struct sheet *t, const char *may, int i)
{
	double left = t->leaves * t->leaves, noise = left / (1 - left), most = 0;

	for (int n = 1; n <= AHEAD; n++)
		most = fmax(most, outlook_worth(&t->a, may, i, sqrt(noise / (noise + n)), BAR) / n);
	return most;
}

/* The arm whose block is worth most; what it is worth. */
static int best_worth(const struct sheet *t, double *worth)
{
	char may[LC_ARMS_MAX] = {0};
	int best = 0;

	*worth = 0;
	for (int i = 1; i < t->o.n; i++)
		may[i] = t->s[i].run > 0;
	for (int i = 1; i < t->o.n; i++) {
		double w = may[i] ? 0 : block_worth(t, may, i);

		if (w > *worth) {
			*worth = w;
			best = i;
		}
	}
	return best;
}

/* Is its lr above (1) or below (-1) the control's, or the same? */
static int side(const struct sheet *t, int i)
{
	const struct future *f = &t->o.plan->f[t->o.index[i]];
	double base = lc_json_get_num(json_object_get(f->rec, "base"), "lr_scale", 1);
	double lr = lc_json_get_num(f->actions, "lr_scale", base);

	return (lr > base) - (lr < base);
}

/*
 * Futures of one side of the control's lr say little of where the best lr lies, however many (runs
 * with known ends: two below it left P(better) .7 to .8 where one below and one above gave .98). So
 * once one side was seen, the arm of the other that is known least; 0: both were, or there is none.
 */
static int other_side(const struct sheet *t)
{
	int seen[3] = {0}, best = 0;

	for (int i = 1; i < t->o.n; i++)
		seen[1 + side(t, i)] |= t->s[i].run > 0;
	if (seen[0] == seen[2])
		return 0;
	for (int i = 1; i < t->o.n; i++)
		if (side(t, i) == (seen[0] ? 1 : -1) && (!best || t->a.sd[i] > t->a.sd[best]))
			best = i;
	return best;
}

static void choose_next(struct sheet *t, double enough)
{
	const struct future *control = &t->o.plan->f[t->o.index[0]];
	double worth;
	int i;

	race_the_rest(t);
	if (t->s[0].run == 0 && t->left == 0)
		add_next(t, control, t->block);
	for (i = 1; i < t->o.n; i++)
		if (t->s[i].rejected && t->s[i].run < t->o.plan->f[t->o.index[i]].horizon) {
			if (t->s[0].run < control->horizon && t->s[0].run > 0)
				add_more(t, 0);
			add_more(t, i);
			snprintf(t->why, sizeof(t->why), "the draft of %.60s was rejected",
				 t->o.plan->f[t->o.index[i]].id);
			return;
		}
	i = other_side(t);
	if (i > 0) {
		add_next(t, &t->o.plan->f[t->o.index[i]], t->block);
		snprintf(t->why, sizeof(t->why), "only %.60s tells of its side of the lr",
			 t->o.plan->f[t->o.index[i]].id);
		return;
	}
	i = best_worth(t, &worth);
	if (worth > enough * fabs(t->a.level)) {
		add_next(t, &t->o.plan->f[t->o.index[i]], t->block);
		snprintf(t->why, sizeof(t->why), "a block of %.60s is worth %.2g",
			 t->o.plan->f[t->o.index[i]].id, worth);
	} else {
		snprintf(t->why, sizeof(t->why), "no block is worth %.2g",
			 enough * fabs(t->a.level));
	}
}

int sheet_fill(struct sheet *t, const json_t *memory, double enough, struct lc_err *err)
{
	if (verify_all(t, err) < 0 || outlook_ask(&t->o, t->o.ev->n, &t->a, err) < 0 ||
	    look_back(t, err) < 0)
		return -1;
	steer(t, memory);
	choose_next(t, enough);
	return 0;
}

void sheet_release(struct sheet *t)
{
	lc_arms_release(&t->a);
	json_decref(t->next);
}

/* aatrial: see aa.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "aa.h"
#include "io.h"
#include "json.h"
#include "rng.h"
#include "stat.h"

/* One future per row of the fork: the control, the nulls, the arms, the leader's replicates. */
struct bench {
	const struct aa_runs *runs;
	const struct aa_plan *plan;
	const struct rule *rule;
	struct evidence ev;
	struct lc_rng rng;
	int *row;   /* which run each future is; [runs->n], a random order of all */
	long start; /* of the window */
};

static int rows(const struct aa_plan *p, const struct rule *rule)
{
	return 1 + p->nulls + p->arms + rule->confirm;
}

static void add_future(struct bench *b, const char *role, int i, json_t *actions)
{
	struct future *f = &b->ev.f[b->ev.n++];
	char id[16];

	snprintf(id, sizeof(id), "%c%d", role[0], i);
	memset(f, 0, sizeof(*f));
	f->rec = json_pack("{s:s,s:s,s:s,s:{s:s,s:i},s:o}", "branch", id, "role", role, "of", "",
			   "from", "snapshot", "s", "step", 0, "actions", actions);
	f->id = json_string_value(json_object_get(f->rec, "branch"));
	f->role = json_string_value(json_object_get(f->rec, "role"));
	f->kind = "restorative";
	f->actions = json_object_get(f->rec, "actions");
	f->horizon = b->plan->horizon;
	f->status = "done";
	f->why = "";
	f->r = lc_xalloc((size_t)b->plan->horizon, sizeof(*f->r));
}

static void set_up(struct bench *b)
{
	const struct aa_plan *p = b->plan;

	b->ev.f = lc_xalloc((size_t)rows(p, b->rule), sizeof(*b->ev.f));
	add_future(b, "control", 0, json_object());
	for (int i = 1; i <= p->nulls; i++)
		add_future(b, "null", i, json_pack("{s:i}", "reseed", i));
	for (int i = 1; i <= p->arms; i++)
		add_future(b, "arm", i, json_pack("{s:i}", "x_arm", i));
	for (int i = 1; i <= b->rule->confirm; i++)
		add_future(b, "confirm", i, json_pack("{s:i}", "reseed", i));
	b->row = lc_xalloc((size_t)b->runs->n, sizeof(*b->row));
	for (int i = 0; i < b->runs->n; i++)
		b->row[i] = i;
}

static void tear_down(struct bench *b)
{
	free(b->row);
	evidence_release(&b->ev);
}

/* The window, and which run is what (Fisher and Yates). */
static void draw(struct bench *b)
{
	long first = (long)(b->plan->skip * (double)b->runs->steps);
	long room = b->runs->steps - first - b->plan->horizon + 1;

	b->start = first + (long)lc_rng_below(&b->rng, (uint64_t)room);
	for (int i = b->runs->n - 1; i > 0; i--) {
		int k = (int)lc_rng_below(&b->rng, (uint64_t)i + 1), was = b->row[i];
		b->row[i] = b->row[k];
		b->row[k] = was;
	}
}

static void fill(struct bench *b, struct future *f, int row, double lower)
{
	const double *x = b->runs->x[b->row[row]] + b->start;

	f->n = f->nonfinite = 0;
	for (long s = 0; s < b->plan->horizon; s++) {
		if (isnan(x[s]))
			continue;
		f->nonfinite |= !isfinite(x[s]);
		f->r[f->n++] = (struct reading){(int)s + 1, NAN, x[s] - lower, NAN, NAN, NAN};
	}
}

/* Standard deviation over all runs of what a future is read by. */
static double run_sd(const struct bench *b)
{
	struct lc_moments all = {0}, one;

	for (int i = 0; i < b->runs->n; i++) {
		one = (struct lc_moments){0};
		for (long s = b->plan->horizon - b->plan->horizon / 2; s < b->plan->horizon; s++)
			if (isfinite(b->runs->x[i][b->start + s]))
				lc_moments_add(&one, b->runs->x[i][b->start + s]);
		if (one.n > 0)
			lc_moments_add(&all, one.mean);
	}
	return sqrt(lc_moments_var(&all));
}

/*
 * Judge the drawn fork, arm 1 lowered. When a leader is to be confirmed it is run again, with the
 * runs not yet used. The arm chosen, from 1; 0 none; -1 an error.
 */
static int choice(struct bench *b, double lower, struct lc_err *err)
{
	int all = rows(b->plan, b->rule), first = all - b->rule->confirm, found;
	const char *leader;
	json_t *rec;

	for (int i = 0; i < first; i++)
		fill(b, &b->ev.f[i], i, i == 1 + b->plan->nulls ? lower : 0);
	b->ev.n = first;
	rec = judge(&b->ev, b->rule, err);
	leader = lc_json_get_str(json_object_get(rec, "confirm"), "of", NULL);
	if (rec && leader) {
		for (int i = first; i < all; i++) {
			fill(b, &b->ev.f[i], i, strcmp(leader, "a1") == 0 ? lower : 0);
			json_object_set_new(b->ev.f[i].rec, "of", json_string(leader));
		}
		json_decref(rec);
		b->ev.n = all;
		rec = judge(&b->ev, b->rule, err);
	}
	if (!rec)
		return -1;
	found = decision_status(rec) == LC_OK ? atoi(lc_json_get_str(rec, "choice", "a0") + 1) : 0;
	json_decref(rec);
	b->ev.n = all;
	return found;
}

/* Does any arm's paired 95 % interval over all steps, as if these were independent, exclude 0? */
static int naive(const struct bench *b)
{
	const double *c = b->runs->x[b->row[0]] + b->start;

	for (int a = 1 + b->plan->nulls; a <= b->plan->nulls + b->plan->arms; a++) {
		const double *x = b->runs->x[b->row[a]] + b->start;
		struct lc_moments d = {0};
		for (long s = 0; s < b->plan->horizon; s++)
			if (isfinite(c[s] - x[s]))
				lc_moments_add(&d, c[s] - x[s]);
		if (d.n > 1 && d.mean > 1.96 * sqrt(lc_moments_var(&d) / d.n))
			return 1;
	}
	return 0;
}

static int check(const struct aa_runs *runs, const struct aa_plan *p, const struct rule *rule,
		 struct lc_err *err)
{
	if (rule->confirm > p->nulls)
		return lc_fail(err, LC_USAGE, "aa: --confirm %d wants as many nulls",
			       rule->confirm);
	if (runs->n < rows(p, rule))
		return lc_fail(err, LC_USAGE,
			       "aa: %d arms, %d nulls, a control and %d runs to confirm want %d "
			       "equal runs; there are %d",
			       p->arms, p->nulls, rule->confirm, rows(p, rule), runs->n);
	if (runs->steps - (long)(p->skip * (double)runs->steps) < p->horizon)
		return lc_fail(err, LC_DATA,
			       "aa: the runs have %ld steps, too few for windows of %ld",
			       runs->steps, p->horizon);
	return 0;
}

int aa_trials(const struct aa_runs *runs, const struct aa_plan *plan, const struct rule *rule,
	      struct aa_count *count, struct lc_err *err)
{
	struct bench b = {.runs = runs, .plan = plan, .rule = rule, .rng = {.seed = plan->seed}};
	int found = 0;

	memset(count, 0, sizeof(*count));
	if (check(runs, plan, rule, err) < 0)
		return -1;
	set_up(&b);
	for (int i = 0; i < plan->trials && found >= 0; i++) {
		draw(&b);
		found = choice(&b, 0, err);
		count->won += found > 0;
		count->naive += naive(&b);
		if (!(plan->gain > 0) || found < 0)
			continue;
		found = choice(&b, plan->gain * run_sd(&b), err);
		count->found += found == 1;
		count->wrong += found > 1;
	}
	tear_down(&b);
	return found < 0 ? -1 : 0;
}

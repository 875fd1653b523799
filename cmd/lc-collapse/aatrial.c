/* aatrial: see aa.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "aa.h"
#include "io.h"
#include "json.h"
#include "record.h"
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

static double value_of(const struct lc_step *st, enum metric m)
{
	return st->v[m == VAL ? LC_VAL_LOSS : m == TEST ? LC_TEST_LOSS : LC_LOSS];
}

/* x[step - from], as far as it goes; a later line of a step wins. */
struct series {
	double *x;
	long n, cap;
};

static void put(struct series *s, long at, double x)
{
	if (at < 0 || at > 100000000 || isnan(x))
		return;
	if (at >= s->cap) {
		s->cap = 2 * at + 1024;
		s->x = lc_xrealloc(s->x, (size_t)s->cap, sizeof(double));
	}
	for (; s->n <= at; s->n++)
		s->x[s->n] = NAN;
	s->x[at] = x;
}

static int read_run(const char *path, enum metric m, struct series *s, struct lc_err *err)
{
	struct lc_lines in;
	struct lc_step st;
	char *line;
	size_t len;
	int more;

	memset(s, 0, sizeof(*s));
	if (lc_lines_open(&in, path, 0, err) < 0)
		return -1;
	while ((more = lc_lines_next(&in, &line, &len, err)) > 0)
		if (lc_step_parse(line, len, NULL, &st, NULL) == 1)
			put(s, st.step, value_of(&st, m));
	lc_lines_close(&in);
	if (more == 0 && s->n == 0)
		more = lc_fail(err, LC_DATA, "%s: no steps with that metric", path);
	if (more < 0)
		free(s->x);
	return more;
}

/* The control and the nulls of one fork's records. */
static int read_fork(struct aa_runs *runs, const char *path, enum metric m, struct lc_err *err)
{
	struct evidence ev;
	struct series s;

	if (evidence_read(&ev, path, err) < 0)
		return -1;
	runs->x = lc_xalloc((size_t)ev.n, sizeof(*runs->x));
	for (int i = 0; i < ev.n; i++) {
		const struct future *f = &ev.f[i];
		if (f->parent || (strcmp(f->role, "null") != 0 && strcmp(f->role, "control") != 0))
			continue;
		memset(&s, 0, sizeof(s));
		for (int k = 0; k < f->n; k++)
			put(&s, f->r[k].step - f->from_step - 1,
			    m == VAL	? f->r[k].val_loss
			    : m == TEST ? f->r[k].test_loss
					: f->r[k].loss);
		if (s.n == 0)
			continue;
		runs->steps = runs->n == 0 || s.n < runs->steps ? s.n : runs->steps;
		runs->x[runs->n++] = s.x;
	}
	evidence_release(&ev);
	if (runs->n == 0)
		return lc_fail(err, LC_DATA,
			       "%s: one file is a fork's, but it holds no control or null branch "
			       "that was read",
			       path);
	return 0;
}

int aa_read(struct aa_runs *runs, char *const *files, int n, const struct aa_plan *plan,
	    struct lc_err *err)
{
	struct series s;

	memset(runs, 0, sizeof(*runs));
	if (n == 1) {
		if (read_fork(runs, files[0], plan->metric, err) == 0)
			return 0;
		aa_release(runs);
		return -1;
	}
	runs->x = lc_xalloc((size_t)n, sizeof(*runs->x));
	for (int i = 0; i < n; i++) {
		if (read_run(files[i], plan->metric, &s, err) < 0) {
			aa_release(runs);
			return -1;
		}
		runs->steps = i == 0 || s.n < runs->steps ? s.n : runs->steps;
		runs->x[runs->n++] = s.x;
	}
	return 0;
}

void aa_release(struct aa_runs *runs)
{
	for (int i = 0; i < runs->n; i++)
		free(runs->x[i]);
	free(runs->x);
	memset(runs, 0, sizeof(*runs));
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
		f->r[f->n++] = (struct reading){(int)s + 1, NAN, x[s] - lower, NAN, NAN};
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

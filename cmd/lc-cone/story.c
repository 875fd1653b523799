/* story: what happened in sentences, and which futures are worth a row. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "action.h"
#include "cone.h"
#include "io.h"
#include "json.h"

#define ALERTS_TOLD 6

struct lines {
	char **s;
	size_t n;
};

static void add(struct lines *l, char *text)
{
	l->s = lc_xrealloc(l->s, l->n + 2, sizeof(*l->s));
	l->s[l->n++] = text;
	l->s[l->n] = NULL;
}

char *branch_words(const struct branch *b)
{
	const json_t *actions = json_object_get(b->rec, "actions");
	char *words = lc_actions_text(actions);
	size_t arm = branch_arm(b);

	if (arm) {
		free(words);
		return lc_path("%s of %.*s", b->id + arm + 1, (int)arm, b->id);
	}
	return words;
}

double branch_verdict(const struct fork *f, const struct branch *b, const char *key)
{
	json_t *arm;
	size_t i;

	json_array_foreach(json_object_get(f->decision, "arms"), i, arm)
		if (strcmp(lc_json_get_str(arm, "branch", ""), b->id) == 0)
			return lc_json_get_num(arm, key, NAN);
	return NAN;
}

struct rank {
	const struct branch *b;
	double gain; /* NaN last */
	size_t at;
};

static int by_gain(const void *a, const void *b)
{
	const struct rank *x = a, *y = b;

	if (x->b->chosen != y->b->chosen)
		return y->b->chosen - x->b->chosen;
	if (isnan(x->gain) != isnan(y->gain))
		return isnan(x->gain) - isnan(y->gain);
	if (x->gain > y->gain || x->gain < y->gain)
		return x->gain > y->gain ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

const struct branch **fork_ranked(const struct fork *f, size_t *n)
{
	struct rank *r = lc_xalloc(f->n + 1, sizeof(*r));
	const struct branch **out = lc_xalloc(f->n + 1, sizeof(*out));

	*n = 0;
	for (size_t i = 0; i < f->n; i++)
		if (!branch_arm(&f->b[i]))
			r[(*n)++] = (struct rank){&f->b[i], branch_verdict(f, &f->b[i], "gain"), i};
	qsort(r, *n, sizeof(*r), by_gain);
	for (size_t i = 0; i < *n; i++)
		out[i] = r[i].b;
	free(r);
	return out;
}

/* The last finite value of a curve, or NaN. */
static double last_of(const struct series *s)
{
	for (size_t i = s->n; i-- > 0;)
		if (isfinite(s->y[i]))
			return s->y[i];
	return NAN;
}

static double first_of(const struct series *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (isfinite(s->y[i]))
			return s->y[i];
	return NAN;
}

static void tell_run(struct lines *l, const struct cone *c)
{
	const struct series *s = c->c[LOSS].n ? &c->c[LOSS] : &c->c[VAL];
	double first, last;

	if (s->n == 0) {
		add(l, lc_path("No steps of the run itself are among these records."));
		return;
	}
	first = first_of(s);
	last = last_of(s);
	if (!isfinite(first))
		add(l, lc_path("%s ran from step %.0f to %.0f; no loss of it is a number.",
			       c->run ? c->run : "The run", s->x[0], s->x[s->n - 1]));
	else
		add(l, lc_path("%s ran from step %.0f to %.0f; the loss went from %.4g to %.4g%s.",
			       c->run ? c->run : "The run", s->x[0], s->x[s->n - 1], first, last,
			       isfinite(s->y[s->n - 1]) ? "" : ", and is no number at the end"));
	if (c->c[VAL].n)
		add(l, lc_path("The held-out loss is %.4g at step %.0f.", last_of(&c->c[VAL]),
			       c->c[VAL].x[c->c[VAL].n - 1]));
}

static int is_type(const json_t *rec, const char *type)
{
	return strcmp(lc_json_get_str(rec, "type", ""), type) == 0;
}

static const char *kind_words(const char *kind)
{
	static const char *const words[][2] = {
		{"spike", "a spike"},
		{"drift", "a slow drift"},
		{"nonfinite", "a value that is no number"},
		{"plateau", "a plateau"},
		{"outlier", "an outlier"},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strcmp(words[i][0], kind) == 0)
			return words[i][1];
	return kind;
}

static void tell_alert(struct lines *l, const json_t *a)
{
	long step = lc_json_get_int(a, "step", 0), rewind = lc_json_get_int(a, "rewind", -1);
	const char *first = lc_json_get_str(a, "first", NULL);
	char *back =
		rewind >= 0 ? lc_path(" Step %ld is surely before it.", rewind) : lc_path("%s", "");

	add(l, lc_path("Step %ld: %s that began at step %ld (index %.3g, limit %.3g)%s%s.%s", step,
		       kind_words(lc_json_get_str(a, "kind", "an alert")),
		       lc_json_get_int(a, "onset", step), lc_json_get_num(a, "index", NAN),
		       lc_json_get_num(a, "threshold", NAN), first ? ", first seen in " : "",
		       first ? first : "", back));
	free(back);
}

static void tell_alerts(struct lines *l, const struct cone *c)
{
	size_t n = 0, outliers = 0, i;
	json_t *a;

	json_array_foreach(c->alerts, i, a) {
		outliers += is_type(a, "outlier");
		if (!is_type(a, "alert"))
			continue;
		if (n++ < ALERTS_TOLD)
			tell_alert(l, a);
	}
	if (n > ALERTS_TOLD)
		add(l, lc_path("%zu more alerts follow.", n - ALERTS_TOLD));
	if (n == 0)
		add(l, lc_path("No alert is among these records."));
	if (outliers)
		add(l,
		    lc_path("%zu single steps stood out and came back by themselves: mostly data.",
			    outliers));
}

static size_t count(const struct fork *f, const char *status)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++)
		n += f->b[i].status && strcmp(f->b[i].status, status) == 0;
	return n;
}

static void tell_tried(struct lines *l, const struct fork *f)
{
	size_t arms = 0, nulls = 0;

	for (size_t i = 0; i < f->n; i++) {
		const char *role = f->b[i].role ? f->b[i].role : "";
		if (branch_arm(&f->b[i]))
			continue;
		nulls += strcmp(role, "null") == 0;
		arms += strcmp(role, "arm") == 0 || strcmp(role, "clean") == 0;
	}
	add(l,
	    lc_path("Fork %s: %zu remedies were tried beside doing nothing, and %zu branches with "
		    "other data to know the noise; %zu done, %zu stopped, %zu failed, %zu void.",
		    f->id, arms, nulls, count(f, "done"), count(f, "killed"), count(f, "failed"),
		    count(f, "void")));
}

static void tell_decision(struct lines *l, const struct fork *f)
{
	const json_t *d = f->decision, *ci = json_object_get(d, "ci"), *from;
	char *words;
	double lo, hi;

	if (!d) {
		add(l, lc_path("Nothing has been decided yet."));
		return;
	}
	add(l, lc_path("Verdict: %s; %s.", lc_json_get_str(d, "verdict", "?"),
		       lc_json_get_str(d, "why", "")));
	if (strcmp(lc_json_get_str(d, "verdict", ""), "better") != 0) {
		add(l,
		    lc_path("The run goes on as it was; a gain of %.3g would have been seen four "
			    "times of five.",
			    lc_json_get_num(d, "detectable", NAN)));
		return;
	}
	words = lc_actions_text(json_object_get(d, "actions"));
	from = json_object_get(d, "from");
	if (lc_json_to_num(json_array_get(ci, 0), &lo) < 0 ||
	    lc_json_to_num(json_array_get(ci, 1), &hi) < 0)
		lo = hi = NAN;
	add(l, lc_path("Chosen: %s, %s, from step %ld: a gain of %.4g (%.4g to %.4g) on %s.",
		       lc_json_get_str(d, "choice", "?"), words, lc_json_get_int(from, "step", 0),
		       lc_json_get_num(d, "gain", NAN), lo, hi,
		       lc_json_get_str(d, "reported_on", "the loss")));
	free(words);
}

char **cone_story(const struct cone *c)
{
	struct lines l = {0};

	tell_run(&l, c);
	tell_alerts(&l, c);
	for (size_t i = 0; i < c->nf; i++) {
		tell_tried(&l, &c->f[i]);
		tell_decision(&l, &c->f[i]);
	}
	if (c->bad)
		add(&l, lc_path("%lu lines could not be read and were passed over; the first: %s.",
				c->bad, c->why.text));
	return l.s;
}

char **cone_commands(const struct cone *c)
{
	struct lines l = {0};
	json_t *alert = NULL, *a;
	size_t i;

	json_array_foreach(c->alerts, i, a)
		if (is_type(a, "alert"))
			alert = a;
	if (alert)
		add(&l, lc_path("lc-snap restore --before %ld DIR    # the newest state before it",
				lc_json_get_int(alert, "rewind", 0)));
	for (size_t k = 0; k < c->nf; k++)
		if (c->f[k].decision) {
			add(&l, lc_path("lc-collapse explain DECISION    # fork %s in words",
					c->f[k].id));
			add(&l, lc_path("lc-collapse verify DECISION     # does it follow from the "
					"evidence?"));
			break;
		}
	if (json_array_size(c->snapshots))
		add(&l, lc_path("lc-snap list                        # the states that are kept"));
	if (c->c[INDEX].n == 0)
		add(&l,
		    lc_path("lc-detect -a run.jsonl | lc-cone -o run.html run.jsonl -    # with "
			    "the index of every step"));
	return l.s;
}

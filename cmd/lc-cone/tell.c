/* tell: see tell.h. */
#include "tell.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "explain.h"
#include "io.h"
#include "json.h"

#define TITLE 40 /* letters at most; what is longer is no title */

struct list {
	struct told *t;
	size_t n;
};

/* Takes text. */
static void add(struct list *l, const char *title, char *text)
{
	l->t = lc_xrealloc(l->t, l->n + 2, sizeof(*l->t));
	l->t[l->n++] = (struct told){lc_path("%s", title), text};
	l->t[l->n] = (struct told){NULL, NULL};
}

void told_release(struct told *t)
{
	for (struct told *at = t; at && at->text; at++) {
		free(at->title);
		free(at->text);
	}
	free(t);
}

/* The lines of lc-collapse explain, "Title: text." each. Frees text. */
static void add_lines(struct list *l, char *text)
{
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *colon = strstr(line, ": ");
		if (!colon || colon - line > TITLE) {
			add(l, "", lc_path("%s", line));
			continue;
		}
		*colon = '\0';
		add(l, line, lc_path("%s", colon + 2));
	}
	free(text);
}

static int is_type(const json_t *rec, const char *type)
{
	return strcmp(lc_json_get_str(rec, "type", ""), type) == 0;
}

const json_t *tell_alert(const struct cone *c, const struct fork *f)
{
	const struct branch *control = f ? fork_control(f) : NULL;
	const json_t *about = control ? json_object_get(control->rec, "about") : NULL,
		     *found = NULL;
	long step = lc_json_get_int(about, "alert", -1);

	for (size_t i = 0; i < json_array_size(c->alerts); i++) {
		const json_t *a = json_array_get(c->alerts, i);
		long at = lc_json_get_int(a, "step", -1);
		if (is_type(a, "alert") && (step < 0 || at == step) &&
		    (!found || at >= lc_json_get_int(found, "step", -1)))
			found = a;
	}
	return found;
}

/* The cause that probes named for an alert; NULL: none did. */
static const json_t *cause_of(const struct cone *c, const json_t *alert)
{
	long onset = lc_json_get_int(alert, "onset", -1), step = lc_json_get_int(alert, "step", -1);
	const json_t *found = NULL;

	for (size_t i = 0; i < json_array_size(c->causes); i++) {
		const json_t *cause = json_array_get(c->causes, i);
		long at = lc_json_get_int(cause, "step", -1);
		if (at < 0 || (at >= onset && at <= step))
			found = cause;
	}
	return found;
}

static double edge(const struct series *s, int last)
{
	for (size_t i = 0; i < s->n; i++) {
		double y = s->y[last ? s->n - 1 - i : i];
		if (isfinite(y))
			return y;
	}
	return NAN;
}

static size_t alerts_of(const struct cone *c, const char *type)
{
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(c->alerts); i++)
		n += is_type(json_array_get(c->alerts, i), type);
	return n;
}

static void tell_run(struct list *l, const struct cone *c)
{
	const struct series *s = c->c[LOSS].n ? &c->c[LOSS] : &c->c[VAL], *val = &c->c[VAL];
	const struct series *reward = &c->c[REWARD];
	char *text = NULL;
	size_t len;
	FILE *f;

	if (s->n == 0 && reward->n == 0) {
		add(l, "The run", lc_path("no steps of its own are among these records."));
		return;
	}
	f = open_memstream(&text, &len);
	s = s->n ? s : reward;
	fprintf(f, "steps %.0f to %.0f; ", s->x[0], s->x[s->n - 1]);
	if (s != reward && isnan(edge(s, 0)))
		fputs("no loss of it is a number", f);
	else if (s != reward)
		fprintf(f, "the loss went from %.4g to %.4g%s", edge(s, 0), edge(s, 1),
			isfinite(series_last(s)) ? "" : ", and is no number at the end");
	if (val->n && s != val)
		fprintf(f, ", held out it is %.4g at step %.0f", edge(val, 1), val->x[val->n - 1]);
	if (reward->n)
		fprintf(f, "%sthe reward from %.4g to %.4g", s == reward ? "" : ", ",
			edge(reward, 0), edge(reward, 1));
	fputs(".", f);
	if (c->bad)
		fprintf(f, " %lu lines could not be read and were passed over; the first: %s.",
			c->bad, c->why.text);
	fclose(f);
	add(l, "The run", text);
}

/* When a step was, by the states kept around it: "between 06:29:31Z and 06:29:33Z". */
static void tell_clock(FILE *f, const struct cone *c, double step)
{
	const char *from = NULL, *to = NULL;
	double before = -1, after = INFINITY;

	for (size_t i = 0; i < json_array_size(c->snapshots); i++) {
		const json_t *s = json_array_get(c->snapshots, i);
		const char *time = lc_json_get_str(s, "time", NULL);
		double at = lc_json_get_num(s, "step", NAN);
		if (time && at < step && at > before) {
			before = at;
			from = time;
		} else if (time && at >= step && at < after) {
			after = at;
			to = time;
		}
	}
	if (from && to && strcmp(from, to) == 0)
		fprintf(f, "; by the states kept around it at %s", from);
	else if (from && to)
		fprintf(f, "; by the states kept around it between %s and %s", from, to);
	else if (from)
		fprintf(f, "; after %s, when the last state before it was kept", from);
}

static void tell_when(struct list *l, const struct cone *c, const json_t *a)
{
	size_t n = alerts_of(c, "alert"), len;
	double step = lc_json_get_num(a, "step", NAN);
	const struct series *s = c->c[LOSS].n ? &c->c[LOSS] : &c->c[VAL];
	char *text = NULL;
	FILE *f = open_memstream(&text, &len);

	fprintf(f, "step %.0f, begun at step %ld", step, lc_json_get_int(a, "onset", (long)step));
	if (s->n && s->x[s->n - 1] > step)
		fprintf(f, ", %.0f steps before the last", s->x[s->n - 1] - step);
	tell_clock(f, c, step);
	if (n > 1)
		fprintf(f, ". It is one of %zu alerts", n);
	fputs(".", f);
	fclose(f);
	add(l, "When", text);
}

struct score {
	const char *name;
	double z;
};

static int by_score(const void *a, const void *b)
{
	double x = ((const struct score *)a)->z, y = ((const struct score *)b)->z;

	return x > y ? -1 : x < y;
}

/* Without probes: which channel left its trend first, and how far each is out. */
static void tell_signals(struct list *l, const json_t *a)
{
	struct score s[32];
	json_t *all = json_object_get(a, "signals"), *v;
	const char *name, *first = lc_json_get_str(a, "first", NULL);
	size_t n = 0, len;
	char *text = NULL;
	FILE *f = open_memstream(&text, &len);

	json_object_foreach(all, name, v)
		if (n < 32 && lc_json_to_num(v, &s[n].z) == 0 && s[n].z > 1)
			s[n++].name = name;
	qsort(s, n, sizeof(*s), by_score);
	fputs("no probes were run that could name it", f);
	if (first)
		fprintf(f, "; %s moved first", first);
	for (size_t i = 0; i < n && i < 3; i++)
		fprintf(f, "%s%s by %.3g", i ? ", " : "; out of their trends are ", s[i].name,
			s[i].z);
	fputs(n ? " (in the trend's own noise)." : ".", f);
	fclose(f);
	add(l, "Cause", text);
}

static void tell_broken(struct list *l, const struct cone *c, const json_t *a)
{
	size_t outliers = alerts_of(c, "outlier"), len;
	const json_t *cause = a ? cause_of(c, a) : NULL;
	char *text = NULL;
	FILE *f;

	if (!a && outliers)
		add(l, "What broke",
		    lc_path("nothing: there is no alert. %zu single %s stood out and came back at "
			    "once, which is mostly data.",
			    outliers, outliers == 1 ? "step" : "steps"));
	else if (!a)
		add(l, "What broke", lc_path("nothing: there is no alert."));
	if (!a)
		return;
	f = open_memstream(&text, &len);
	lc_explain_occasion(f, a, cause);
	fclose(f);
	add_lines(l, text);
	if (!cause)
		tell_signals(l, a);
	tell_when(l, c, a);
}

static size_t count(const struct fork *f, const char *status)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++)
		n += strcmp(branch_status(&f->b[i]), status) == 0;
	return n;
}

static void tell_counts(FILE *out, const struct fork *f)
{
	static const char *const status[][2] = {{"running", "running"}, {"waiting", "waiting"},
						{"done", "done"},	{"killed", "stopped"},
						{"failed", "failed"},	{"void", "void"}};
	const char *comma = "; ";

	for (size_t k = 0; k < sizeof(status) / sizeof(*status); k++) {
		size_t n = count(f, status[k][0]);
		if (!n)
			continue;
		fprintf(out, "%s%zu %s", comma, n, status[k][1]);
		comma = ", ";
	}
}

static int is_role(const struct branch *b, const char *role)
{
	return b->role && strcmp(b->role, role) == 0;
}

static void tell_tried(struct list *l, const struct fork *f, int other)
{
	size_t forecasts = 0, arms = 0, nulls = 0, ran, len;
	char *text = NULL;
	FILE *out = open_memstream(&text, &len);

	for (size_t i = 0; i < f->n; i++) {
		const struct branch *b = &f->b[i];
		ran = b->loss.n || b->val.n;
		forecasts += b->forecast != NULL;
		if (branch_arm(b))
			continue;
		nulls += ran && is_role(b, "null");
		arms += ran && (is_role(b, "arm") || is_role(b, "clean"));
	}
	if (other)
		fputs("for this one nothing yet. Earlier, ", out);
	fprintf(out, "fork %s: ", f->id);
	if (forecasts)
		fprintf(out, "%zu %s forecast, ", forecasts,
			forecasts == 1 ? "future was" : "futures were");
	fprintf(out, "%zu %s run beside doing nothing, and ", arms,
		arms == 1 ? "remedy was" : "remedies were");
	if (nulls)
		fprintf(out, "%zu", nulls);
	else
		fputs("none", out);
	fputs(" with other data to know the noise", out);
	tell_counts(out, f);
	fputs(".", out);
	fclose(out);
	add(l, "What was tried", text);
}

static void tell_chosen(struct list *l, const struct fork *f)
{
	const json_t *d = f->decision;
	char *text = NULL;
	size_t len;
	FILE *out;

	if (!d) {
		add(l, "Choice", lc_path("none yet."));
		return;
	}
	add(l, "Verdict",
	    lc_path("%s: %s.", lc_json_get_str(d, "verdict", "?"), lc_json_get_str(d, "why", "")));
	out = open_memstream(&text, &len);
	lc_explain_choice(out, d);
	fclose(out);
	add_lines(l, text);
	if (!lc_explain_is_better(d) && isfinite(lc_json_get_num(d, "detectable", NAN)))
		add(l, "",
		    lc_path("The run goes on as it was; a gain of %.3g would have been seen "
			    "four times of five.",
			    lc_json_get_num(d, "detectable", NAN)));
}

static int of_fork(const json_t *rec, const struct fork *f)
{
	return strcmp(lc_json_get_str(rec, "fork", ""), f->id) == 0;
}

/* What became of the choice: put into effect, taken back, looked at again. */
static void tell_since(struct list *l, const struct cone *c, const struct fork *f)
{
	const json_t *last = NULL, *review = NULL, *after;

	for (size_t i = 0; i < json_array_size(c->events); i++) {
		const json_t *e = json_array_get(c->events, i);
		if ((is_type(e, "applied") || is_type(e, "undone")) && of_fork(e, f))
			last = e;
		if (is_type(e, "review") && of_fork(e, f))
			review = e;
	}
	if (last && is_type(last, "undone"))
		add(l, "Since",
		    lc_path("it was taken back%s%s.",
			    lc_json_get_str(last, "time", NULL) ? " at " : "",
			    lc_json_get_str(last, "time", "")));
	else if (review) {
		after = json_object_get(review, "after");
		add(l, "Since",
		    lc_path("looked at again %ld steps later, it %s: a gain of %.4g seen, %ld "
			    "alerts since.",
			    lc_json_get_int(after, "steps", 0),
			    strcmp(lc_json_get_str(review, "held", ""), "yes") == 0 ? "held"
			    : strcmp(lc_json_get_str(review, "held", ""), "no") == 0
				    ? "did not hold"
				    : "is not known to have held",
			    lc_json_get_num(after, "gain", NAN),
			    lc_json_get_int(after, "alerts", 0)));
	} else if (last)
		add(l, "Since",
		    lc_path("it was put into effect%s%s.",
			    lc_json_get_str(last, "time", NULL) ? " at " : "",
			    lc_json_get_str(last, "time", "")));
}

struct told *tell_first(const struct cone *c)
{
	const struct fork *f = c->nf ? &c->f[c->nf - 1] : NULL;
	const json_t *newest = tell_alert(c, NULL), *about = tell_alert(c, f);
	struct list l = {0};

	tell_run(&l, c);
	tell_broken(&l, c, newest);
	if (!f) {
		if (newest)
			add(&l, "What was tried", lc_path("no futures are among these records."));
		return l.t;
	}
	tell_tried(&l, f, newest && about && newest != about);
	tell_chosen(&l, f);
	tell_since(&l, c, f);
	return l.t;
}

struct told *tell_decision(const struct fork *f)
{
	struct list l = {0};
	char *text = NULL;
	size_t len;
	FILE *out;

	if (!f->decision)
		return NULL;
	tell_tried(&l, f, 0);
	out = open_memstream(&text, &len);
	fprintf(out, "Verdict: %s: %s.\n", lc_json_get_str(f->decision, "verdict", "?"),
		lc_json_get_str(f->decision, "why", ""));
	lc_explain_choice(out, f->decision);
	lc_explain_margin(out, f->decision);
	lc_explain_cost(out, f->decision);
	lc_explain_fates(out, f->decision);
	fclose(out);
	add_lines(&l, text);
	return l.t;
}

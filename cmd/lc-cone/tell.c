/* tell: see tell.h. */
#include "tell.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "detect.h"
#include "explain.h"
#include "io.h"
#include "json.h"

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

static size_t alerts_of(const struct cone *c, const char *type)
{
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(c->alerts); i++)
		n += is_type(json_array_get(c->alerts, i), type);
	return n;
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

static void tell_when(struct tellings *l, const struct cone *c, const json_t *a)
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
	tell_add(l, "When", text);
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
static void tell_signals(struct tellings *l, const json_t *a)
{
	struct score s[32];
	json_t *all = json_object_get(a, "signals"), *v;
	const char *name, *first = lc_json_get_str(a, "first", NULL);
	size_t n = 0, len;
	char *text = NULL;
	FILE *f = open_memstream(&text, &len);

	json_object_foreach(all, name, v)
		if (n < 32 && lc_json_to_num(v, &s[n].z) == 0 && s[n].z > 1 && isfinite(s[n].z))
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
	tell_add(l, "Cause", text);
}

/* That nothing was found says something only where something could have been. */
static void tell_unbroken(struct tellings *l, const struct cone *c)
{
	size_t outliers = alerts_of(c, "outlier");
	const struct series *index = &c->c[INDEX];

	if (index->n == 0)
		tell_add(l, "What broke",
			 lc_path("not known: there is no alert, but no step could be judged "
				 "either; lc-detect needs more than %d values of a metric.",
				 lc_detect_defaults.min_steps));
	else if (outliers)
		tell_add(l, "What broke",
			 lc_path("nothing: there is no alert. %zu single %s stood out and came "
				 "back at once, which is mostly data.",
				 outliers, outliers == 1 ? "step" : "steps"));
	else
		tell_add(l, "What broke", lc_path("nothing: there is no alert."));
}

static void tell_broken(struct tellings *l, const struct cone *c, const json_t *a)
{
	const json_t *cause = a ? cause_of(c, a) : NULL;
	char *text = NULL;
	size_t len;
	FILE *f;

	if (!a) {
		tell_unbroken(l, c);
		return;
	}
	f = open_memstream(&text, &len);
	lc_explain_occasion(f, a, cause);
	fclose(f);
	tell_lines(l, text);
	if (!cause)
		tell_signals(l, a);
	tell_when(l, c, a);
	tell_now(l, c, a);
}

struct told *tell_first(const struct cone *c)
{
	const struct fork *f = c->nf ? &c->f[c->nf - 1] : NULL;
	const json_t *newest = tell_alert(c, NULL), *about = tell_alert(c, f);
	struct tellings l = {0};

	tell_run(&l, c);
	if (c->bad)
		tell_add(&l, "Not read",
			 lc_path("%lu lines, malformed or broken off; the first: %s.", c->bad,
				 c->why.text));
	tell_broken(&l, c, newest);
	if (!f) {
		if (newest)
			tell_add(&l, "What was tried",
				 lc_path("no futures are among these records."));
		return l.t;
	}
	tell_tried(&l, f, newest && about && newest != about);
	tell_chosen(&l, f);
	tell_since(&l, c, f);
	return l.t;
}

/*
 * memory: what the store remembers of its runs' instabilities: read, or one more added. It is a
 * prior for the next proposals (lc-fork plan).
 */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "action.h"
#include "collapse.h"
#include "incident.h"
#include "io.h"
#include "json.h"
#include "relapse.h"

static const char *store, *alert_path, *run = "run";
static int add, as_json;

static const char usage[] =
	"usage: lc-collapse memory [-j] [-s STORE]\n"
	"       lc-collapse memory --add [-s STORE] [--run NAME] [-a ALERT] DECISION EVIDENCE...\n"
	"Tell what the store remembers of instabilities, what was tried, and what came of it;\n"
	"or remember one more. EVIDENCE is what lc-collapse race read.\n"
	"  -s, --store DIR   lc-snap's store ($LC_STORE, else lc-store)\n"
	"  -a, --alert FILE  the alert that it began with\n"
	"  --run NAME        of the run (run)\n"
	"  --add             remember one more\n"
	"  -j                incident records\n";

static int options(int argc, char **argv)
{
	static const struct option longs[] = {
		{"store", 1, 0, 's'}, {"alert", 1, 0, 'a'}, {"run", 1, 0, 'R'}, {"add", 0, 0, 'A'},
		{"json", 0, 0, 'j'},  {"help", 0, 0, 'h'},  {0, 0, 0, 0},
	};
	int c;

	store = getenv("LC_STORE");
	if (!store)
		store = "lc-store";
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":s:a:j", longs, NULL)) != -1) {
		switch (c) {
		case 's': store = optarg; break;
		case 'a': alert_path = optarg; break;
		case 'R': run = optarg; break;
		case 'A': add = 1; break;
		case 'j': as_json = 1; break;
		case 'h': fputs(usage, stdout); exit(lc_finish(0));
		default: lc_usage_option(c, argv);
		}
	}
	if (add && argc - optind < 2)
		lc_usage("memory: --add wants DECISION and EVIDENCE");
	if (!add && argc > optind)
		lc_usage("memory: unexpected %s", argv[optind]);
	return optind;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* What the run looked like before: medians over its last 50 logged steps up to `until`. */
static json_t *state_of(const struct evidence *ev, long until)
{
	double loss[50], lr = NAN;
	json_t *state = json_object();
	long step = -1;
	int n = 0;

	for (int i = ev->run.n - 1; i >= 0 && n < 50; i--) {
		const struct reading *r = &ev->run.r[i];
		if (r->step > until || !isfinite(r->loss))
			continue;
		if (n == 0) {
			step = r->step;
			lr = r->lr;
		}
		loss[n++] = r->loss;
	}
	if (n == 0)
		return state;
	qsort(loss, (size_t)n, sizeof(*loss), by_value);
	json_object_set_new(state, "step", json_integer(step));
	json_object_set_new(state, "loss", lc_json_num(loss[n / 2]));
	json_object_set_new(state, "spread",
			    lc_json_num(n > 3 ? loss[3 * n / 4] - loss[n / 4] : 0));
	if (isfinite(lr)) {
		char text[LC_NUM_LEN];
		json_object_set_new(state, "lr",
				    lc_json_num(strtod(lc_num_f32(text, (float)lr), NULL)));
	}
	return state;
}

/* Each arm, with what it is and how it ended. */
static json_t *arms_of(const json_t *decision, const struct evidence *ev)
{
	const json_t *table = json_object_get(decision, "arms");
	json_t *rows = json_array();

	for (size_t i = 0; i < json_array_size(table); i++) {
		const json_t *arm = json_array_get(table, i);
		const struct future *f = evidence_find(ev, lc_json_get_str(arm, "branch", ""));
		json_t *row = json_object();
		json_object_set(row, "branch", json_object_get(arm, "branch"));
		json_object_set(row, "actions", json_object_get(arm, "actions"));
		json_object_set(row, "gain", json_object_get(arm, "gain"));
		json_object_set(row, "lower", json_object_get(arm, "lower"));
		if (f) {
			json_object_set_new(row, "kind", json_string(f->kind));
			json_object_set_new(row, "step", json_integer(f->from_step));
		}
		json_array_append_new(rows, row);
	}
	return rows;
}

static void copy(json_t *to, const json_t *from, const char *const *keys)
{
	for (; *keys; keys++)
		if (json_object_get(from, *keys))
			json_object_set(to, *keys, json_object_get(from, *keys));
}

static json_t *incident(const json_t *decision, const char *name, const json_t *alert,
			const struct evidence *ev, const struct relapse *r)
{
	static const char *const of_alert[] = {"step",	"kind",	   "index", "onset",
					       "first", "signals", NULL};
	static const char *const of_decision[] = {
		"fork",	       "verdict", "choice", "from",    "actions", "gain", "ci",
		"reported_on", "present", "base",   "control", "noise",	  "cost", NULL};
	json_t *rec = lc_record_new("incident", 1), *told = json_object(), *back = relapse_json(r);
	char text[32];
	time_t now = time(NULL);
	struct tm utc;

	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
	json_object_set_new(rec, "time", json_string(text));
	json_object_set_new(rec, "run", json_string(run));
	json_object_set_new(rec, "decision", json_string(name));
	copy(told, alert, of_alert);
	json_object_set_new(rec, "alert", told);
	json_object_set_new(
		rec, "state",
		state_of(ev, lc_json_get_int(alert, "rewind",
					     lc_json_get_int(json_object_get(decision, "from"),
							     "step", 0))));
	copy(rec, decision, of_decision);
	json_object_set_new(rec, "arms", arms_of(decision, ev));
	if (back)
		json_object_set_new(rec, "relapse", back);
	return rec;
}

/* Is this decision remembered already? */
static int known(const char *name, struct lc_err *err)
{
	json_t *all = lc_memory_read(store, NULL, err);
	int is = all ? 0 : -1;

	for (size_t i = 0; i < json_array_size(all) && !is; i++)
		is = strcmp(lc_json_get_str(json_array_get(all, i), "decision", ""), name) == 0;
	json_decref(all);
	return is;
}

static int remember(char *const *args, int n, struct lc_err *err)
{
	struct evidence ev = {.n = 0};
	struct relapse r = {NAN, -1, NAN};
	const struct future *f;
	json_t *alert = NULL, *rec = NULL, *decision;
	char name[72], *line;
	int ret = -1, is;

	decision = decision_read(args[0], &line, err);
	if (!decision || decision_name(line, name, err) < 0)
		return -1;
	if (alert_path && !(alert = lc_json_load(alert_path, err)))
		goto out;
	if ((is = known(name, err)) != 0) {
		ret = is < 0 ? -1 : 0;
		goto out;
	}
	if (evidence_read_all(&ev, args + 1, n - 1, err) < 0)
		goto out;
	f = evidence_find(&ev, lc_json_get_str(decision, "choice", ""));
	if (f && relapse_of(&r, &ev, f, args + 1, n - 1, err) < 0)
		goto out;
	rec = incident(decision, name, alert, &ev, &r);
	ret = lc_memory_add(store, rec, err);
out:
	evidence_release(&ev);
	json_decref(rec);
	json_decref(alert);
	json_decref(decision);
	free(line);
	return ret;
}

static void show(const json_t *rec)
{
	const json_t *alert = json_object_get(rec, "alert"), *out = json_object_get(rec, "outcome");
	char *text = lc_actions_text(json_object_get(rec, "actions"));

	printf("%s  %-12s step %-8ld %-9s %-9s gain %+.4f  %-7s  %s\n",
	       lc_json_get_str(rec, "time", "-"), lc_json_get_str(rec, "run", "-"),
	       lc_json_get_int(alert, "step",
			       lc_json_get_int(json_object_get(rec, "present"), "step", -1)),
	       lc_json_get_str(alert, "kind", "-"), lc_json_get_str(rec, "verdict", "-"),
	       lc_json_get_num(rec, "gain", NAN), lc_json_get_str(out, "held", "-"), text);
	free(text);
}

int verb_memory(int argc, char **argv)
{
	int at = options(argc, argv);
	struct lc_err err;
	json_t *all;
	long bad;

	if (add) {
		if (remember(argv + at, argc - at, &err) < 0)
			lc_die(&err);
		return lc_finish(0);
	}
	if (access(store, F_OK) < 0) {
		lc_fail_sys(&err, "open %s", store);
		lc_die(&err);
	}
	all = lc_memory_read(store, &bad, &err);
	if (!all)
		lc_die(&err);
	for (size_t i = 0; i < json_array_size(all); i++) {
		if (!as_json)
			show(json_array_get(all, i));
		else if (lc_json_emit(stdout, json_array_get(all, i), &err) < 0)
			lc_die(&err);
	}
	if (json_array_size(all) == 0 && !as_json)
		lc_warn("%s: nothing is remembered", store);
	if (bad)
		lc_warn("%s/memory.jsonl: %ld records are malformed and passed over", store, bad);
	json_decref(all);
	return lc_finish(0);
}

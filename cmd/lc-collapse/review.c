/*
 * review: past decisions against what came after. A gain was measured on a branch and its control;
 * the run then went on as the branch did, or did not. Over the steps that control and run have in
 * common, the same difference is taken again, on what the run itself logged.
 */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "collapse.h"
#include "incident.h"
#include "io.h"
#include "journal.h"
#include "json.h"
#include "option.h"
#include "past.h"

static const char *store, *journal, *run_path;
static long window = 1000;
static int as_json, remember;

static const char usage[] =
	"usage: lc-collapse review [-j] [-w STEPS] [-s STORE --remember] -J JOURNAL -H RUN\n"
	"                          EVIDENCE...\n"
	"Compare the decisions of a journal with what the run did after each: was the gain real?\n"
	"  -J, --journal FILE  decision, applied and alert records\n"
	"  -H, --history FILE  what the run logged, step records\n"
	"  -w, --window N      steps looked at after each decision (1000)\n"
	"  --remember          add an outcome to the store's memory for each that has seen them "
	"all\n"
	"  -s, --store DIR     lc-snap's store ($LC_STORE, else lc-store)\n"
	"  -j                  review records\n"
	"Status: 0 no gain was refuted, 1 one was.\n";

static int options(int argc, char **argv)
{
	static const struct option longs[] = {
		{"store", 1, 0, 's'},	 {"journal", 1, 0, 'J'},
		{"history", 1, 0, 'H'},	 {"window", 1, 0, 'w'},
		{"remember", 0, 0, 'R'}, {"json", 0, 0, 'j'},
		{"help", 0, 0, 'h'},	 {0, 0, 0, 0},
	};
	int c;

	store = getenv("LC_STORE");
	if (!store)
		store = "lc-store";
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":s:J:H:w:j", longs, NULL)) != -1) {
		switch (c) {
		case 's': store = optarg; break;
		case 'J': journal = optarg; break;
		case 'H': run_path = optarg; break;
		case 'w': window = lc_option_whole(optarg, "--window", 1, 1000000000); break;
		case 'R': remember = 1; break;
		case 'j': as_json = 1; break;
		case 'h': fputs(usage, stdout); exit(lc_finish(0));
		default: lc_usage_option(c, argv);
		}
	}
	if (!journal || !run_path || optind == argc)
		lc_usage("review: wants -J JOURNAL, -H RUN and EVIDENCE");
	return optind;
}

struct sum {
	int decisions, told, held, within;
	double promised, seen;
};

static void add_up(struct sum *s, const json_t *rec)
{
	const json_t *after = json_object_get(rec, "after"), *ci = json_object_get(rec, "ci");
	const char *held = lc_json_get_str(rec, "held", "");
	double gain = lc_json_get_num(after, "gain", NAN), lo = NAN, hi = NAN;

	s->decisions++;
	if (strcmp(held, "yes") != 0 && strcmp(held, "no") != 0)
		return;
	s->told++;
	s->held += strcmp(held, "yes") == 0;
	lc_json_to_num(json_array_get(ci, 0), &lo);
	lc_json_to_num(json_array_get(ci, 1), &hi);
	s->within += gain >= lo && gain <= hi;
	s->promised += lc_json_get_num(rec, "gain", 0);
	s->seen += gain;
}

static void show_gain(double x)
{
	if (isnan(x))
		printf(" %9s", "-");
	else
		printf(" %+9.4f", x);
}

static int show(const json_t *rec, struct lc_err *err)
{
	const json_t *after = json_object_get(rec, "after");

	if (as_json)
		return lc_json_emit(stdout, rec, err);
	printf("%-12s %8ld  %-9s %-8s", lc_json_get_str(rec, "fork", "?"),
	       lc_json_get_int(rec, "step", -1), lc_json_get_str(rec, "verdict", "?"),
	       lc_json_get_str(rec, "choice", "?"));
	show_gain(lc_json_get_num(rec, "gain", NAN));
	show_gain(lc_json_get_num(after, "gain", NAN));
	printf(" %6ld %6ld  %s%s%s\n", lc_json_get_int(after, "steps", 0),
	       lc_json_get_int(after, "alerts", 0), lc_json_get_str(rec, "held", "?"),
	       json_object_get(rec, "why") ? ": " : "", lc_json_get_str(rec, "why", ""));
	return 0;
}

static int keep(const json_t *rec, const struct past *p, const struct past_run *run,
		struct lc_err *err)
{
	json_t *out = lc_record_new("outcome", 1);
	const json_t *after = json_object_get(rec, "after");
	char text[32];
	time_t now = time(NULL);
	struct tm utc;
	int ret;

	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
	json_object_set_new(out, "time", json_string(text));
	json_object_set(out, "decision", json_object_get(rec, "decision"));
	json_object_update(out, (json_t *)after);
	json_object_set(out, "held", json_object_get(rec, "held"));
	if (run->f.n > 0 && !p->goal.terms)
		json_object_set_new(out, "loss", lc_json_num(run->f.r[run->f.n - 1].loss));
	ret = lc_memory_add(store, out, err);
	json_decref(out);
	return ret;
}

/* Has this one an outcome of as many steps, or is there more to come? */
static int is_due(const json_t *memory, const json_t *rec, const struct past *p)
{
	long steps = lc_json_get_int(json_object_get(rec, "after"), "steps", 0);

	for (size_t i = 0; i < json_array_size(memory); i++) {
		const json_t *inc = json_array_get(memory, i);
		if (strcmp(lc_json_get_str(inc, "decision", ""), p->name) == 0)
			return (steps >= window || p->over) &&
			       lc_json_get_int(json_object_get(inc, "outcome"), "steps", -1) !=
				       steps;
	}
	return 0;
}

static int review_one(const struct past *p, const struct evidence *ev, const json_t *memory,
		      struct sum *sum, struct lc_err *err)
{
	struct past_run run;
	json_t *rec;
	int ret;

	if (past_run_read(&run, run_path, p, window, err) < 0)
		return -1;
	rec = past_judge(p, &run, ev, window);
	add_up(sum, rec);
	ret = show(rec, err);
	if (ret == 0 && remember && is_due(memory, rec, p))
		ret = keep(rec, p, &run, err);
	json_decref(rec);
	past_run_release(&run);
	return ret;
}

/* Of the evidence files, the one of this fork: 1, 0 when none is. */
static int find_evidence(struct evidence *ev, const struct past *p, char *const *paths, int n,
			 struct lc_err *err)
{
	const char *fork = lc_json_get_str(p->decision, "fork", "");

	for (int i = 0; i < n; i++) {
		const struct future *control;
		if (evidence_follow(ev, paths + i, 1, p->goal.terms ? &p->goal : NULL, NULL, NULL,
				    err) < 0)
			return -1;
		control = evidence_role(ev, "control");
		if (control && strcmp(lc_json_get_str(control->rec, "fork", ""), fork) == 0)
			return 1;
		evidence_release(ev);
	}
	return 0;
}

static int review(char *const *paths, int n, struct sum *sum, struct lc_err *err)
{
	struct past_list list;
	json_t *memory = NULL;
	int ret = past_list_read(&list, journal, err);

	if (ret == 0 && access(run_path, R_OK) < 0)
		ret = lc_fail_sys(err, "open %s", run_path);
	if (ret == 0 && list.orphans)
		lc_warn("%s: %d applied whose decision records it lacks: add these before, to "
			"have them reviewed",
			journal, list.orphans);
	if (ret == 0 && remember && !(memory = lc_memory_read(store, NULL, err)))
		ret = -1;
	if (ret == 0 && !as_json && list.n > 0)
		printf("%-12s %8s  %-9s %-8s %9s %9s %6s %6s  %s\n", "FORK", "STEP", "VERDICT",
		       "CHOICE", "GAIN", "AFTER", "STEPS", "ALERTS", "HELD");
	for (int i = 0; i < list.n && ret >= 0; i++) {
		const struct past *p = &list.p[i];
		struct evidence ev;
		ret = find_evidence(&ev, p, paths, n, err);
		if (ret == 0)
			lc_warn("fork %s: no evidence of it is given",
				lc_json_get_str(p->decision, "fork", "?"));
		if (ret == 1) {
			ret = review_one(p, &ev, memory, sum, err);
			evidence_release(&ev);
		}
	}
	past_list_release(&list);
	json_decref(memory);
	return ret < 0 ? -1 : 0;
}

int verb_review(int argc, char **argv)
{
	int at = options(argc, argv);
	struct sum s = {.decisions = 0};
	struct lc_err err;

	if (review(argv + at, argc - at, &s, &err) < 0)
		lc_die(&err);
	if (!as_json && s.told)
		printf("%d decision%s; of %d gain%s that can be seen again %d held, %d within "
		       "their "
		       "interval; told %+.4f on average, seen %+.4f.\n",
		       s.decisions, s.decisions == 1 ? "" : "s", s.told, s.told == 1 ? "" : "s",
		       s.held, s.within, s.promised / s.told, s.seen / s.told);
	else if (!as_json)
		printf("%d decision%s; no gain that can be seen again.\n", s.decisions,
		       s.decisions == 1 ? "" : "s");
	return lc_finish(s.held < s.told ? LC_NO : LC_OK);
}

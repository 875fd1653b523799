/* explain: a decision record in words, one page for the person who reads it at 3 a.m. */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collapse.h"
#include "explain.h"
#include "journal.h"
#include "json.h"
#include "relapse.h"

static const char usage[] =
	"usage: lc-collapse explain [-a ALERT] DECISION [EVIDENCE...]\n"
	"Tell the last decision record of a file (- is standard input) in words: what broke, what\n"
	"was tried, each arm's gain, why this one, what would have changed the answer. With what\n"
	"lc-collapse race read, also what was tried from where, and how near the choice came to\n"
	"breaking again.\n"
	"  -a, --alert FILE  the alert it began with, and the cause if it is there (else those\n"
	"                    before it in DECISION's file)\n";

/* What a decision was about. */
struct occasion {
	json_t *alert, *cause; /* owned; cause: of this alert, or NULL */
};

/* How many of each role, from which steps to which. */
static void print_tried(const struct evidence *ev)
{
	static const char *const roles[] = {"control", "clean", "null", "jitter", "arm"};
	long lo = -1, hi = -1;
	const char *comma = "";

	if (!ev)
		return;
	printf("What was tried: ");
	for (size_t r = 0; r < sizeof(roles) / sizeof(roles[0]); r++) {
		int n = 0;
		for (int i = 0; i < ev->n; i++) {
			const struct future *f = &ev->f[i];
			if (f->parent || strcmp(f->role, roles[r]) != 0)
				continue;
			n++;
			lo = lo < 0 || f->from_step < lo ? f->from_step : lo;
			hi = f->from_step > hi ? f->from_step : hi;
		}
		if (n)
			printf("%s%d %s%s", comma, n, roles[r], n > 1 ? "s" : "");
		comma = n ? ", " : comma;
	}
	printf(lo == hi ? ", from step %ld.\n" : ", from steps %ld to %ld.\n", lo, hi);
}

static void print_relapse(const struct relapse *r)
{
	if (!isnan(r->index))
		printf("Relapse: the index over the choice's own steps reaches %.2f at step %ld "
		       "(an alert from %.2f on)%s",
		       r->index, r->step, 1., isnan(r->hazard) ? ".\n" : "; ");
	if (!isnan(r->hazard))
		printf("%sits forecast gives it %.1f %% to diverge.\n",
		       isnan(r->index) ? "Relapse: " : "", 100 * r->hazard);
}

static void explain(const json_t *d, const struct occasion *o, const struct evidence *ev,
		    const struct relapse *r)
{
	printf("Fork %s: %s. %s.\n", lc_json_get_str(d, "fork", "?"),
	       lc_json_get_str(d, "verdict", "?"), lc_json_get_str(d, "why", ""));
	lc_explain_occasion(stdout, o->alert, o->cause);
	print_tried(ev);
	lc_explain_choice(stdout, d);
	lc_explain_arms(stdout, d);
	lc_explain_margin(stdout, d);
	print_relapse(r);
	lc_explain_cost(stdout, d);
	lc_explain_fates(stdout, d);
}

static void forget(struct occasion *o)
{
	json_decref(o->alert);
	json_decref(o->cause);
	*o = (struct occasion){NULL, NULL};
}

/* Keeps the last occasion, in o[0], and the last that a later decision followed, in o[1]. */
static int take(void *ctx, json_t *rec, const char *line, struct lc_err *err)
{
	struct occasion *o = ctx;
	const char *type = lc_json_get_str(rec, "type", "");

	(void)line;
	(void)err;
	if (strcmp(type, "decision") == 0) {
		forget(&o[1]);
		o[1] = (struct occasion){json_incref(o[0].alert), json_incref(o[0].cause)};
	} else if (strcmp(type, "alert") == 0) {
		forget(&o[0]);
		o[0].alert = json_incref(rec);
	} else {
		json_decref(o[0].cause);
		o[0].cause = json_incref(rec);
	}
	return 0;
}

/* The occasion that a file, or the decision's own, says it began with; nothing: none does. */
static struct occasion find_occasion(const char *path, const char *decision, struct lc_err *err)
{
	static const char *const types[] = {"alert", "cause", "decision", NULL};
	struct occasion found[2] = {{NULL, NULL}, {NULL, NULL}};

	err->code = LC_OK;
	if (path) {
		if (lc_journal_each(path, types, 1, take, found, err) == 0 && !found[0].alert)
			lc_fail(err, LC_DATA, "%s: no alert record", path);
		forget(&found[1]);
		return found[0];
	}
	if (strcmp(decision, "-") != 0)
		lc_journal_each(decision, types, 1, take, found, err);
	forget(&found[0]);
	return found[1];
}

static const char *options(int argc, char **argv)
{
	static const struct option longs[] = {
		{"alert", 1, 0, 'a'}, {"help", 0, 0, 'h'}, {0, 0, 0, 0}};
	const char *alert = NULL;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":a:", longs, NULL)) != -1) {
		switch (c) {
		case 'a': alert = optarg; break;
		case 'h': fputs(usage, stdout); exit(lc_finish(0));
		default: lc_usage_option(c, argv);
		}
	}
	if (optind == argc)
		lc_usage("explain: wants one decision record");
	return alert;
}

int verb_explain(int argc, char **argv)
{
	const char *alert_path = options(argc, argv);
	struct relapse r = {NAN, -1, NAN};
	struct evidence ev = {.n = 0};
	struct lc_err err;
	struct occasion occasion;
	json_t *decision;
	const struct future *f;
	int n = argc - optind - 1;
	char **paths = argv + optind + 1;

	decision = decision_read(argv[optind], NULL, &err);
	if (!decision)
		lc_die(&err);
	occasion = find_occasion(alert_path, argv[optind], &err);
	if (err.code != LC_OK || (n > 0 && evidence_read_all(&ev, paths, n, &err) < 0))
		lc_die(&err);
	f = n > 0 ? evidence_find(&ev, lc_json_get_str(decision, "choice", "")) : NULL;
	if (f && relapse_of(&r, &ev, f, paths, n, &err) < 0)
		lc_die(&err);
	explain(decision, &occasion, n > 0 ? &ev : NULL, &r);
	evidence_release(&ev);
	forget(&occasion);
	json_decref(decision);
	return lc_finish(0);
}

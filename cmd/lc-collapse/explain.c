/* explain: a decision record in words, one page for the person who reads it at 3 a.m. */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "action.h"
#include "collapse.h"
#include "fates.h"
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

static void print_actions(const json_t *actions)
{
	char *text = lc_actions_text(actions);

	fputs(text, stdout);
	free(text);
}

static void print_alert(const json_t *alert)
{
	const char *first = lc_json_get_str(alert, "first", NULL);

	if (!alert)
		return;
	printf("What broke: a %s at step %ld, index %.2f (an alert from %.2f on), begun at step "
	       "%ld",
	       lc_json_get_str(alert, "kind", "change"), lc_json_get_int(alert, "step", -1),
	       lc_json_get_num(alert, "index", NAN), lc_json_get_num(alert, "threshold", 1),
	       lc_json_get_int(alert, "onset", -1));
	if (first)
		printf(", %s first", first);
	printf("; the step before it that is surely sound: %ld.\n",
	       lc_json_get_int(alert, "rewind", -1));
}

/* What `lc-fork blame` named. */
static void print_cause(const json_t *cause)
{
	if (cause)
		printf("Cause: %s; %s.\n", lc_json_get_str(cause, "cause", "unclear"),
		       lc_json_get_str(cause, "why", ""));
}

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

static void print_gain(double x)
{
	if (isnan(x))
		printf("%9s ", "unknown");
	else
		printf("%+9.4f ", x);
}

static void print_arm(const json_t *arm, const char *choice)
{
	const char *id = lc_json_get_str(arm, "branch", "?");
	double gain = lc_json_get_num(arm, "gain", NAN), lower = lc_json_get_num(arm, "lower", NAN);
	const json_t *law = json_object_get(arm, "law");

	printf("  %c %-6s ", strcmp(id, choice) == 0 ? '*' : ' ', id);
	print_gain(gain);
	print_gain(lower);
	putchar(' ');
	print_actions(json_object_get(arm, "actions"));
	if (json_is_object(law))
		printf("  (by the law: P(better) %.2f)", lc_json_get_num(law, "p_better", NAN));
	else if (json_is_string(law))
		printf("  (the law: %s)", json_string_value(law));
	printf("%s\n", json_is_true(json_object_get(arm, "tied")) ? "  (tied with the best)" : "");
}

static void print_noise(const json_t *d)
{
	const json_t *noise = json_object_get(d, "noise"), *cost = json_object_get(d, "cost");
	long nulls = lc_json_get_int(noise, "nulls", lc_json_get_int(noise, "df", 0) + 1);
	double sd = lc_json_get_num(noise, "return", NAN);

	if (isnan(sd))
		printf("Noise: not known, of %ld null branches.\n", nulls);
	else
		printf("Noise: sd %.4f over %ld null branches; a gain of %.4f would have been seen "
		       "4 times of 5.\n",
		       sd, nulls, lc_json_get_num(d, "detectable", NAN));
	printf("Cost: %ld steps in futures", lc_json_get_int(cost, "branch_steps", 0));
	if (lc_json_get_int(cost, "saved_steps", 0) > 0)
		printf(" (%ld more were spared by stopping losers)",
		       lc_json_get_int(cost, "saved_steps", 0));
	printf(", %ld steps to be run again (charged %.4f).\n",
	       lc_json_get_int(cost, "rewound_steps", 0), lc_json_get_num(cost, "charge", 0));
}

/* The arm that stands highest by its lower bound, but for the choice; NULL: none. */
static const json_t *runner_up(const json_t *arms, const char *choice)
{
	const json_t *best = NULL;
	double top = -INFINITY;

	for (size_t i = 0; i < json_array_size(arms); i++) {
		const json_t *arm = json_array_get(arms, i);
		double lower = lc_json_get_num(arm, "lower", -INFINITY);
		if (strcmp(lc_json_get_str(arm, "branch", ""), choice) != 0 && lower > top) {
			best = arm;
			top = lower;
		}
	}
	return best;
}

/* The bound against the least effect: how far the answer was from the other one. */
static void print_margin(const json_t *d, const json_t *arm)
{
	double gain = lc_json_get_num(arm, "gain", NAN), lower = lc_json_get_num(arm, "lower", NAN);
	double least = lc_json_get_num(d, "min_effect", 0), slack = fabs(lower - least);
	const char *id = lc_json_get_str(arm, "branch", "?");

	if (!isfinite(gain) || !isfinite(lower) || gain <= lower)
		return;
	if (lower > least)
		printf("a gain of %s smaller by %.4f, or noise %.1f times as large", id, slack,
		       (gain - least) / (gain - lower));
	else if (gain > least)
		printf("a gain of %s larger by %.4f, or noise %.2f times as large", id, slack,
		       (gain - least) / (gain - lower));
	else
		printf("no less noise: even the best arm, %s, read %+.4f", id, gain);
}

static void print_otherwise(const json_t *d)
{
	const json_t *arms = json_object_get(d, "arms"), *arm = NULL, *next;
	const char *choice = lc_json_get_str(d, "choice", "");
	int better = decision_status(d) == LC_OK;

	for (size_t i = 0; i < json_array_size(arms) && better; i++)
		if (strcmp(lc_json_get_str(json_array_get(arms, i), "branch", ""), choice) == 0)
			arm = json_array_get(arms, i);
	next = runner_up(arms, choice);
	if (!better)
		arm = next;
	if (!arm || !isfinite(lc_json_get_num(arm, "lower", NAN)))
		return;
	printf("What would have changed the answer: ");
	print_margin(d, arm);
	if (better && next && json_is_true(json_object_get(next, "passes")))
		printf("; without %s it would be %s", choice, lc_json_get_str(next, "branch", "?"));
	printf(".\n");
}

static void print_credit(const json_t *d)
{
	const json_t *credit = json_object_get(d, "credit");

	if (!credit)
		return;
	printf("Credit: of the gain %.4f is the schedule's (sd %.4f): %s against %s, the same "
	       "change %s; %.4f is the remedy's.\n",
	       lc_json_get_num(credit, "schedule", NAN), lc_json_get_num(credit, "sd", NAN),
	       lc_json_get_str(credit, "changed", "?"), lc_json_get_str(credit, "plain", "?"),
	       json_is_true(json_object_get(credit, "clean"))
		       ? "on the clean state, with no incident at all"
		       : "on a state that is not clean (it was not run on that)",
	       lc_json_get_num(credit, "remedy", NAN));
}

static void print_short(const json_t *d)
{
	const json_t *s = json_object_get(d, "short_return");

	if (s)
		printf("What ends was read after %ld steps back on plan; %ld would tell more.\n",
		       lc_json_get_int(s, "steps", 0), lc_json_get_int(s, "wanted", 0));
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

static void print_choice(const json_t *d)
{
	const json_t *ci = json_object_get(d, "ci");
	double lo, hi, gain = lc_json_get_num(d, "gain", NAN);
	double measured = lc_json_get_num(d, "measured_gain", gain);

	printf("Choice: %s, ", lc_json_get_str(d, "choice", ""));
	print_actions(json_object_get(d, "actions"));
	if (lc_json_to_num(json_array_get(ci, 0), &lo) == 0 &&
	    lc_json_to_num(json_array_get(ci, 1), &hi) == 0 && decision_status(d) == LC_OK) {
		printf(": gains %.4f nats of %s, between %.4f and %.4f", gain,
		       lc_json_get_str(d, "reported_on", "loss"), lo, hi);
		if (measured > gain)
			printf(" (as measured, with the luck of what was picked: %.4f)", measured);
	}
	printf(".\n");
}

static void explain(const json_t *d, const struct occasion *o, const struct evidence *ev,
		    const struct relapse *r)
{
	const json_t *arms = json_object_get(d, "arms");
	json_t *arm;
	size_t i;

	printf("Fork %s: %s. %s.\n", lc_json_get_str(d, "fork", "?"),
	       lc_json_get_str(d, "verdict", "?"), lc_json_get_str(d, "why", ""));
	print_alert(o->alert);
	print_cause(o->cause);
	print_tried(ev);
	print_choice(d);
	if (json_array_size(arms) > 0)
		printf("    arm         gain  at least  (after the charge for steps run again)\n");
	json_array_foreach(arms, i, arm)
		print_arm(arm, lc_json_get_str(d, "choice", ""));
	print_credit(d);
	print_short(d);
	print_otherwise(d);
	print_relapse(r);
	print_noise(d);
	fates_print(json_object_get(d, "not_counted"));
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

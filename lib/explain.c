/* explain: see explain.h. */
#include "explain.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "action.h"
#include "json.h"

int lc_explain_is_better(const json_t *d)
{
	return strcmp(lc_json_get_str(d, "verdict", ""), "better") == 0;
}

static void print_actions(FILE *out, const json_t *actions)
{
	char *text = lc_actions_text(actions);

	fputs(text, out);
	free(text);
}

static void print_alert(FILE *out, const json_t *alert)
{
	const char *first = lc_json_get_str(alert, "first", NULL);
	const char *kind = lc_json_get_str(alert, "kind", "change");
	double index = lc_json_get_num(alert, "index", NAN);
	long rewind = lc_json_get_int(alert, "rewind", -1);

	if (!alert)
		return;
	fprintf(out, "What broke: a %s at step %ld",
		strcmp(kind, "nonfinite") == 0 ? "value that is not finite" : kind,
		lc_json_get_int(alert, "step", -1));
	if (isfinite(index))
		fprintf(out, ", index %.2f (an alert from %.2f on)", index,
			lc_json_get_num(alert, "threshold", 1));
	fprintf(out, ", begun at step %ld", lc_json_get_int(alert, "onset", -1));
	if (first)
		fprintf(out, ", %s first", first);
	if (rewind > 0) /* 0: nothing was logged long enough before it, lc-detect(1) */
		fprintf(out, "; the step before it that is surely sound: %ld.\n", rewind);
	else
		fputs("; no step before it is known to be sound.\n", out);
}

/* What `lc-fork blame` named. */
static void print_cause(FILE *out, const json_t *cause)
{
	if (cause)
		fprintf(out, "Cause: %s; %s.\n", lc_json_get_str(cause, "cause", "unclear"),
			lc_json_get_str(cause, "why", ""));
}

static void print_gain(FILE *out, double x)
{
	if (isnan(x))
		fprintf(out, "%9s ", "unknown");
	else
		fprintf(out, "%+9.4f ", x);
}

static void print_arm(FILE *out, const json_t *arm, const char *choice)
{
	const char *id = lc_json_get_str(arm, "branch", "?");
	double gain = lc_json_get_num(arm, "gain", NAN), lower = lc_json_get_num(arm, "lower", NAN);
	const json_t *law = json_object_get(arm, "law");

	fprintf(out, "  %c %-6s ", strcmp(id, choice) == 0 ? '*' : ' ', id);
	print_gain(out, gain);
	print_gain(out, lower);
	putc(' ', out);
	print_actions(out, json_object_get(arm, "actions"));
	if (json_is_true(json_object_get(law, "ended")))
		fputs("  (run to the end of the plan)", out);
	else if (json_is_object(law))
		fprintf(out, "  (by the law: P(better) %.2f)",
			lc_json_get_num(law, "p_better", NAN));
	else if (json_is_string(law))
		fprintf(out, "  (the law: %s)", json_string_value(law));
	fprintf(out, "%s\n",
		json_is_true(json_object_get(arm, "tied")) ? "  (tied with the best)" : "");
}

void lc_explain_cost(FILE *out, const json_t *d)
{
	const json_t *noise = json_object_get(d, "noise"), *cost = json_object_get(d, "cost");
	long nulls = lc_json_get_int(noise, "nulls", lc_json_get_int(noise, "df", 0) + 1);
	double sd = lc_json_get_num(noise, "return", NAN);

	if (isnan(sd))
		fprintf(out, "Noise: not known, of %ld null branches.\n", nulls);
	else
		fprintf(out,
			"Noise: sd %.4f over %ld null branches; a gain of %.4f would have been "
			"seen "
			"4 times of 5.\n",
			sd, nulls, lc_json_get_num(d, "detectable", NAN));
	fprintf(out, "Cost: %ld steps in futures", lc_json_get_int(cost, "branch_steps", 0));
	if (lc_json_get_int(cost, "saved_steps", 0) > 0)
		fprintf(out, " (%ld more were spared by stopping losers)",
			lc_json_get_int(cost, "saved_steps", 0));
	fprintf(out, ", %ld steps to be run again (charged %.4f).\n",
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
static void print_margin(FILE *out, const json_t *d, const json_t *arm)
{
	double gain = lc_json_get_num(arm, "gain", NAN), lower = lc_json_get_num(arm, "lower", NAN);
	double least = lc_json_get_num(d, "min_effect", 0), slack = fabs(lower - least);
	const char *id = lc_json_get_str(arm, "branch", "?");

	if (!isfinite(gain) || !isfinite(lower) || gain <= lower)
		return;
	if (lower > least)
		fprintf(out, "a gain of %s smaller by %.4f, or noise %.1f times as large", id,
			slack, (gain - least) / (gain - lower));
	else if (gain > least)
		fprintf(out, "a gain of %s larger by %.4f, or noise %.2f times as large", id, slack,
			(gain - least) / (gain - lower));
	else
		fprintf(out, "no less noise: even the best arm, %s, read %+.4f", id, gain);
}

static void print_otherwise(FILE *out, const json_t *d)
{
	const json_t *arms = json_object_get(d, "arms"), *arm = NULL, *next;
	const char *choice = lc_json_get_str(d, "choice", "");
	int better = lc_explain_is_better(d);

	for (size_t i = 0; i < json_array_size(arms) && better; i++)
		if (strcmp(lc_json_get_str(json_array_get(arms, i), "branch", ""), choice) == 0)
			arm = json_array_get(arms, i);
	next = runner_up(arms, choice);
	if (!better)
		arm = next;
	if (!arm || !isfinite(lc_json_get_num(arm, "lower", NAN)) ||
	    json_is_true(json_object_get(json_object_get(arm, "law"), "ended")))
		return;
	fprintf(out, "What would have changed the answer: ");
	print_margin(out, d, arm);
	if (better && next && json_is_true(json_object_get(next, "passes")))
		fprintf(out, "; without %s it would be %s", choice,
			lc_json_get_str(next, "branch", "?"));
	fprintf(out, ".\n");
}

static void print_credit(FILE *out, const json_t *d)
{
	const json_t *credit = json_object_get(d, "credit");

	if (!credit)
		return;
	fprintf(out,
		"Credit: of the gain %.4f is the schedule's (sd %.4f): %s against %s, the same "
		"change %s; %.4f is the remedy's.\n",
		lc_json_get_num(credit, "schedule", NAN), lc_json_get_num(credit, "sd", NAN),
		lc_json_get_str(credit, "changed", "?"), lc_json_get_str(credit, "plain", "?"),
		json_is_true(json_object_get(credit, "clean"))
			? "on the clean state, with no incident at all"
			: "on a state that is not clean (it was not run on that)",
		lc_json_get_num(credit, "remedy", NAN));
}

static void print_short(FILE *out, const json_t *d)
{
	const json_t *s = json_object_get(d, "short_return");

	if (s)
		fprintf(out,
			"What ends was read after %ld steps back on plan; %ld would tell more.\n",
			lc_json_get_int(s, "steps", 0), lc_json_get_int(s, "wanted", 0));
}

void lc_explain_choice(FILE *out, const json_t *d)
{
	const json_t *ci = json_object_get(d, "ci");
	double lo, hi, gain = lc_json_get_num(d, "gain", NAN);
	double measured = lc_json_get_num(d, "measured_gain", gain);

	fprintf(out, "Choice: %s, ", lc_json_get_str(d, "choice", ""));
	print_actions(out, json_object_get(d, "actions"));
	if (lc_json_to_num(json_array_get(ci, 0), &lo) == 0 &&
	    lc_json_to_num(json_array_get(ci, 1), &hi) == 0 && lc_explain_is_better(d)) {
		if (isinf(gain))
			fputs(": it stays finite, and doing nothing does not", out);
		else
			fprintf(out, ": gains %.4f %s%s, between %.4f and %.4f", gain,
				json_object_get(d, "objective") ? "by " : "nats of ",
				lc_json_get_str(d, "reported_on", "loss"), lo, hi);
		if (measured > gain)
			fprintf(out, " (as measured, with the luck of what was picked: %.4f)",
				measured);
	}
	fprintf(out, ".\n");
}

/* Is it a segment of a branch that does not count either? */
static int goes_with(const json_t *all, const json_t *one)
{
	const char *id = lc_json_get_str(one, "branch", ""), *dot = strrchr(id, '.');

	for (size_t i = 0; dot && i < json_array_size(all); i++) {
		const char *other = lc_json_get_str(json_array_get(all, i), "branch", "");
		if (strlen(other) == (size_t)(dot - id) && strncmp(other, id, dot - id) == 0)
			return 1;
	}
	return 0;
}

static int same_fate(const json_t *a, const json_t *b)
{
	return strcmp(lc_json_get_str(a, "status", "?"), lc_json_get_str(b, "status", "?")) == 0 &&
	       strcmp(lc_json_get_str(a, "why", ""), lc_json_get_str(b, "why", "")) == 0;
}

/* A branch that does not count takes its segments along unsaid: there may be two for each. */
void lc_explain_fates(FILE *out, const json_t *d)
{
	const json_t *all = json_object_get(d, "not_counted");
	size_t n = json_array_size(all);

	for (size_t i = 0; i < n; i++) {
		const json_t *one = json_array_get(all, i);
		int told = goes_with(all, one);
		for (size_t k = 0; k < i && !told; k++)
			told = same_fate(json_array_get(all, k), one) &&
			       !goes_with(all, json_array_get(all, k));
		if (told)
			continue;
		fprintf(out, "Not counted: %s", lc_json_get_str(one, "branch", "?"));
		for (size_t k = i + 1; k < n; k++)
			if (same_fate(json_array_get(all, k), one) &&
			    !goes_with(all, json_array_get(all, k)))
				fprintf(out, " %s",
					lc_json_get_str(json_array_get(all, k), "branch", "?"));
		fprintf(out, " %s, %s\n", lc_json_get_str(one, "status", "?"),
			lc_json_get_str(one, "why", ""));
	}
}

void lc_explain_occasion(FILE *out, const json_t *alert, const json_t *cause)
{
	print_alert(out, alert);
	print_cause(out, cause);
}

void lc_explain_arms(FILE *out, const json_t *d)
{
	const json_t *arms = json_object_get(d, "arms");
	json_t *arm;
	size_t i;

	if (json_array_size(arms) > 0)
		fputs("    arm         gain  at least  (after the charge for steps run again)\n",
		      out);
	json_array_foreach(arms, i, arm)
		print_arm(out, arm, lc_json_get_str(d, "choice", ""));
}

void lc_explain_margin(FILE *out, const json_t *d)
{
	print_credit(out, d);
	print_short(out, d);
	print_otherwise(out, d);
}

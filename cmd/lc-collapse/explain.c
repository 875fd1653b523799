/* explain: a decision record in words, for the person who reads it at 3 a.m. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "action.h"
#include "collapse.h"
#include "json.h"

static const char usage[] =
	"usage: lc-collapse explain DECISION\n"
	"Tell the last decision record of a file (- is standard input) in words.\n";

static void print_actions(const json_t *actions)
{
	char *text = lc_actions_text(actions);

	fputs(text, stdout);
	free(text);
}

static void print_arm(const json_t *arm, const char *choice)
{
	const char *id = lc_json_get_str(arm, "branch", "?");
	double gain = lc_json_get_num(arm, "gain", NAN), lower = lc_json_get_num(arm, "lower", NAN);

	printf("  %c %-6s %+9.4f %+9.4f  ", strcmp(id, choice) == 0 ? '*' : ' ', id, gain, lower);
	print_actions(json_object_get(arm, "actions"));
	printf("%s\n", json_is_true(json_object_get(arm, "tied")) ? "  (tied with the best)" : "");
}

static void print_noise(const json_t *d)
{
	const json_t *noise = json_object_get(d, "noise"), *cost = json_object_get(d, "cost");

	printf("Noise: sd %.4f over %ld null branches; a gain of %.4f would have been seen 4 times "
	       "of "
	       "5.\n",
	       lc_json_get_num(noise, "return", NAN),
	       lc_json_get_int(noise, "nulls", lc_json_get_int(noise, "df", -1) + 1),
	       lc_json_get_num(d, "detectable", NAN));
	printf("Cost: %ld steps in futures, %ld steps to be run again (charged %.4f).\n",
	       lc_json_get_int(cost, "branch_steps", 0), lc_json_get_int(cost, "rewound_steps", 0),
	       lc_json_get_num(cost, "charge", 0));
}

static void explain(const json_t *d)
{
	const json_t *arms = json_object_get(d, "arms"), *ci = json_object_get(d, "ci");
	const char *choice = lc_json_get_str(d, "choice", "");
	json_t *arm;
	size_t i;
	double lo, hi;

	printf("Fork %s: %s. %s.\n", lc_json_get_str(d, "fork", "?"),
	       lc_json_get_str(d, "verdict", "?"), lc_json_get_str(d, "why", ""));
	printf("Choice: %s, ", choice);
	print_actions(json_object_get(d, "actions"));
	if (lc_json_to_num(json_array_get(ci, 0), &lo) == 0 &&
	    lc_json_to_num(json_array_get(ci, 1), &hi) == 0 && decision_status(d) == LC_OK)
		printf(": gains %.4f nats of %s, between %.4f and %.4f",
		       lc_json_get_num(d, "gain", NAN), lc_json_get_str(d, "reported_on", "loss"),
		       lo, hi);
	printf(".\n");
	if (json_array_size(arms) > 0)
		printf("    arm         gain  at least  (after the charge for steps run again)\n");
	json_array_foreach(arms, i, arm)
		print_arm(arm, choice);
	print_noise(d);
	json_array_foreach(json_object_get(d, "not_counted"), i, arm)
		printf("Not counted: %s %s, %s\n", lc_json_get_str(arm, "branch", "?"),
		       lc_json_get_str(arm, "status", "?"), lc_json_get_str(arm, "why", ""));
}

int verb_explain(int argc, char **argv)
{
	struct lc_err err;
	json_t *decision;

	if (argc > 1 && strcmp(argv[1], "--help") == 0) {
		fputs(usage, stdout);
		return lc_finish(0);
	}
	if (argc != 2 || (argv[1][0] == '-' && argv[1][1]))
		lc_usage("explain: wants one decision record");
	decision = decision_read(argv[1], NULL, &err);
	if (!decision)
		lc_die(&err);
	explain(decision);
	json_decref(decision);
	return lc_finish(0);
}

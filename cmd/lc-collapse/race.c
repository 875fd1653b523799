/* race: the decision over a stream of branch, step and result records; and verify: the same again.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collapse.h"
#include "json.h"
#include "option.h"

static struct rule rule = {.alpha = .05, .min_effect = 0};

static const char race_usage[] =
	"usage: lc-collapse race [-a ALPHA] [-e EFFECT] [FILE]\n"
	"Read branch, step and result records, write the decision record.\n"
	"  -a, --alpha X       error rate, shared out over the arms (.05)\n"
	"  -e, --min-effect X  a gain below this is not worth a change, in nats (0)\n"
	"Status: 0 a better future, 1 none.\n";

static const char verify_usage[] =
	"usage: lc-collapse verify DECISION [EVIDENCE]\n"
	"Derive the decision again from the records that lc-collapse race read.\n"
	"Status: 0 the same bit for bit, 1 not.\n";

int verb_race(int argc, char **argv)
{
	static const struct option longs[] = {
		{"alpha", 1, 0, 'a'},
		{"min-effect", 1, 0, 'e'},
		{"help", 0, 0, 'h'},
		{0, 0, 0, 0},
	};
	struct evidence ev;
	struct lc_err err;
	json_t *rec;
	int c, status;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":a:e:", longs, NULL)) != -1) {
		switch (c) {
		case 'a': rule.alpha = lc_option_number(optarg, "--alpha", 1e-9, .5); break;
		case 'e': rule.min_effect = lc_option_number(optarg, "--min-effect", 0, 1e9); break;
		case 'h': fputs(race_usage, stdout); exit(lc_finish(0));
		default: lc_usage_option(c, argv);
		}
	}
	if (argc - optind > 1)
		lc_usage("race: unexpected %s", argv[optind + 1]);
	if (evidence_read(&ev, optind < argc ? argv[optind] : "-", &err) < 0)
		lc_die(&err);
	rec = judge(&ev, &rule, &err);
	if (!rec || lc_json_emit(stdout, rec, &err) < 0)
		lc_die(&err);
	status = decision_status(rec);
	json_decref(rec);
	evidence_release(&ev);
	return lc_finish(status);
}

int verb_verify(int argc, char **argv)
{
	struct evidence ev;
	struct lc_err err;
	json_t *said, *rec;
	char *a, *b;
	int same;

	if (argc > 1 && strcmp(argv[1], "--help") == 0) {
		fputs(verify_usage, stdout);
		return lc_finish(0);
	}
	if (argc < 2 || argc > 3 || argv[1][0] == '-')
		lc_usage("verify: wants DECISION and EVIDENCE");
	said = lc_json_load(argv[1], &err);
	if (!said || evidence_read(&ev, argc > 2 ? argv[2] : "-", &err) < 0)
		lc_die(&err);
	rule.alpha = lc_json_get_num(said, "alpha", rule.alpha);
	rule.min_effect = lc_json_get_num(said, "min_effect", rule.min_effect);
	rec = judge(&ev, &rule, &err);
	if (!rec)
		lc_die(&err);
	a = lc_json_text(said);
	b = lc_json_text(rec);
	same = strcmp(a, b) == 0;
	if (!same)
		lc_warn("%s: the evidence %s", argv[1],
			strcmp(lc_json_get_str(said, "evidence", ""),
			       lc_json_get_str(rec, "evidence", "")) == 0
				? "gives another decision"
				: "is not the one it was made from");
	free(a);
	free(b);
	json_decref(said);
	json_decref(rec);
	evidence_release(&ev);
	return lc_finish(same ? LC_OK : LC_NO);
}

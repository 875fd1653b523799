/*
 * lc-collapse: screens, races, decides, applies; see lc-collapse(1).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collapse.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *does;
} verbs[] = {
	{"screen", verb_screen, "keep the futures worth running, by their forecasts"},
	{"draft", verb_draft, "which block of real steps is worth running next"},
	{"race", verb_race, "compare the futures that ran: a decision record"},
	{"aa", verb_aa, "how often the choice finds a winner among equal runs"},
	{"verify", verb_verify, "derive a decision again from its evidence"},
	{"explain", verb_explain, "tell a decision in words"},
	{"apply", verb_apply, "put the run into the chosen future, or back"},
	{"review", verb_review, "compare past decisions with what came after"},
	{"memory", verb_memory, "what the store remembers of its runs' instabilities"},
};

static void help(FILE *f)
{
	fputs("usage: lc-collapse VERB [OPTION ...]\n", f);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		fprintf(f, "  %-7s %s\n", verbs[i].name, verbs[i].does);
	fputs("lc-collapse VERB --help tells more.\n", f);
}

int main(int argc, char **argv)
{
	lc_setup(argv[0]);
	if (argc < 2)
		lc_usage("wants a verb: screen, draft, race, aa, verify, explain, apply, review or "
			 "memory");
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		help(stdout);
		return lc_finish(0);
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("lc-collapse " LC_VERSION);
		return lc_finish(0);
	}
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(argv[1], verbs[i].name) == 0)
			return verbs[i].run(argc - 1, argv + 1);
	lc_usage("unknown verb %s", argv[1]);
}

/*
 * lc-fork: proposes futures, runs them, proves each one did what it was told; see lc-fork(1).
 */
#include <stdio.h>
#include <string.h>

#include "err.h"
#include "fork.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *does;
} verbs[] = {
	{"plan", verb_plan, "propose futures from an alert: branch records"},
	{"run", verb_run, "run branch records for real: steps and results"},
	{"replay", verb_replay, "does a resumed run repeat its own history?"},
	{"status", verb_status, "where the branches of a fork stand"},
	{"blame", verb_blame, "name the cause of an incident from its probes"},
	{"one", verb_one, "run one branch here: what engines run elsewhere"},
};

static void help(FILE *f)
{
	fputs("usage: lc-fork VERB [OPTION ...]\n", f);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		fprintf(f, "  %-6s %s\n", verbs[i].name, verbs[i].does);
	fputs("lc-fork VERB --help tells more.\n", f);
}

int main(int argc, char **argv)
{
	lc_setup(argv[0]);
	if (argc < 2)
		lc_usage("wants a verb: plan, run, replay, status or blame");
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		help(stdout);
		return lc_finish(0);
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("lc-fork " LC_VERSION);
		return lc_finish(0);
	}
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(argv[1], verbs[i].name) == 0)
			return verbs[i].run(argc - 1, argv + 1);
	lc_usage("unknown verb %s", argv[1]);
}

/* lc-snap: keeps complete training states, deduplicated, verified, and restored byte for byte. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "snap.h"

/* What a verb that takes a snapshot looks for it with. */
#define PICK "store run tag branch step before"

static const struct verb verbs[] = {
	{"init", verb_init, "store quiet", "[STORE]", "make an empty store"},
	{"save", verb_save,
	 "store run tag branch step require part group move from-shm detach no-wait quiet json",
	 "PATH", "keep a checkpoint: a directory or a file"},
	{"wait", verb_wait, "store retry drop no-wait quiet json", "",
	 "for states that are saved in the background"},
	{"fork", verb_fork, "store run tag branch quiet json", "SNAPSHOT",
	 "the same state as the beginning of another run or branch"},
	{"restore", verb_restore, PICK " read-only partial keep-damaged no-wait quiet json",
	 "SNAPSHOT DIR [PATH]...", "write a snapshot into a directory that appears whole"},
	{"push", verb_push, "store run tag branch all dry-run verify quiet json",
	 "STORE [SNAPSHOT]...", "send snapshots to another store: what is missing there"},
	{"pull", verb_pull, "store run tag branch all dry-run quiet json", "STORE [SNAPSHOT]...",
	 "fetch snapshots from another store: what is missing here"},
	{"export", verb_export, PICK " output format plain quiet", "SNAPSHOT",
	 "write a snapshot as a tar or a zip"},
	{"import", verb_import,
	 "store run tag branch step require max-size any-link plain quiet json", "ARCHIVE|-",
	 "keep what a tar or a zip holds, as save does"},
	{"list", verb_list, "store run tag branch before since quiet json", "",
	 "list the snapshots, oldest first"},
	{"show", verb_show, PICK " quiet json", "SNAPSHOT", "show what a snapshot holds"},
	{"cat", verb_cat, PICK " tensor list npy f32 quiet json", "SNAPSHOT PATH[:TENSOR]",
	 "write a file or a tensor of it to standard output"},
	{"diff", verb_diff, "store run tag branch quiet json", "SNAPSHOT SNAPSHOT|DIR",
	 "tell what differs, file by file and tensor by tensor"},
	{"prune", verb_prune,
	 "store run tag branch keep-last keep-every keep-log2 keep-tag keep drop-parents dry-run "
	 "ignore-damaged quiet json",
	 "", "drop snapshots by policy, and tell what stays and why"},
	{"gc", verb_gc, "store grace parts dry-run no-recode no-wait ignore-damaged quiet json", "",
	 "give back the room of what no snapshot needs"},
	{"verify", verb_verify, "store run tag branch quiet json", "[SNAPSHOT]...",
	 "read and hash all, and name what is damaged"},
};
#define VERBS (sizeof(verbs) / sizeof(verbs[0]))

static void help(void)
{
	fputs("usage: lc-snap VERB [OPTION]... [OPERAND]...\n\n", stdout);
	for (size_t v = 0; v < VERBS; v++) {
		char line[64];
		snprintf(line, sizeof(line), "%s %s", verbs[v].name, verbs[v].operands);
		printf("  %-31s %s\n", line, verbs[v].about);
	}
	fputs("\n"
	      "SNAPSHOT: RUN@STEP, RUN@latest, RUN@<=STEP, without RUN of any run, or digits of an "
	      "id.\n"
	      "lc-snap VERB --help lists a verb's options; lc-snap(1) tells all.\n",
	      stdout);
}

static const struct verb *find(const char *name)
{
	for (size_t v = 0; v < VERBS; v++)
		if (strcmp(name, verbs[v].name) == 0)
			return &verbs[v];
	lc_usage("%s: unknown verb", name);
}

int main(int argc, char **argv)
{
	struct opts o = {.step = -1, .before = -1, .since = -1, .grace = 3600, .parts_age = -1};
	const struct verb *verb;
	int status, first;

	lc_setup(argv[0]);
	if (argc < 2)
		lc_usage("no verb given");
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		help();
		return lc_finish(LC_OK);
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("lc-snap " LC_VERSION);
		return lc_finish(LC_OK);
	}
	if (argv[1][0] == '-')
		lc_usage("the verb comes first");
	verb = find(argv[1]);
	lc_setup_verb(verb->name);
	first = 1 + options_parse(&o, verb, argc - 1, argv + 1);
	status = verb->run(&o, argc - first, argv + first);
	lc_manifest_release(&o.tags);
	free(o.keep);
	free(o.keep_tags);
	return lc_finish(status);
}

/* lc-snap: keeps complete training states, deduplicated, verified, and restored byte for byte. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "snap.h"

static const char help[] =
	"usage: lc-snap save [-s STORE] [--run NAME] [--step N] [-t KEY=VALUE]... [-q] PATH\n"
	"       lc-snap restore [-s STORE] [--read-only] [-q] ID|@STEP|latest DIR\n"
	"       lc-snap restore [-s STORE] [--read-only] [-q] --step N|--before N DIR\n"
	"       lc-snap list [-s STORE] [-j] [--before N]\n"
	"       lc-snap show [-s STORE] [-j] ID|@STEP|latest\n"
	"       lc-snap verify [-s STORE] [-j] [-q] [ID]...\n"
	"\n"
	"  -s, --store STORE    the store (default $LC_STORE, else ./lc-store)\n"
	"  -r, --run NAME       the run: saved with it, or only snapshots of it\n"
	"  -t, --tag KEY=VALUE  a tag: saved with it, or only snapshots that have it\n"
	"      --branch NAME    the same as --tag branch=NAME\n"
	"      --step N         the step: saved with it, or the snapshot of it\n"
	"      --before N       the newest snapshot at or before step N\n"
	"      --read-only      restored files can be read only\n"
	"  -j, --json           JSON lines\n"
	"  -q, --quiet          no words but errors\n"
	"  -h, --help, --version\n";

enum { OPT_STEP = 256, OPT_BEFORE, OPT_BRANCH, OPT_READ_ONLY, OPT_VERSION };

static const struct option longopts[] = {
	{"store", required_argument, NULL, 's'},
	{"run", required_argument, NULL, 'r'},
	{"tag", required_argument, NULL, 't'},
	{"branch", required_argument, NULL, OPT_BRANCH},
	{"step", required_argument, NULL, OPT_STEP},
	{"before", required_argument, NULL, OPT_BEFORE},
	{"read-only", no_argument, NULL, OPT_READ_ONLY},
	{"json", no_argument, NULL, 'j'},
	{"quiet", no_argument, NULL, 'q'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, OPT_VERSION},
	{0},
};

static const struct {
	const char *name;
	int (*run)(const struct opts *o, int argc, char **argv);
	const char *options; /* what it takes, by letter: S is --step, B --before, O --read-only */
} verbs[] = {
	{"save", verb_save, "srtSqj"},	  {"restore", verb_restore, "srtSBOqj"},
	{"list", verb_list, "srtBqj"},	  {"show", verb_show, "srtSBqj"},
	{"verify", verb_verify, "srtqj"},
};
#define VERBS (sizeof(verbs) / sizeof(verbs[0]))

static long step_arg(const char *name, const char *text)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	if (errno || end == text || *end || n < 0 || n > 1L << 53)
		lc_usage("--%s %s: not a step", name, text);
	return n;
}

static void tag_arg(struct opts *o, const char *key, const char *text)
{
	char *copy = strdup(text), *eq = copy ? strchr(copy, '=') : NULL;
	struct lc_err err;

	if (!key && (!eq || eq == copy))
		lc_usage("--tag %s: not KEY=VALUE", text);
	if (!key)
		*eq = '\0';
	if (lc_manifest_tag(&o->tags, key ? key : copy, key ? text : eq + 1, &err) < 0)
		lc_usage("%s", err.text);
	free(copy);
}

static int short_of(int c)
{
	switch (c) {
	case OPT_STEP: return 'S';
	case OPT_BEFORE: return 'B';
	case OPT_BRANCH: return 't';
	case OPT_READ_ONLY: return 'O';
	default: return c;
	}
}

static void set(struct opts *o, int c, const char *arg)
{
	switch (c) {
	case 's': o->store = arg; break;
	case 'r':
		if (!lc_manifest_plain(arg))
			lc_usage("--run: not plain text");
		o->run = arg;
		break;
	case 't': tag_arg(o, NULL, arg); break;
	case OPT_BRANCH: tag_arg(o, "branch", arg); break;
	case OPT_STEP: o->step = step_arg("step", arg); break;
	case OPT_BEFORE: o->before = step_arg("before", arg); break;
	case OPT_READ_ONLY: o->read_only = 1; break;
	case 'j': o->json = 1; break;
	case 'q': o->quiet = 1; break;
	}
}

/* Options may come before and after the operands (getopt reorders), and --help before the verb. */
static void parse(struct opts *o, int argc, char **argv, const char *taken)
{
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":hs:r:t:jq", longopts, NULL)) != -1) {
		if (c == 'h') {
			fputs(help, stdout);
			exit(lc_finish(LC_OK));
		}
		if (c == OPT_VERSION) {
			puts("lc-snap " LC_VERSION);
			exit(lc_finish(LC_OK));
		}
		if (c == '?' || c == ':')
			lc_usage_option(c, argv);
		if (taken && !strchr(taken, short_of(c)))
			lc_usage("%s does not take %s", argv[0], argv[optind - 1]);
		set(o, c, optarg);
	}
}

int main(int argc, char **argv)
{
	struct opts o = {.step = -1, .before = -1};
	size_t v;
	int status;

	lc_setup(argv[0]);
	if (argc < 2)
		lc_usage("no verb given");
	if (argv[1][0] == '-') {
		parse(&o, argc, argv, NULL);
		lc_usage("the verb comes first");
	}
	for (v = 0; v < VERBS && strcmp(argv[1], verbs[v].name) != 0; v++)
		;
	if (v == VERBS)
		lc_usage("%s: unknown verb", argv[1]);
	parse(&o, argc - 1, argv + 1, verbs[v].options);
	if (o.step >= 0 && o.before >= 0)
		lc_usage("--step and --before exclude each other");
	if (!o.store)
		o.store = getenv("LC_STORE");
	if (!o.store || !*o.store)
		o.store = "lc-store";
	status = verbs[v].run(&o, argc - 1 - optind, argv + 1 + optind);
	lc_manifest_release(&o.tags);
	return lc_finish(status);
}

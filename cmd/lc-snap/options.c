/* options: the command line of lc-snap, from one table of options; each verb says which it takes.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "option.h"
#include "snap.h"
#include "store_parts.h"

enum {
	OPT_STEP = 256,
	OPT_BEFORE,
	OPT_SINCE,
	OPT_BRANCH,
	OPT_READ_ONLY,
	OPT_REQUIRE,
	OPT_PART,
	OPT_GROUP,
	OPT_MOVE,
	OPT_PARTIAL,
	OPT_KEEP_DAMAGED,
	OPT_DETACH,
	OPT_FROM_SHM,
	OPT_RETRY,
	OPT_DROP,
	OPT_PARTS,
	OPT_TENSOR,
	OPT_NPY,
	OPT_F32,
	OPT_FORMAT,
	OPT_MAX_SIZE,
	OPT_ANY_LINK,
	OPT_PLAIN,
	OPT_ALL,
	OPT_VERIFY,
	OPT_KEEP_LAST,
	OPT_KEEP_EVERY,
	OPT_KEEP_LOG2,
	OPT_KEEP_TAG,
	OPT_KEEP,
	OPT_DROP_PARENTS,
	OPT_GRACE,
	OPT_NO_RECODE,
	OPT_NO_WAIT,
	OPT_IGNORE_DAMAGED,
	OPT_VERSION
};

/* A letter that is printable is the short option too. */
static const struct {
	const char *name;
	int letter;
	const char *arg, *help;
} options[] = {
	{"store", 's', "STORE", "the store (default $LC_STORE, else ./lc-store)"},
	{"run", 'r', "NAME", "the run: saved with it, or only snapshots of it"},
	{"tag", 't', "KEY=VALUE", "a tag: saved with it, or only snapshots that have it"},
	{"branch", OPT_BRANCH, "NAME", "the same as --tag branch=NAME"},
	{"step", OPT_STEP, "N", "the step: saved with it, or the snapshot of it"},
	{"before", OPT_BEFORE, "N", "the newest snapshot at or before step N"},
	{"since", OPT_SINCE, "N", "only snapshots from step N on"},
	{"read-only", OPT_READ_ONLY, NULL, "restored files can be read only"},
	{"require", OPT_REQUIRE, "ROLES", "refuse a state that lacks one: weights,rng,... or all"},
	{"tensor", OPT_TENSOR, "NAME", "this tensor of the file"},
	{"list", 'l', NULL, "list the tensors"},
	{"npy", OPT_NPY, NULL, "the tensor as a .npy file"},
	{"f32", OPT_F32, NULL, "bf16 and f16 converted to f32"},
	{"output", 'o', "FILE", "write to FILE, which appears whole (default: standard output)"},
	{"format", OPT_FORMAT, "FORMAT", "tar, tar.gz, tar.zst or zip (default: FILE's ending)"},
	{"max-size", OPT_MAX_SIZE, "BYTES", "the most that all files may have; K, M, G, T"},
	{"any-link", OPT_ANY_LINK, NULL, "take links that lead out of the tree"},
	{"plain", OPT_PLAIN, NULL, "only files: no .lightcone.json with what they are"},
	{"keep-last", OPT_KEEP_LAST, "N", "the N saved last, of each run and branch"},
	{"keep-every", OPT_KEEP_EVERY, "K", "the first at or after each multiple of K steps"},
	{"keep-log2", OPT_KEEP_LOG2, NULL, "one of each age from a power of two to the next"},
	{"keep-tag", OPT_KEEP_TAG, "KEY=VALUE", "those that have this tag"},
	{"keep", OPT_KEEP, "SNAPSHOT", "this one"},
	{"drop-parents", OPT_DROP_PARENTS, NULL, "also what another run or branch came from"},
	{"grace", OPT_GRACE, "TIME", "leave what is younger: 90s, 30m, 1h (the default), 2d"},
	{"parts", OPT_PARTS, "TIME", "drop parts of states that are incomplete for so long"},
	{"dry-run", 'n', NULL, "only tell what would be done"},
	{"no-recode", OPT_NO_RECODE, NULL, "leave how snapshots are coded as it is"},
	{"no-wait", OPT_NO_WAIT, NULL, "do not wait for who is at work (gc: status 4)"},
	{"ignore-damaged", OPT_IGNORE_DAMAGED, NULL, "go on although something is damaged"},
	{"partial", OPT_PARTIAL, NULL, "leave out what is damaged, and say so"},
	{"keep-damaged", OPT_KEEP_DAMAGED, NULL, "with zeros instead of what is damaged"},
	{"move", OPT_MOVE, NULL, "take PATH over: gone at once, removed when it is kept"},
	{"detach", OPT_DETACH, NULL, "save in the background, once the bytes are taken over"},
	{"from-shm", OPT_FROM_SHM, NULL, "--move --detach, for a state in memory"},
	{"retry", OPT_RETRY, NULL, "save again what failed or was killed"},
	{"drop", OPT_DROP, NULL, "remove what failed or was killed, with its state"},
	{"part", OPT_PART, "R/W", "part R of W, from 0, of a state that W ranks save"},
	{"group", OPT_GROUP, "NAME", "tells this attempt's parts from those of another"},
	{"all", OPT_ALL, NULL, "all snapshots"},
	{"verify", OPT_VERIFY, NULL, "read back what is there, and send again what is damaged"},
	{"json", 'j', NULL, "JSON lines"},
	{"quiet", 'q', NULL, "no words but errors"},
	{"help", 'h', NULL, "this text"},
	{"version", OPT_VERSION, NULL, "the version"},
};
#define OPTIONS (sizeof(options) / sizeof(options[0]))

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

static void word_arg(const char ***words, size_t *n, const char *arg)
{
	*words = lc_xrealloc(*words, *n + 1, sizeof(**words));
	(*words)[(*n)++] = arg;
}

/* A time with its unit, in seconds. */
static double time_arg(const char *opt, const char *arg)
{
	static const struct {
		char unit;
		double s;
	} units[] = {{'\0', 1}, {'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	char *end;
	double x = strtod(arg, &end);

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (end != arg && x >= 0 && x < 1e9 && *end == units[i].unit && (!*end || !end[1]))
			return x * units[i].s;
	lc_usage("%s %s: not a time, as in 90s, 30m, 1h, 2d", opt, arg);
}

static void keep_tag_arg(struct opts *o, const char *arg)
{
	const char *eq = strchr(arg, '=');

	if (!eq || eq == arg)
		lc_usage("--keep-tag %s: not KEY=VALUE", arg);
	word_arg(&o->keep_tags, &o->nkeep_tags, arg);
}

static void part_arg(struct opts *o, const char *arg)
{
	int end = -1;

	if (strspn(arg, "0123456789/") != strlen(arg) ||
	    sscanf(arg, "%6d/%6d%n", &o->part, &o->parts, &end) != 2 || arg[end] || o->parts < 1 ||
	    o->parts > LC_PARTS_MAX || o->part >= o->parts)
		lc_usage("--part %s: not R/W, with R from 0 to W - 1 and W up to %d", arg,
			 LC_PARTS_MAX);
}

/* What stays: of prune and gc. */
static void set_keep(struct opts *o, int letter, const char *arg)
{
	switch (letter) {
	case OPT_KEEP_LAST: o->keep_last = lc_option_whole(arg, "--keep-last", 1, 1L << 53); break;
	case OPT_KEEP_EVERY:
		o->keep_every = lc_option_whole(arg, "--keep-every", 1, 1L << 53);
		break;
	case OPT_KEEP_LOG2: o->keep_log2 = 1; break;
	case OPT_KEEP_TAG: keep_tag_arg(o, arg); break;
	case OPT_KEEP: word_arg(&o->keep, &o->nkeep, arg); break;
	case OPT_DROP_PARENTS: o->drop_parents = 1; break;
	case OPT_GRACE: o->grace = time_arg("--grace", arg); break;
	}
}

static void set(struct opts *o, int letter, const char *arg)
{
	switch (letter) {
	case 's': o->store = arg; break;
	case 'r':
		if (!lc_manifest_plain(arg))
			lc_usage("--run: not plain text");
		o->run = arg;
		break;
	case 't': tag_arg(o, NULL, arg); break;
	case OPT_BRANCH: tag_arg(o, "branch", arg); break;
	case OPT_STEP: o->step = lc_option_whole(arg, "--step", 0, 1L << 53); break;
	case OPT_BEFORE: o->before = lc_option_whole(arg, "--before", 0, 1L << 53); break;
	case OPT_SINCE: o->since = lc_option_whole(arg, "--since", 0, 1L << 53); break;
	case OPT_REQUIRE:
		o->require = lc_role_list(arg);
		if (!o->require)
			lc_usage("--require %s: not roles with commas between, or all", arg);
		break;
	case OPT_PARTIAL: o->partial = 1; break;
	case OPT_KEEP_DAMAGED: o->keep_damaged = 1; break;
	case OPT_MOVE: o->move = 1; break;
	case OPT_DETACH: o->detach = 1; break;
	case OPT_FROM_SHM: o->move = o->detach = 1; break;
	case OPT_RETRY: o->retry = 1; break;
	case OPT_DROP: o->drop = 1; break;
	case OPT_PARTS: o->parts_age = time_arg("--parts", arg); break;
	case OPT_PART: part_arg(o, arg); break;
	case OPT_GROUP:
		if (!lc_manifest_plain(arg))
			lc_usage("--group: not plain text");
		o->group = arg;
		break;
	case OPT_READ_ONLY: o->read_only = 1; break;
	case OPT_TENSOR: o->tensor = arg; break;
	case 'l': o->list = 1; break;
	case OPT_NPY: o->npy = 1; break;
	case OPT_F32: o->f32 = 1; break;
	case 'o': o->out = arg; break;
	case OPT_FORMAT: o->format = arg; break;
	case OPT_MAX_SIZE: o->max_size = lc_option_bytes(arg, "--max-size"); break;
	case OPT_ANY_LINK: o->any_link = 1; break;
	case OPT_ALL: o->all = 1; break;
	case OPT_VERIFY: o->verify = 1; break;
	case OPT_PLAIN: o->plain = 1; break;
	case 'n': o->dry_run = 1; break;
	case OPT_NO_RECODE: o->no_recode = 1; break;
	case OPT_NO_WAIT: o->no_wait = 1; break;
	case OPT_IGNORE_DAMAGED: o->ignore_damaged = 1; break;
	case 'j': o->json = 1; break;
	case 'q': o->quiet = 1; break;
	default: set_keep(o, letter, arg);
	}
}

/* Is name one of the words of list? */
static int takes(const char *list, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = list; (p = strstr(p, name)); p += len)
		if ((p == list || p[-1] == ' ') && (p[len] == ' ' || !p[len]))
			return 1;
	return strcmp(name, "help") == 0 || strcmp(name, "version") == 0;
}

static void verb_help(const struct verb *verb)
{
	printf("usage: lc-snap %s [OPTION]...%s%s\n\n%s\n\n", verb->name,
	       *verb->operands ? " " : "", verb->operands, verb->about);
	for (size_t i = 0; i < OPTIONS; i++) {
		char line[64], letter[8] = "    ";
		if (!takes(verb->takes, options[i].name))
			continue;
		if (options[i].letter < 256)
			snprintf(letter, sizeof(letter), "-%c, ", options[i].letter);
		snprintf(line, sizeof(line), "%s--%s%s%s", letter, options[i].name,
			 options[i].arg ? " " : "", options[i].arg ? options[i].arg : "");
		printf("  %-24s  %s\n", line, options[i].help);
	}
}

static size_t find(int letter)
{
	size_t i;

	for (i = 0; options[i].letter != letter; i++)
		;
	return i;
}

/* The options as getopt_long wants them. */
static void tables(struct option longs[OPTIONS + 1], char shorts[2 * OPTIONS + 2])
{
	char *p = shorts;

	*p++ = ':';
	memset(longs, 0, (OPTIONS + 1) * sizeof(*longs));
	for (size_t i = 0; i < OPTIONS; i++) {
		longs[i].name = options[i].name;
		longs[i].has_arg = options[i].arg ? required_argument : no_argument;
		longs[i].val = options[i].letter;
		if (options[i].letter < 256)
			*p++ = (char)options[i].letter;
		if (options[i].letter < 256 && options[i].arg)
			*p++ = ':';
	}
	*p = '\0';
}

/* Options may come before and after the operands: getopt reorders. */
int options_parse(struct opts *o, const struct verb *verb, int argc, char **argv)
{
	struct option longs[OPTIONS + 1];
	char shorts[2 * OPTIONS + 2];
	int c;

	tables(longs, shorts);
	opterr = 0;
	while ((c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		if (c == '?' || c == ':')
			lc_usage_option(c, argv);
		if (c == 'h' || c == OPT_VERSION) {
			if (c == 'h')
				verb_help(verb);
			else
				puts("lc-snap " LC_VERSION);
			exit(lc_finish(LC_OK));
		}
		if (!takes(verb->takes, options[find(c)].name))
			lc_usage("%s does not take --%s", verb->name, options[find(c)].name);
		set(o, c, optarg);
	}
	if (o->step >= 0 && o->before >= 0)
		lc_usage("--step and --before exclude each other");
	if (!o->store)
		o->store = getenv("LC_STORE");
	if (!o->store || !*o->store)
		o->store = "lc-store";
	return optind;
}

/*
 * lc-detect: grep for instability. Step records in, alert records out; see lc-detect(1).
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "memory.h"
#include "option.h"
#include "run.h"
#include "verbs.h"

static struct asked asked = {.after = -1, .told = -1};
static const char *rule, *state, *cron_dir;

static const char usage[] =
	"usage: lc-detect [-1afq] [-m METRIC=NAME] [-r RATE] [-t THRESHOLD] [-w N] [-s LINES]\n"
	"                 [-S SIBLING]... [--profile lm|rl] [--cross METRIC=LEVEL[:STEPS]]\n"
	"                 [--after STEP] [--forecast] [--state FILE] [--strict] [--rule NAME]\n"
	"                 [--plan FILE [--actions FILE] [--told LINES]]\n"
	"                 [FILE ...]\n"
	"       lc-detect -c DIR [OPTION ...] FILE ...\n"
	"       lc-detect score [-j] [-l LABELS] [OPTION ...] FILE ...\n"
	"Read step records, write an alert record where training becomes unstable.\n"
	"  -1                        stop at the first alert; write only alerts\n"
	"  -a, --index               also write an index record for every step\n"
	"  -c, --cron DIR            each file is a run, read on from where it was left\n"
	"  -f, --follow              follow a growing or rotated file; wait for one to appear\n"
	"  -m, --metric METRIC=NAME  the log's own name of loss and so on; or your own\n"
	"  -q, --quiet               print nothing, only the status\n"
	"  -r, --rate R              false alarms per step that are accepted (3e-5)\n"
	"  -s, --since LINES         the first LINES of each file raise no alert\n"
	"  -S, --sibling FILE        a run on the same data: what is bad in all is the data's\n"
	"  --after STEP              steps up to STEP raise no alert (they were judged)\n"
	"  --cross METRIC=LEVEL[:STEPS]  warn when the trend will cross LEVEL within STEPS (200)\n"
	"  --forecast                also by an ensemble of forecasters of the loss; slower\n"
	"  --plan FILE               the plan of the lr, or a state.json: an lr off it is an "
	"alert\n"
	"  --actions FILE            but for these, in force on the run\n"
	"  --told LINES              they were told after LINES, those of --since\n"
	"  --profile lm|rl           what matters: the loss, or reward, KL and entropy\n"
	"  --state FILE              go on with the detector in FILE, and leave it there\n"
	"  -t, --threshold X         index at which an alert begins (1)\n"
	"  -w, --warmup N            values seen before any is judged (40)\n"
	"  --rule NAME               alerts by the rule of another framework (zclip, olmo, ...)\n"
	"  --strict                  a malformed line is an error\n"
	"  -h, --help, --version\n"
	"Status: 0 an alert, 1 none, 2 usage, 3 bad data, 4 system.\n";

enum { ACTIONS = 256, AFTER, CROSS, FORECAST, PLAN, PROFILE, RULE, STATE, STRICT, TOLD, VERSION };

static void set_profile(const char *name)
{
	if (strcmp(name, "lm") != 0 && strcmp(name, "rl") != 0)
		lc_usage("--profile %s: lm or rl", name);
	asked.conf.profile = name[0] == 'r' ? LC_PROFILE_RL : LC_PROFILE_LM;
}

static void add_sibling(char *path)
{
	asked.siblings = lc_xrealloc(asked.siblings, (size_t)asked.nsiblings + 1, sizeof(char *));
	asked.siblings[asked.nsiblings++] = path;
}

static void check(int ok, const struct lc_err *err)
{
	if (!ok)
		lc_usage("%s", err->text);
}

static void option(int c, char **argv)
{
	struct lc_err err;

	switch (c) {
	case '1': asked.first_only = 1; break;
	case 'a': asked.show_index = 1; break;
	case 'c': cron_dir = optarg; break;
	case 'f': asked.follow = 1; break;
	case 'm': check(asked_add_name(&asked, optarg, &err) == 0, &err); break;
	case 'q': asked.quiet = 1; break;
	case 'r': asked.conf.rate = lc_option_number(optarg, "--rate", 1e-12, .1); break;
	case 's': asked.since = (unsigned long)lc_option_number(optarg, "--since", 0, 1e15); break;
	case 'S': add_sibling(optarg); break;
	case 't': asked.conf.threshold = lc_option_number(optarg, "--threshold", 1e-6, 1e6); break;
	case 'w': asked.conf.min_steps = (int)lc_option_whole(optarg, "--warmup", 8, 100000); break;
	case ACTIONS: asked.actions = optarg; break;
	case PLAN: asked.plan = optarg; break;
	case TOLD: asked.told = (long)lc_option_number(optarg, "--told", 0, 1e15); break;
	case AFTER: asked.after = (long)lc_option_number(optarg, "--after", 0, 1e15); break;
	case CROSS: check(asked_add_cross(&asked, optarg, &err) == 0, &err); break;
	case FORECAST: asked.conf.forecast = 1; break;
	case PROFILE: set_profile(optarg); break;
	case RULE: rule = optarg; break;
	case STATE: state = optarg; break;
	case STRICT: asked.strict = 1; break;
	case 'h': fputs(usage, stdout); exit(lc_finish(0));
	case VERSION: puts("lc-detect " LC_VERSION); exit(lc_finish(0));
	default: lc_usage_option(c, argv);
	}
}

static int options(int argc, char **argv)
{
	static const struct option longs[] = {
		{"metric", 1, 0, 'm'},
		{"since", 1, 0, 's'},
		{"threshold", 1, 0, 't'},
		{"warmup", 1, 0, 'w'},
		{"follow", 0, 0, 'f'},
		{"quiet", 0, 0, 'q'},
		{"index", 0, 0, 'a'},
		{"rate", 1, 0, 'r'},
		{"sibling", 1, 0, 'S'},
		{"cron", 1, 0, 'c'},
		{"after", 1, 0, AFTER},
		{"cross", 1, 0, CROSS},
		{"forecast", 0, 0, FORECAST},
		{"profile", 1, 0, PROFILE},
		{"rule", 1, 0, RULE},
		{"state", 1, 0, STATE},
		{"strict", 0, 0, STRICT},
		{"help", 0, 0, 'h'},
		{"plan", 1, 0, PLAN},
		{"actions", 1, 0, ACTIONS},
		{"told", 1, 0, TOLD},
		{"version", 0, 0, VERSION},
		{0, 0, 0, 0},
	};
	int c, n;

	asked.conf = lc_detect_defaults;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":1ac:fhm:qr:s:S:t:w:", longs, NULL)) != -1)
		option(c, argv);
	n = argc - optind;
	if (rule && (asked.follow || state || cron_dir || asked.nsiblings))
		lc_usage("--rule reads to the end, and keeps nothing: no -f, -c, -S, --state");
	if (asked.plan && (rule || state || cron_dir))
		lc_usage("--plan keeps nothing: no -c, --rule, --state");
	if ((asked.actions || asked.told >= 0) && !asked.plan)
		lc_usage("--%s: beside which --plan?", asked.actions ? "actions" : "told");
	if (asked.follow && n != 1)
		lc_usage("-f follows one file");
	if (cron_dir && n == 0)
		lc_usage("-c DIR: of which files?");
	if (cron_dir && (asked.follow || asked.first_only || state))
		lc_usage("-c reads FILEs to their ends: no -f, -1, --state");
	return optind;
}

/* A line without an end is a step when it is whole; else, with --state, its rest may come later. */
static int is_whole(const char *line, size_t len)
{
	struct lc_step st;

	return lc_step_parse(line, len, &asked.names, &st, NULL) > 0;
}

static void keep_torn(struct memory *m, const char *line, size_t len)
{
	m->torn = lc_xrealloc(m->torn, m->torn_len + len + 1, 1);
	memcpy(m->torn + m->torn_len, line, len);
	m->torn_len += len;
}

/* What was left of a line comes before what follows it. The line is the caller's (free), or NULL.
 */
static char *rejoin(struct memory *m, const char *line, size_t *len)
{
	char *whole;

	if (m->torn_len == 0)
		return NULL;
	keep_torn(m, line, *len);
	whole = m->torn;
	*len = m->torn_len;
	m->torn = NULL;
	m->torn_len = 0;
	return whole;
}

static int take(struct run *r, struct memory *m, const struct lc_lines *in, char *line, size_t len,
		struct lc_err *err)
{
	char *joined = rejoin(m, line, &len);
	int ret = 0;

	if (joined)
		line = joined;
	if (state && in->torn && !is_whole(line, len))
		keep_torn(m, line, len);
	else
		ret = run_line(r, line, len, in->path, in->line, err);
	free(joined);
	return ret;
}

static int watch(struct run *r, struct memory *m, const char *path, struct lc_err *err)
{
	struct lc_lines in;
	char *line;
	size_t len;
	int more;

	if (asked.follow && access(path, F_OK) < 0 && errno == ENOENT)
		lc_warn("%s: not there yet, waiting for it", path);
	if (lc_lines_open(&in, path, asked.follow, err) < 0)
		return -1;
	while ((more = lc_lines_next(&in, &line, &len, err)) > 0) {
		if (take(r, m, &in, line, len, err) < 0) {
			more = -1;
			break;
		}
		if (asked.first_only && r->alerts)
			break;
	}
	lc_lines_close(&in);
	return more < 0 ? -1 : 0;
}

static int stream(const struct siblings *siblings, char *const *files, int n)
{
	struct memory m = {.path = NULL};
	struct run r;
	struct lc_err err;
	int i = 0, restored = 0;

	run_open(&r, &asked, stdout);
	r.siblings = siblings;
	r.off.threshold = asked.conf.threshold;
	if (asked.plan && offplan_load(&r.off, asked.plan, &err) < 0)
		lc_die(&err);
	if (state && (restored = memory_load(&m, r.d, state, &err)) < 0)
		lc_die(&err);
	do {
		if (watch(&r, &m, n ? files[i] : "-", &err) < 0)
			lc_die(&err);
	} while (++i < n && !(asked.first_only && r.alerts));
	if (run_look_back(&r, restored, &err) < 0 && !(state && m.torn_len))
		lc_die(&err);
	if (fflush(stdout) == 0 && state && memory_save(&m, r.d, state, &err) < 0)
		lc_die(&err);
	i = r.alerts ? LC_OK : LC_NO;
	run_close(&r);
	memory_release(&m);
	return lc_finish(i);
}

int main(int argc, char **argv)
{
	struct siblings *siblings = NULL;
	struct lc_err err;
	int i, ret;

	lc_setup(argv[0]);
	if (argc > 1 && strcmp(argv[1], "score") == 0)
		return score_main(argc - 1, argv + 1);
	i = options(argc, argv);
	if (rule)
		return rule_main(rule, &asked.names, asked.first_only, asked.quiet, argv + i,
				 argc - i);
	if (asked.nsiblings && !(siblings = siblings_open(&asked, &err)))
		lc_die(&err);
	ret = cron_dir ? cron_main(cron_dir, &asked, siblings, argv + i, argc - i)
		       : stream(siblings, argv + i, argc - i);
	siblings_close(siblings);
	free(asked.siblings);
	return ret;
}

/*
 * run: the futures for real. Each branch is a directory and a command; each state is restored once,
 * read-only, and shared. This file is the verb and its options; fleet.h has the rest.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine.h"
#include "fork.h"
#include "io.h"
#include "json.h"
#include "option.h"
#include "template.h"

static struct settings set = {.launch = {.grace_s = 5}, .retries = 3};
static volatile sig_atomic_t stop_signal;

static const char usage[] =
	"usage: lc-fork run -x COMMAND [OPTION ...]\n"
	"Run the branch records on standard input; write their step and result records.\n"
	"  -x, --exec COMMAND    the trainer's command line, with holes: {state} {actions}\n"
	"                        {horizon} {steps} {branch} {out} {control} and each action by\n"
	"                        name; given to sh(1) only where it has shell syntax\n"
	"  -j, --jobs N          branches at a time (1, or one a value of --slot)\n"
	"  -d, --dir DIR         where the fork lives (lc-fork-NAME); run again, it goes on\n"
	"  -s, --store DIR       lc-snap's store ($LC_STORE, else lc-store)\n"
	"  -H, --history FILE    the run's own log, to compare learning rates and batches with\n"
	"  -t, --timeout SECONDS longest life of one command (none)\n"
	"      --stall SECONDS   one that prints nothing for so long has failed (none)\n"
	"      --grace SECONDS   between SIGTERM and SIGKILL (5)\n"
	"      --slot NAME=V,... each branch gets a value of its own in its environment\n"
	"      --nice N, --memory SIZE   for the commands; SIZE bounds each process\n"
	"  -e, --engine NAME     local, slurm, parallel, k8s or cmd (local)\n"
	"  -o, --option WORD     passed through to sbatch(1) or parallel(1); may be repeated\n"
	"      --then COMMAND    for slurm: a job that starts when all branches have ended\n"
	"      --submit, --poll, --cancel COMMAND   for cmd (and k8s)\n"
	"      --image NAME, --claim NAME           of the container and the volume, for k8s\n"
	"      --node-dir DIR    each node restores states there, once, instead of sharing DIR's\n"
	"      --in-order        print branches in the order of the plan, not as they come\n"
	"  -k, --keep            keep the states that branches wrote\n"
	"  -q, --quiet           no progress\n";

enum {
	STALL = 256,
	GRACE,
	SLOT,
	NICE,
	MEMORY,
	SUBMIT,
	POLL,
	CANCEL,
	IMAGE,
	CLAIM,
	NODE_DIR,
	IN_ORDER,
	THEN,
};

static const struct option longs[] = {
	{"exec", 1, 0, 'x'},
	{"jobs", 1, 0, 'j'},
	{"dir", 1, 0, 'd'},
	{"store", 1, 0, 's'},
	{"history", 1, 0, 'H'},
	{"timeout", 1, 0, 't'},
	{"stall", 1, 0, STALL},
	{"grace", 1, 0, GRACE},
	{"slot", 1, 0, SLOT},
	{"nice", 1, 0, NICE},
	{"memory", 1, 0, MEMORY},
	{"engine", 1, 0, 'e'},
	{"option", 1, 0, 'o'},
	{"submit", 1, 0, SUBMIT},
	{"poll", 1, 0, POLL},
	{"cancel", 1, 0, CANCEL},
	{"image", 1, 0, IMAGE},
	{"claim", 1, 0, CLAIM},
	{"node-dir", 1, 0, NODE_DIR},
	{"in-order", 0, 0, IN_ORDER},
	{"keep", 0, 0, 'k'},
	{"quiet", 0, 0, 'q'},
	{"then", 1, 0, THEN},
	{"help", 0, 0, 'h'},
	{0, 0, 0, 0},
};

static void add_slot(const char *arg)
{
	const char *eq = strchr(arg, '=');

	if (!eq || eq == arg || !eq[1])
		lc_usage("run: --slot %s: wants NAME=VALUE,...", arg);
	if (set.launch.nslots == MAX_SLOTS)
		lc_usage("run: more than %d slots", MAX_SLOTS);
	set.launch.slots[set.launch.nslots++] = arg;
}

static void add_word(char *arg)
{
	set.words = lc_xrealloc(set.words, (size_t)set.nwords + 1, sizeof(*set.words));
	set.words[set.nwords++] = arg;
}

static void option_long(int c, char **argv)
{
	switch (c) {
	case STALL: set.launch.stall_s = lc_option_number(optarg, "--stall", 0.001, 1e9); break;
	case GRACE: set.launch.grace_s = lc_option_number(optarg, "--grace", 0, 1e6); break;
	case SLOT: add_slot(optarg); break;
	case NICE: set.launch.nice = (int)lc_option_whole(optarg, "--nice", -20, 19); break;
	case MEMORY: set.launch.memory = lc_option_bytes(optarg, "--memory"); break;
	case SUBMIT: set.submit = optarg; break;
	case POLL: set.poll = optarg; break;
	case CANCEL: set.cancel = optarg; break;
	case THEN: set.then = optarg; break;
	case IMAGE: set.image = optarg; break;
	case CLAIM: set.claim = optarg; break;
	case NODE_DIR: set.launch.node_dir = optarg; break;
	case IN_ORDER: set.in_order = 1; break;
	default: lc_usage_option(c, argv);
	}
}

static void option(int c, char **argv)
{
	switch (c) {
	case 'x': set.launch.tmpl = optarg; break;
	case 'j': set.jobs = (int)lc_option_whole(optarg, "--jobs", 1, 65536); break;
	case 'd': set.dir = optarg; break;
	case 's': set.launch.store = optarg; break;
	case 'H': set.history = optarg; break;
	case 't': set.launch.timeout_s = lc_option_number(optarg, "--timeout", 0.001, 1e9); break;
	case 'e':
		set.engine = engine_find(optarg);
		if (!set.engine)
			lc_usage("run: --engine %s: local, slurm, parallel, k8s or cmd", optarg);
		break;
	case 'o': add_word(optarg); break;
	case 'k': set.keep = 1; break;
	case 'q': set.quiet = 1; break;
	case 'h': fputs(usage, stdout); exit(lc_finish(0));
	default: option_long(c, argv);
	}
}

static void options(int argc, char **argv)
{
	int c;

	set.engine = &engine_local;
	set.launch.store = getenv("LC_STORE") ? getenv("LC_STORE") : "lc-store";
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":x:j:d:s:H:t:e:o:kq", longs, NULL)) != -1)
		option(c, argv);
	if (!set.launch.tmpl)
		lc_usage("run: wants -x COMMAND");
	if (optind < argc)
		lc_usage("run: unexpected %s", argv[optind]);
	if (set.engine == &engine_cmd && (!set.submit || !set.poll || !set.cancel))
		lc_usage("run: the engine cmd wants --submit, --poll and --cancel");
	if (set.then && set.engine != &engine_slurm)
		lc_usage("run: --then is for the engine slurm");
	if (!set.jobs)
		set.jobs = launch_slots(&set.launch) > 0 ? launch_slots(&set.launch)
			   : set.engine == &engine_local ? 1
							 : 65536;
}

static void on_signal(int sig)
{
	stop_signal = sig;
}

/* A signal that we were started to ignore (nohup) stays ignored. */
static void catch_signals(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction sa = {.sa_handler = on_signal}, old;

	for (int i = 0; i < 3; i++)
		if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(signals[i], &sa, NULL);
}

/* Futures that could not be run are said, with what the first one's command said last. */
static void say_failures(const struct fleet *f)
{
	const struct branch *first = NULL;
	int n = 0;

	for (int i = 0; i < f->n; i++)
		if (f->b[i]->status == FAILED && n++ == 0)
			first = f->b[i];
	if (first)
		lc_warn("%d of %d futures failed: %s: %s", n, f->n, first->id, first->why);
}

/* An action that the command is not told makes its branch void, if it is not read from LC_ACTIONS:
 * better known before the steps are spent. A rewind is told by the state. */
static void say_untold(const struct fleet *f)
{
	const char *tmpl = set.launch.tmpl, *name;
	json_t *untold = json_object(), *v;
	char *text = lc_path("%s", "");

	for (int i = 0; i < f->n; i++)
		json_object_foreach(f->b[i]->actions, name, v) {
			char *hole = lc_path("{%s}", name), *more;
			if (strcmp(name, "rewind") != 0 && !strstr(tmpl, hole) &&
			    !json_object_get(untold, name)) {
				json_object_set(untold, name, v);
				more = lc_path("%s%s%s", text, *text ? ", " : "", name);
				free(text);
				text = more;
			}
			free(hole);
		}
	if (*text && !strstr(tmpl, "{actions}") && !strstr(tmpl, "{control}") &&
	    !strstr(tmpl, "LC_ACTIONS"))
		lc_warn("the command has no hole for %s (try {actions}): such branches are void, "
			"unless it reads LC_ACTIONS",
			text);
	free(text);
	json_decref(untold);
}

int fleet_carry_out(struct fleet *f, struct lc_err *err)
{
	f->set->launch.also = fleet_own_actions(f);
	if ((f->set->history && stream_load(&f->ref.run, f->set->history, err) < 0) ||
	    runner_check(f->b[0], &f->set->launch, err) < 0 || fleet_restore(f, err) < 0 ||
	    f->set->engine->open(f, err) < 0)
		return -1;
	catch_signals();
	return fleet_run(f, &stop_signal, err);
}

void fleet_die_of_signal(struct fleet *f)
{
	if (!stop_signal)
		return;
	f->set->engine->stop(f);
	fleet_release(f);
	signal(stop_signal, SIG_DFL);
	raise(stop_signal);
}

int verb_run(int argc, char **argv)
{
	struct fleet f = {.set = &set, .keeper = {.fd = -1}};
	struct lc_err err = {LC_SYS, ""};
	int ret = -1;

	options(argc, argv);
	if (set.history && access(set.history, R_OK) < 0) {
		lc_fail_sys(&err, "open %s", set.history);
		lc_die(&err);
	}
	if (lc_keeper_open(&f.keeper, &err) == 0 && fleet_open_print(&f, &err) == 0) {
		f.out = set.in_order ? NULL : f.print;
		if (fleet_read(&f, set.dir, &err) == 0) {
			if (!set.quiet)
				say_untold(&f);
			ret = fleet_carry_out(&f, &err);
		}
	}
	fleet_die_of_signal(&f);
	if (ret == 0)
		say_failures(&f);
	fleet_release(&f);
	free(set.words);
	if (ret < 0)
		lc_die(&err);
	return lc_finish(0);
}

/*
 * lc-read: the logs of training frameworks in, step records out; see lc-read(1).
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "inputs.h"
#include "io.h"
#include "option.h"
#include "read.h"

static struct lc_names names;
static const struct format *forced;
static const char *named; /* the one input, with -f */
static long every;	  /* steps between lines that name none */
static int all_metrics, follow, quiet, keep_all, strict, runs, copies;

static const char usage[] =
	"usage: lc-read [-afqr] [-F FORMAT] [-m METRIC=NAME] [--every N] [--strict]\n"
	"               [FILE | DIRECTORY ...]\n"
	"       lc-read [-aq] [--copy] [-F FORMAT] [-m METRIC=NAME] [--every N]\n"
	"               -x COMMAND [ARG ...]\n"
	"Turn a training log, of whatever framework, into step records.\n"
	"  -a, --all                 keep metrics of unknown names too\n"
	"  -f, --follow              follow a growing (or rotated) file\n"
	"  --every N                 a line with a loss and no step is N steps after the one "
	"before\n"
	"  -F, --format NAME         the format, or auto: found by looking; help lists them\n"
	"  -m, --metric METRIC=NAME  the log's own name of loss, grad_norm, step, ...\n"
	"  -q, --quiet               do not name what is passed over\n"
	"  -r, --rewinds             keep what a resumed run went over again\n"
	"  -x, --exec                run COMMAND and read what it prints; its status is ours\n"
	"  --copy                    also write what is read to standard error, as it is\n"
	"  --strict                  damaged input is an error\n"
	"  -h, --help, --version\n"
	"Status: 0 done, 2 usage, 3 bad data, 4 system.\n";

static const struct format *format_named(const char *name)
{
	if (strcmp(name, "auto") == 0)
		return NULL;
	for (int i = 0; formats[i]; i++)
		if (strcmp(formats[i]->name, name) == 0)
			return formats[i];
	if (strcmp(name, "help") != 0)
		lc_usage("-F %s: no such format (-F help lists them)", name);
	for (int i = 0; formats[i]; i++)
		printf("%-15s %s\n", formats[i]->name, formats[i]->about);
	exit(lc_finish(0));
}

static int options(int argc, char **argv)
{
	static const struct option longs[] = {
		{"all", 0, 0, 'a'},    {"follow", 0, 0, 'f'},  {"format", 1, 0, 'F'},
		{"every", 1, 0, 'E'},  {"exec", 0, 0, 'x'},    {"copy", 0, 0, 'C'},
		{"metric", 1, 0, 'm'}, {"quiet", 0, 0, 'q'},   {"rewinds", 0, 0, 'r'},
		{"strict", 0, 0, 'S'}, {"version", 0, 0, 'V'}, {"help", 0, 0, 'h'},
		{0, 0, 0, 0},
	};
	struct lc_err err;
	int c;

	while (!runs && (c = getopt_long(argc, argv, "afF:m:qrx", longs, NULL)) != -1) {
		switch (c) {
		case 'a': all_metrics = 1; break;
		case 'f': follow = 1; break;
		case 'F': forced = format_named(optarg); break;
		case 'm':
			if (lc_names_add(&names, optarg, &err) < 0)
				lc_usage("%s", err.text);
			break;
		case 'q': quiet = 1; break;
		case 'r': keep_all = 1; break;
		case 'S': strict = 1; break;
		case 'E': every = lc_option_whole(optarg, "--every", 1, 1L << 40); break;
		case 'x': runs = 1; break; /* what follows is the command's */
		case 'C': copies = 1; break;
		case 'h': fputs(usage, stdout); exit(lc_finish(0));
		case 'V': puts("lc-read " LC_VERSION); exit(lc_finish(0));
		default: exit((fputs(usage, stderr), LC_USAGE));
		}
	}
	if (runs && (follow || optind == argc))
		lc_usage(follow ? "-x reads a pipe: no -f" : "-x wants a command");
	if (follow && argc - optind != 1)
		lc_usage("-f follows one file");
	named = argv[optind];
	return optind;
}

/* An input that is being read. dir is the directory named that it was found in, if it is followed.
 */
struct reading {
	struct input *in;
	struct source src;
	struct reader r;
	const char *dir;
};

/* A resumed run begins a new file in the directory: go on with that one. */
static void go_to_newest(struct reading *now)
{
	struct inputs there = {NULL, 0, 0};
	struct input *newest;
	char *old = now->in->path;

	if (inputs_add(&there, now->dir, forced, NULL) == 0) {
		newest = &there.in[there.n - 1];
		if (strcmp(newest->path, old) != 0) {
			now->src.path = now->r.path = now->in->path = newest->path;
			newest->path = old;
		}
	}
	inputs_release(&there);
}

/* Before the reader waits: what is written so far goes out; at a pause of the writer, also what is
 * known of a step by then. */
static int waits(void *arg, int paused, struct lc_err *err)
{
	struct reading *now = arg;

	if (paused && now->dir)
		go_to_newest(now);
	if (paused && out_flush(now->r.out, err) < 0)
		return -1;
	return fflush(stdout) == EOF ? lc_fail_sys(err, "write standard output") : 0;
}

/* grows: it is the one that is followed. */
static int read_input(struct input *in, struct out *o, int grows, int silent, struct lc_err *err)
{
	struct reading now = {.in = in, .dir = grows && in->found ? named : NULL};
	int ret;

	now.r = (struct reader){.out = o, .path = in->path, .strict = strict, .quiet = silent};
	if (in->format == &format_mlflow) {
		ret = reader_run(&now.r, in->format, err);
	} else {
		if (source_open(&now.src, in->path, grows, err) < 0)
			return -1;
		now.src.waits = waits;
		now.src.copy = copies;
		now.src.waits_arg = &now;
		now.r.in = &now.src;
		ret = reader_run(&now.r, in->format, err);
		source_close(&now.src);
	}
	if (ret == 0 && now.r.bad > 1 && !silent)
		lc_warn("%s: %lu damaged places passed over", in->path, now.r.bad);
	return ret;
}

/* Nothing came out: say what was looked for. */
static int nothing(const struct input *in, const struct out *o, struct lc_err *err)
{
	char list[200] = "";

	if (o->unknown[0])
		return lc_fail(err, LC_DATA,
			       "%s: no step with a metric of a known name; names: %s "
			       "(-m loss=NAME, -m step=NAME, --every N)",
			       in->path, o->unknown);
	for (int i = 0; formats[i]; i++) {
		size_t n = strlen(list);

		snprintf(list + n, sizeof(list) - n, "%s%s", n ? ", " : "", formats[i]->name);
	}
	return lc_fail(err, LC_DATA, "%s: no step records; looked for %s", in->path,
		       forced ? forced->name : list);
}

/* One turn over all inputs. Returns how many of those named were empty, or -1. */
static int turn(struct inputs *all, struct out *o, enum out_mode mode, struct lc_err *err)
{
	int empty = 0;

	out_start(o, mode);
	for (size_t i = 0; i < all->n; i++) {
		unsigned long before = o->records;

		if (read_input(&all->in[i], o, follow && i + 1 == all->n,
			       quiet || mode == OUT_REPLAY, err) < 0)
			return -1;
		if (o->records > before || all->in[i].found || mode == OUT_REPLAY)
			continue;
		nothing(&all->in[i], o, err);
		empty++;
		if (all->n > 1)
			lc_warn("%s", err->text);
	}
	return o->records > 0 ? empty : nothing(&all->in[all->n - 1], o, err);
}

/* The files that can be read twice are: what a resume went over again is known only then. */
static int can_reread(const struct inputs *all)
{
	for (size_t i = 0; i < all->n; i++)
		if (!all->in[i].rereadable)
			return 0;
	return !follow && !keep_all && !runs;
}

/* Where a run begins that a branch or a guard resumes: the Trainer's state says it. */
static long resumed_from(void)
{
	const char *state = getenv("LC_STATE"), *at;
	char *path, *text = NULL;
	long step = 0;
	size_t len;

	if (!state || !*state)
		return 0;
	path = lc_path("%s/trainer_state.json", state);
	if (lc_read_file(path, &text, &len, NULL) == 0 && (at = strstr(text, "\"global_step\":")))
		step = strtol(at + 14, NULL, 10);
	free(text);
	free(path);
	return step > 0 ? step : 0;
}

static void begin_out(struct out *o)
{
	out_init(o, stdout, &names, all_metrics);
	o->every = every;
	o->from = every ? resumed_from() : 0;
}

/* -x: when the reading fails, the command finds its standard output closed, as in any pipe. */
static int run_command(char *const *argv)
{
	struct inputs all = {NULL, 0, 0};
	struct lc_err err;
	struct out o;
	int read, status;

	if (inputs_add(&all, "-", forced, &err) < 0 || child_start(argv, &err) < 0)
		lc_die(&err);
	begin_out(&o);
	out_start(&o, OUT_STREAM);
	read = read_input(&all.in[0], &o, 0, quiet, &err);
	if (read == 0 && fflush(stdout) == EOF)
		read = lc_fail_sys(&err, "write standard output");
	close(STDIN_FILENO);
	status = child_wait();
	if (read < 0)
		lc_die(&err);
	if (o.records == 0 && status == 0 && nothing(&all.in[0], &o, &err) < 0)
		lc_warn("%s", err.text);
	inputs_release(&all);
	out_release(&o);
	return lc_finish(status);
}

int main(int argc, char **argv)
{
	struct inputs all = {NULL, 0, 0};
	struct lc_err err;
	struct out o;
	int i, empty, reread;

	lc_setup(argv[0]);
	i = options(argc, argv);
	if (runs)
		return run_command(argv + i);
	do {
		if (inputs_add(&all, i < argc ? argv[i] : "-", forced, &err) < 0)
			lc_die(&err);
	} while (++i < argc);
	if (follow && all.in[0].format == &format_mlflow)
		lc_usage("-f follows a file, no MLflow run");
	begin_out(&o);
	reread = can_reread(&all);
	empty = turn(&all, &o, reread ? OUT_SURVEY : OUT_STREAM, &err);
	if (empty >= 0 && reread && turn(&all, &o, OUT_REPLAY, &err) < 0)
		empty = -1;
	if (empty < 0)
		lc_die(&err);
	inputs_release(&all);
	out_release(&o);
	return lc_finish(empty ? LC_DATA : LC_OK);
}

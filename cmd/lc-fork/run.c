/*
 * run: the futures for real. Each branch is a directory and a command in a process group of its
 * own; each state is restored once, read-only, and shared. Output is in the order of the plan,
 * whatever ends first.
 */
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fleet.h"
#include "io.h"
#include "json.h"
#include "option.h"
#include "record.h"

#define GRACE_S 5.0 /* between SIGTERM and SIGKILL */

static const char *tmpl, *store, *dir, *history;
static int jobs = 1, keep, quiet;
static double timeout_s;
static volatile sig_atomic_t stop_signal;

static const char usage[] =
	"usage: lc-fork run -x COMMAND [-j JOBS] [-d DIR] [-s STORE] [-H RUN] [-t SECONDS] [-qk]\n"
	"Run the branch records on standard input; write their step and result records.\n"
	"  -x, --exec COMMAND    the trainer's command line for sh(1), with holes: {state} "
	"{actions}\n"
	"                        {horizon} {steps} {branch} {out} {control} and each action by "
	"name\n"
	"  -j, --jobs N          branches at a time (1)\n"
	"  -d, --dir DIR         where the fork lives (lc-fork-NAME); run again, it goes on\n"
	"  -s, --store DIR       lc-snap's store ($LC_STORE, else lc-store)\n"
	"  -H, --history FILE    the run's own log, to compare learning rates and batches with\n"
	"  -t, --timeout SECONDS longest life of one command (none)\n"
	"  -k, --keep            keep the states that branches wrote\n"
	"  -q, --quiet           no progress\n";

static void on_signal(int sig)
{
	stop_signal = sig;
}

static void options(int argc, char **argv)
{
	static const struct option longs[] = {
		{"exec", 1, 0, 'x'},  {"jobs", 1, 0, 'j'},    {"dir", 1, 0, 'd'},
		{"store", 1, 0, 's'}, {"history", 1, 0, 'H'}, {"timeout", 1, 0, 't'},
		{"keep", 0, 0, 'k'},  {"quiet", 0, 0, 'q'},   {"help", 0, 0, 'h'},
		{0, 0, 0, 0},
	};
	int c;

	store = getenv("LC_STORE");
	if (!store)
		store = "lc-store";
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":x:j:d:s:H:t:kq", longs, NULL)) != -1) {
		switch (c) {
		case 'x': tmpl = optarg; break;
		case 'j': jobs = (int)lc_option_whole(optarg, "--jobs", 1, 512); break;
		case 'd': dir = optarg; break;
		case 's': store = optarg; break;
		case 'H': history = optarg; break;
		case 't': timeout_s = lc_option_number(optarg, "--timeout", 0.001, 1e9); break;
		case 'k': keep = 1; break;
		case 'q': quiet = 1; break;
		case 'h': fputs(usage, stdout); exit(lc_finish(0));
		default: lc_usage_option(c, argv);
		}
	}
	if (!tmpl)
		lc_usage("run: wants -x COMMAND");
	if (optind < argc)
		lc_usage("run: unexpected %s", argv[optind]);
}

static int read_history(struct stream *s, struct lc_err *err)
{
	struct lc_lines in;
	struct lc_step st;
	struct point p;
	char *line;
	size_t len;
	int more;

	if (!history)
		return 0;
	if (lc_lines_open(&in, history, 0, err) < 0)
		return -1;
	while ((more = lc_lines_next(&in, &line, &len, err)) > 0) {
		if (lc_step_parse(line, len, NULL, &st, NULL) != 1 || !lc_step_has(&st, LC_LOSS))
			continue;
		p = (struct point){st.step, st.v[LC_LR], st.v[LC_LOSS], st.v[LC_TOKENS], ""};
		memcpy(p.batch, st.batch, sizeof(p.batch));
		stream_add(s, &p);
	}
	lc_lines_close(&in);
	return more;
}

static void ended(struct branch *b)
{
	int status = lc_proc_status(&b->proc);

	b->wall_s = lc_now() - b->proc.started;
	fleet_sweep(b);
	if (b->status == KILLED)
		return;
	b->status = DONE;
	if (b->proc.timed_out) {
		b->status = FAILED;
		snprintf(b->why, sizeof(b->why), "longer than the %g s it was given", timeout_s);
	} else if (status) {
		b->status = FAILED;
		snprintf(b->why, sizeof(b->why),
			 "its command ended with status %d (see %.150s/stderr.txt)", status, b->id);
	}
}

/* A non-finite loss is the verdict: no need to run on (it counts as the worst outcome, never as
 * missing). */
static int look(struct fleet *f, struct branch *b, struct lc_err *err)
{
	int over = lc_proc_poll(&b->proc, &f->keeper, timeout_s, GRACE_S);

	if (branch_read(b, err) < 0)
		return -1;
	if (b->steps.nonfinite && b->status == RUNNING) {
		b->status = KILLED;
		snprintf(b->why, sizeof(b->why), "non-finite loss at step %ld", b->steps.nonfinite);
		lc_proc_term(&b->proc);
	}
	if (!over)
		return 0;
	ended(b);
	return branch_save_end(b, tmpl, err);
}

/* Print what is ready, in order: a branch's steps once it and all before it have ended. */
static int print_ready(struct fleet *f, struct lc_err *err)
{
	static int printed;

	for (; printed < f->n; printed++) {
		struct branch *b = f->b[printed];
		if (b->status < DONE || (b->status == DONE && !b->segments_made))
			return 0;
		if ((!b->announced && lc_json_emit(stdout, b->rec, err) < 0) ||
		    branch_emit_steps(b, err) < 0)
			return -1;
	}
	return 0;
}

static void progress(const struct fleet *f, double t0, int final)
{
	static double last;
	int done = 0;

	if (quiet || !isatty(STDERR_FILENO) || (!final && lc_now() - last < 0.2))
		return;
	last = lc_now();
	for (int i = 0; i < f->n; i++)
		done += f->b[i]->status >= DONE;
	fprintf(stderr, "\rlc-fork: %d of %d futures run, %.0f s ", done, f->n, lc_now() - t0);
	if (final)
		fputc('\n', stderr);
}

/* Did an earlier run finish it? Looked up once. */
static int known(struct branch *b, struct lc_err *err)
{
	int first = !b->looked;

	b->looked = 1;
	return first && branch_load_end(b, tmpl, err);
}

/* One turn: look at those that run, start what can start. The number still to come, or -1. */
static int turn(struct fleet *f, struct lc_err *err)
{
	int running = 0, waiting = 0;

	for (int i = 0; i < f->n; i++) {
		struct branch *b = f->b[i];
		if ((b->status == RUNNING || (b->status == KILLED && b->proc.pid)) &&
		    look(f, b, err) < 0)
			return -1;
		if (b->status == DONE && !b->segments_made && fleet_add_segments(f, i, err) < 0)
			return -1;
		running += b->proc.pid != 0;
	}
	for (int i = 0; i < f->n; i++) {
		struct branch *b = f->b[i];
		if (b->status != WAITING)
			continue;
		waiting++;
		if (known(b, err) || running >= jobs || stop_signal || fleet_ready(f, b) < 1)
			continue; /* one that has ended is seen to in the next turn */
		if (fleet_start(f, b, tmpl, err) < 0)
			return -1;
		running++;
	}
	return running + waiting;
}

static int run_all(struct fleet *f, struct lc_err *err)
{
	double t0 = lc_now();
	int left;

	while ((left = turn(f, err)) > 0 && !stop_signal) {
		if (print_ready(f, err) < 0)
			return -1;
		progress(f, t0, 0);
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	}
	progress(f, t0, 1);
	return left < 0 || stop_signal ? -1 : print_ready(f, err);
}

static int changes_nothing(const struct branch *b)
{
	size_t n = json_object_size(b->actions);

	return n == 0 || (n == 1 && json_object_get(b->actions, "rewind"));
}

/* The branch of the same state that changes nothing. */
static const struct branch *twin_of(const struct fleet *f, const struct branch *b)
{
	if (changes_nothing(b) || b->parent)
		return NULL;
	for (int i = 0; i < f->n; i++)
		if (changes_nothing(f->b[i]) && json_equal(json_object_get(f->b[i]->rec, "from"),
							   json_object_get(b->rec, "from")))
			return f->b[i];
	return NULL;
}

/* The control's stream, and its return segment's, are what the others are compared with. */
static void make_reference(const struct fleet *f, struct reference *ref)
{
	for (int pass = 0; pass < 2; pass++)
		for (int i = 0; i < f->n; i++) {
			const struct branch *b = f->b[i],
					    *of = b->parent ? fleet_find(f, b->parent) : NULL;
			int wanted = pass ? of && !strcmp(of->role, "control") &&
						     strstr(b->id, ".return") != NULL
					  : !strcmp(b->role, "control");
			for (long k = 0; wanted && k < b->steps.n; k++)
				stream_add(&ref->control, &b->steps.p[k]);
		}
}

static int print_results(struct fleet *f, struct lc_err *err)
{
	struct reference ref = {0};
	int ret = read_history(&ref.run, err);

	make_reference(f, &ref);
	for (int i = 0; i < f->n && ret == 0; i++) {
		verify_branch(f->b[i], &ref, twin_of(f, f->b[i]));
		ret = branch_emit_result(f->b[i], err);
	}
	stream_release(&ref.run);
	stream_release(&ref.control);
	return ret;
}

/* The states that branches wrote have been read: they go, unless they are to be kept. */
static void drop_states(const struct fleet *f)
{
	for (int i = 0; i < f->n && !keep; i++) {
		char *out = lc_path("%s/out", f->b[i]->dir);
		lc_remove_tree(out, NULL);
		free(out);
	}
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

/* Ask all that run to end, and give them time to. */
static void end_all(struct fleet *f)
{
	double t0 = lc_now();
	int left = 1;

	for (int i = 0; i < f->n; i++)
		lc_proc_term(&f->b[i]->proc);
	while (left && lc_now() - t0 < GRACE_S) {
		left = 0;
		for (int i = 0; i < f->n; i++)
			left += !lc_proc_poll(&f->b[i]->proc, &f->keeper, 0, GRACE_S);
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	}
	for (int i = 0; i < f->n; i++)
		if (f->b[i]->status == RUNNING)
			fleet_sweep(f->b[i]);
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

int verb_run(int argc, char **argv)
{
	struct fleet f = {.keeper = {.fd = -1}};
	struct lc_err err = {LC_SYS, ""};
	int ret = -1;

	options(argc, argv);
	if (history && access(history, R_OK) < 0) {
		lc_fail_sys(&err, "open %s", history);
		lc_die(&err);
	}
	if (lc_keeper_open(&f.keeper, &err) == 0 && fleet_read(&f, dir, &err) == 0 &&
	    fleet_restore(&f, store, &err) == 0) {
		catch_signals();
		if (run_all(&f, &err) == 0 && print_results(&f, &err) == 0) {
			say_failures(&f);
			drop_states(&f);
			ret = 0;
		}
	}
	if (stop_signal)
		end_all(&f);
	fleet_release(&f);
	if (stop_signal) {
		signal(stop_signal, SIG_DFL);
		raise(stop_signal);
	}
	if (ret < 0)
		lc_die(&err);
	return lc_finish(0);
}

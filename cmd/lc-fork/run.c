/*
 * run: the futures for real. Each branch is a directory and a command in a process group of its own; each
 * state is restored once, read-only, and shared. A branch that ends well is read by short segments from its
 * last state: "return" to the control's learning rate, and "cool" from it to zero (DESIGN section 8, truth 2).
 */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "action.h"
#include "fork.h"
#include "io.h"
#include "json.h"
#include "record.h"
#include "template.h"
#include "words.h"

static const char *tmpl, *store, *dir_arg, *history;
static int jobs = 1, keep, quiet;
static double timeout_s;
static volatile sig_atomic_t stop_signal;

/* All branches of the fork, in the order they are to be printed. */
struct fork {
	char *dir;                  /* absolute */
	struct branch **b;
	int n, cap, printed;        /* printed: how many have had their records and steps written */
	struct reference ref;
	struct lc_keeper keeper;
};

static const char usage[] =
	"usage: lc-fork run -x COMMAND [-j JOBS] [-d DIR] [-s STORE] [-H RUN] [-t SECONDS] [-qk]\n"
	"Run the branch records on standard input; write their step and result records.\n"
	"  -x, --exec COMMAND    the trainer's command line for sh(1), with holes: {state} {actions}\n"
	"                        {horizon} {steps} {branch} {out} {control} and each action by name\n"
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

static double number(const char *arg, const char *opt, double min, double max)
{
	char *end;
	double x = strtod(arg, &end);

	if (!*arg || *end || !(x >= min && x <= max))
		lc_usage("%s %s: wants a number from %g to %g", opt, arg, min, max);
	return x;
}

static void options(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "exec", 1, 0, 'x' },    { "jobs", 1, 0, 'j' },    { "dir", 1, 0, 'd' },
		{ "store", 1, 0, 's' },   { "history", 1, 0, 'H' }, { "timeout", 1, 0, 't' },
		{ "keep", 0, 0, 'k' },    { "quiet", 0, 0, 'q' },   { "help", 0, 0, 'h' },
		{ 0, 0, 0, 0 },
	};
	int c;

	store = getenv("LC_STORE");
	if (!store)
		store = "lc-store";
	while ((c = getopt_long(argc, argv, "x:j:d:s:H:t:kq", longs, NULL)) != -1) {
		switch (c) {
		case 'x': tmpl = optarg; break;
		case 'j': jobs = (int)number(optarg, "--jobs", 1, 512); break;
		case 'd': dir_arg = optarg; break;
		case 's': store = optarg; break;
		case 'H': history = optarg; break;
		case 't': timeout_s = number(optarg, "--timeout", 0.001, 1e9); break;
		case 'k': keep = 1; break;
		case 'q': quiet = 1; break;
		case 'h': fputs(usage, stdout); exit(lc_finish(0));
		default: exit((fputs(usage, stderr), LC_USAGE));
		}
	}
	if (!tmpl)
		lc_usage("run: wants -x COMMAND");
	if (optind < argc)
		lc_usage("run: unexpected %s", argv[optind]);
}

static struct branch *find(const struct fork *f, const char *id)
{
	for (int i = 0; id && i < f->n; i++)
		if (strcmp(f->b[i]->id, id) == 0)
			return f->b[i];
	return NULL;
}

/* Put a branch at place `at`. Takes rec. */
static int insert(struct fork *f, int at, json_t *rec, int announced, struct lc_err *err)
{
	struct branch *b = lc_xalloc(1, sizeof(*b));

	if (branch_init(b, rec, f->dir, err) < 0 || lc_actions_check(b->actions, err) < 0 || find(f, b->id)) {
		if (b->dir && find(f, b->id))
			lc_fail(err, LC_DATA, "branch %s: there twice", b->id);
		branch_release(b);
		free(b);
		return -1;
	}
	b->announced = announced;
	if (f->n == f->cap) {
		f->cap = f->cap ? 2 * f->cap : 64;
		f->b = lc_xrealloc(f->b, (size_t)f->cap, sizeof(*f->b));
	}
	memmove(f->b + at + 1, f->b + at, (size_t)(f->n - at) * sizeof(*f->b));
	f->b[at] = b;
	f->n++;
	return 0;
}

/* The first branch record names the fork, and so its directory. */
static int make_dir(struct fork *f, const json_t *rec, struct lc_err *err)
{
	char *name;

	if (f->dir)
		return 0;
	name = dir_arg ? lc_path("%s", dir_arg)
		       : lc_path("lc-fork-%s", lc_json_get_str(rec, "fork", "unnamed"));
	if (lc_mkdirs(name, err) == 0) {
		f->dir = realpath(name, NULL);
		if (!f->dir)
			lc_fail_sys(err, "find %s", name);
	}
	free(name);
	return f->dir ? 0 : -1;
}

/* Everything on stdin goes on to stdout untouched; branch records are also kept. */
static int read_plan(struct fork *f, struct lc_err *err)
{
	struct lc_lines in;
	char *line;
	size_t len;
	int more, is;
	json_t *rec;

	lc_lines_open(&in, "-", 0, err);
	while ((more = lc_lines_next(&in, &line, &len, err)) > 0) {
		rec = json_loadb(line, len, 0, NULL);
		is = rec ? lc_record_is(rec, "branch", 1, err) : 0;
		if (is > 0 && (make_dir(f, rec, err) < 0 || insert(f, f->n, json_incref(rec), 1, err) < 0))
			is = -1;
		json_decref(rec);
		if (is < 0) {
			struct lc_err why = *err;
			lc_lines_close(&in);
			return lc_fail(err, why.code, "line %lu: %.400s", in.line, why.text);
		}
		printf("%s\n", line);
	}
	lc_lines_close(&in);
	if (more == 0 && f->n == 0)
		return lc_fail(err, LC_DATA, "no branch records in the input");
	return more < 0 || fflush(stdout) == EOF ? lc_fail_sys(err, "write stdout") : 0;
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
		p = (struct point){ st.step, st.v[LC_LR], st.v[LC_LOSS], st.v[LC_TOKENS], "" };
		memcpy(p.batch, st.batch, sizeof(p.batch));
		stream_add(s, &p);
	}
	lc_lines_close(&in);
	return more;
}

static int restore_states(struct fork *f, struct lc_err *err)
{
	char *states = lc_path("%s/state", f->dir);
	int ret = lc_mkdirs(states, err);

	for (int i = 0; ret == 0 && i < f->n; i++) {
		struct branch *b = f->b[i];
		const char *id = lc_json_get_str(json_object_get(b->rec, "from"), "snapshot", NULL);
		if (b->parent || !id)
			continue;
		b->state = lc_path("%s/%.16s", states, id);
		ret = snapshot_restore(store, id, b->state, err);
	}
	free(states);
	return ret;
}

static int start(struct fork *f, struct branch *b, struct lc_err *err)
{
	struct lc_future future = { b->id, b->state, b->dir, NULL, b->from_step, b->horizon, b->actions };
	char *out = lc_path("%s/stdout.jsonl", b->dir), *errs = lc_path("%s/stderr.txt", b->dir), *filled = NULL;
	struct lc_words w = { .nholes = 0 };
	int ret = -1;

	/* what an earlier, unfinished try left is no evidence */
	if (lc_remove_tree(b->dir, err) == 0 && lc_mkdirs(b->dir, err) == 0 && lc_words_init(&w, &future, err) == 0)
		filled = lc_template_fill(tmpl, w.holes, w.nholes, err);
	if (filled) {
		struct lc_command c = { filled, NULL, out, errs, w.env };
		ret = lc_proc_start(&b->proc, &f->keeper, &c, err);
	}
	if (ret == 0)
		b->status = RUNNING;
	lc_words_release(&w);
	free(filled);
	free(out);
	free(errs);
	return ret;
}

/* The state a branch wrote at the end of its horizon, or NULL. */
static char *last_state(const struct branch *b)
{
	static const char *const patterns[] = { "step-%08ld", "step-%ld", "checkpoint-%ld", "iter_%07ld", "%ld" };
	char *out = lc_path("%s/out", b->dir), *path = NULL, *name;

	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		name = lc_path(patterns[i], b->from_step + b->horizon);
#pragma GCC diagnostic pop
		path = lc_path("%s/%s", out, name);
		free(name);
		if (access(path, F_OK) == 0)
			break;
		free(path);
		path = NULL;
	}
	free(out);
	return path;
}

static json_t *segment(const struct branch *b, const char *kind, long steps)
{
	double base = lc_json_get_num(json_object_get(b->rec, "base"), "lr_scale", 1);
	json_t *rec = lc_record_new("branch", 1), *actions = json_object();
	char *id = lc_path("%s.%s", b->id, kind);

	json_object_set(rec, "fork", json_object_get(b->rec, "fork"));
	json_object_set_new(rec, "branch", json_string(id));
	json_object_set_new(rec, "role", json_string("probe"));
	json_object_set_new(rec, "kind", json_string(kind));
	json_object_set(rec, "order", json_object_get(b->rec, "order"));
	json_object_set_new(rec, "from", json_pack("{s:s,s:I}", "branch", b->id, "step",
						   (json_int_t)(b->from_step + b->horizon)));
	json_object_set_new(rec, "horizon", json_integer(steps));
	if (json_object_get(b->rec, "base"))
		json_object_set(rec, "base", json_object_get(b->rec, "base"));
	/* both from the control's lr: an arm is read at the lr of the plan, not at its own */
	if (json_object_get(b->actions, "lr_scale"))
		json_object_set_new(actions, "lr_scale", json_real(base));
	if (strcmp(kind, "cool") == 0)
		json_object_set_new(actions, "lr_tail", json_pack("{s:s,s:i,s:I}", "shape", "linear", "to", 0,
								  "steps", (json_int_t)steps));
	json_object_set_new(rec, "actions", actions);
	free(id);
	return rec;
}

/* Did an earlier run of this fork finish the branch of that name? Then its state may be gone. */
static int ended_before(const struct fork *f, const json_t *rec)
{
	char *end = lc_path("%s/%s/end.json", f->dir, lc_json_get_str(rec, "branch", ""));
	int yes = access(end, F_OK) == 0;

	free(end);
	return yes;
}

/* Queue the segments that read a finished branch, right behind it. */
static int make_segments(struct fork *f, int at, struct lc_err *err)
{
	static const char *const kinds[] = { "return", "cool" };
	struct branch *b = f->b[at];
	const json_t *readout = json_object_get(b->rec, "readout");
	char *state = last_state(b);
	int made = 0, ret = 0;

	b->segments_made = 1;
	for (int i = 0; ret == 0 && i < 2; i++) {
		long steps = lc_json_get_int(readout, kinds[i], 0);
		json_t *rec = steps < 1 ? NULL : segment(b, kinds[i], steps);
		if (!rec || (!state && !ended_before(f, rec))) {
			json_decref(rec);
			continue;
		}
		ret = insert(f, at + 1 + made, rec, 0, err);
		if (ret == 0)
			f->b[at + ++made]->state = lc_path("%s", state ? state : "gone");
	}
	free(state);
	return ret;
}

static void ended(struct branch *b)
{
	int status = lc_proc_status(&b->proc);

	b->wall_s = lc_now() - b->proc.started;
	if (b->status == KILLED)
		return;
	b->status = DONE;
	if (b->proc.timed_out) {
		b->status = FAILED;
		snprintf(b->why, sizeof(b->why), "longer than the %g s it was given", timeout_s);
	} else if (status) {
		b->status = FAILED;
		snprintf(b->why, sizeof(b->why), "its command ended with status %d (see %.150s/stderr.txt)", status,
			 b->id);
	}
}

/* A non-finite loss is the verdict: no need to run on (it counts as the worst outcome, never as missing). */
static int look(struct fork *f, struct branch *b, struct lc_err *err)
{
	int over = lc_proc_poll(&b->proc, &f->keeper, timeout_s, 5.0);

	if (branch_read(b, err) < 0)
		return -1;
	if (!over && b->steps.nonfinite && b->status == RUNNING) {
		b->status = KILLED;
		snprintf(b->why, sizeof(b->why), "non-finite loss at step %ld", b->steps.p[b->steps.n - 1].step);
		lc_proc_term(&b->proc);
	}
	if (!over)
		return 0;
	ended(b);
	if (b->status == DONE && b->steps.nonfinite) {
		b->status = KILLED;
		snprintf(b->why, sizeof(b->why), "non-finite loss");
	}
	return branch_save_end(b, err);
}

/* Print what is ready, in order: a branch's steps once it and all before it have ended. */
static int print_ready(struct fork *f, struct lc_err *err)
{
	for (; f->printed < f->n; f->printed++) {
		struct branch *b = f->b[f->printed];
		if (b->status < DONE || (b->status == DONE && !b->segments_made))
			return 0;
		if ((!b->announced && lc_json_emit(stdout, b->rec, err) < 0) || branch_emit_steps(b, err) < 0)
			return -1;
	}
	return 0;
}

static void progress(const struct fork *f, double t0, int final)
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

/* One turn: look at those that run, start what can start. The number still to come, or -1. */
static int turn(struct fork *f, struct lc_err *err)
{
	int running = 0, waiting = 0;

	for (int i = 0; i < f->n; i++) {
		struct branch *b = f->b[i];
		if ((b->status == RUNNING || (b->status == KILLED && b->proc.pid)) && look(f, b, err) < 0)
			return -1;
		if (b->status == DONE && !b->segments_made && make_segments(f, i, err) < 0)
			return -1;
		running += b->proc.pid != 0;
	}
	for (int i = 0; i < f->n; i++) {
		struct branch *b = f->b[i];
		if (b->status != WAITING)
			continue;
		if (branch_load_end(b, err)) {
			waiting++; /* its segments are made in the next turn */
			continue;
		}
		if (running < jobs && !stop_signal) {
			if (start(f, b, err) < 0)
				return -1;
			running++;
		} else {
			waiting++;
		}
	}
	return running + waiting;
}

static int run_all(struct fork *f, struct lc_err *err)
{
	double t0 = lc_now();
	int left;

	while ((left = turn(f, err)) > 0 && !stop_signal) {
		if (print_ready(f, err) < 0)
			return -1;
		progress(f, t0, 0);
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
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
static const struct branch *twin_of(const struct fork *f, const struct branch *b)
{
	if (changes_nothing(b) || b->parent)
		return NULL;
	for (int i = 0; i < f->n; i++)
		if (changes_nothing(f->b[i]) &&
		    json_equal(json_object_get(f->b[i]->rec, "from"), json_object_get(b->rec, "from")))
			return f->b[i];
	return NULL;
}

/* The control's stream, and its return segment's, are what the others are compared with. */
static void make_reference(struct fork *f)
{
	for (int pass = 0; pass < 2; pass++)
		for (int i = 0; i < f->n; i++) {
			const struct branch *b = f->b[i], *of = b->parent ? find(f, b->parent) : NULL;
			int wanted = pass ? of && !strcmp(of->role, "control") && strstr(b->id, ".return") != NULL
					  : !strcmp(b->role, "control");
			for (long k = 0; wanted && k < b->steps.n; k++)
				stream_add(&f->ref.control, &b->steps.p[k]);
		}
}

static int print_results(struct fork *f, struct lc_err *err)
{
	make_reference(f);
	for (int i = 0; i < f->n; i++) {
		verify_branch(f->b[i], &f->ref, twin_of(f, f->b[i]));
		if (branch_emit_result(f->b[i], err) < 0)
			return -1;
	}
	return 0;
}

static void clean_up(struct fork *f)
{
	for (int i = 0; i < f->n; i++) {
		if (!keep && f->b[i]->status >= DONE && !stop_signal) {
			char *out = lc_path("%s/out", f->b[i]->dir);
			lc_remove_tree(out, NULL);
			free(out);
		}
		lc_proc_kill(&f->b[i]->proc, &f->keeper);
		branch_release(f->b[i]);
		free(f->b[i]);
	}
	lc_keeper_close(&f->keeper);
	stream_release(&f->ref.run);
	stream_release(&f->ref.control);
	free(f->b);
	free(f->dir);
}

static void catch_signals(void)
{
	struct sigaction sa = { .sa_handler = on_signal };

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
}

int verb_run(int argc, char **argv)
{
	struct fork f = { .keeper = { .fd = -1 } };
	struct lc_err err = { LC_SYS, "" };
	int ret = -1;

	options(argc, argv);
	if (lc_keeper_open(&f.keeper, &err) < 0 || read_plan(&f, &err) < 0 ||
	    read_history(&f.ref.run, &err) < 0 || restore_states(&f, &err) < 0)
		goto out;
	catch_signals();
	if (run_all(&f, &err) == 0)
		ret = print_results(&f, &err);
out:
	clean_up(&f);
	if (stop_signal) {
		signal(stop_signal, SIG_DFL);
		raise(stop_signal);
	}
	if (ret < 0)
		lc_die(&err);
	return lc_finish(0);
}

/*
 * engine_parallel: branches over ssh, by GNU parallel(1): -o --sshlogin -o HOST,HOST. One parallel
 * runs at a time; what becomes ready meanwhile (readout segments) is its next round.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine.h"
#include "io.h"
#include "template.h"
#include "tool.h"

static int open_parallel(struct fleet *f, struct lc_err *err)
{
	if (f->set->launch.leash_s <= 0)
		f->set->launch.leash_s = 60; /* ssh does not tell the far side that we died */
	return elsewhere_open(f, err);
}

static int room(const struct fleet *f)
{
	return f->job.proc.pid || f->nlive ? 0 : 1 << 20;
}

/*
 * One parallel over the branches of list, a file of their names. Our words are quoted for sh:
 * without PARALLEL_SHELL the far side runs them by its own $SHELL, and nothing at all, status 0,
 * where it has none.
 */
static int spawn(struct fleet *f, const char *list, struct lc_err *err)
{
	char *tool = lc_tool_path("lc-fork"), *log = lc_path("%s.log", list), *jobs, *qt, *qd;
	char **argv = lc_xalloc((size_t)f->set->nwords + 16, sizeof(*argv));
	char *env[] = {"PARALLEL_SHELL=/bin/sh", NULL};
	struct lc_command c = {NULL, NULL, log, log, env, argv, 0, 0};
	int k = 0, ret;

	jobs = lc_path("%d", f->set->jobs);
	qt = lc_shell_quote(tool);
	qd = lc_shell_quote(f->dir);
	argv[k++] = "parallel";
	argv[k++] = "--will-cite";
	argv[k++] = "--plain";
	if (f->set->jobs < 65536) {
		argv[k++] = "-j";
		argv[k++] = jobs;
	}
	for (int i = 0; i < f->set->nwords; i++)
		argv[k++] = (char *)f->set->words[i];
	argv[k++] = "-a";
	argv[k++] = (char *)list;
	argv[k++] = qt;
	argv[k++] = "one";
	argv[k++] = "--slot";
	argv[k++] = "{%}";
	argv[k++] = qd;
	argv[k++] = "{}";
	ret = lc_proc_start(&f->job.proc, &f->keeper, &c, err);
	free(argv);
	free(qd);
	free(qt);
	free(jobs);
	free(log);
	free(tool);
	return ret;
}

static int start(struct fleet *f, struct branch **b, int n, struct lc_err *err)
{
	char *name = lc_path("%d", f->job.batch++), *list = elsewhere_list(f, name, b, n, err);
	int ret = list ? 0 : -1;

	for (int i = 0; i < n && ret == 0; i++)
		ret = elsewhere_submit(f, b[i], name, err);
	if (ret == 0)
		ret = spawn(f, list, err);
	free(list);
	free(name);
	return ret;
}

static int turn(struct fleet *f, struct lc_err *err)
{
	(void)err;
	if (f->job.proc.pid)
		lc_proc_poll(&f->job.proc, &f->keeper, 0, f->set->launch.grace_s);
	return 0;
}

static int look(struct fleet *f, struct branch *b, FILE *out, struct lc_err *err)
{
	int over = elsewhere_look(f, b, out, err);

	if (over)
		return over;
	if (!f->job.proc.pid)
		elsewhere_missing(f, b);
	return b->status >= DONE;
}

/* parallel passes a second SIGTERM on to what it runs; ours have a leash as well. */
static void stop(struct fleet *f)
{
	double t0 = lc_now();

	lc_proc_term(&f->job.proc);
	while (!lc_proc_poll(&f->job.proc, &f->keeper, 0, f->set->launch.grace_s) &&
	       lc_now() - t0 < 2 * f->set->launch.grace_s)
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
}

static void close_parallel(struct fleet *f)
{
	lc_proc_kill(&f->job.proc, &f->keeper);
}

const struct engine engine_parallel = {"parallel", 0,	 open_parallel, room,	       start,
				       look,	   turn, stop,		close_parallel};

/*
 * one: run one branch of a fork on the machine this is called on, for the engines whose branches
 * run elsewhere. It is the runner with a main(): whatever is submitted twice, requeued or killed,
 * a branch is run by one of these at a time, and never again once it has ended.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fork.h"
#include "io.h"
#include "json.h"
#include "option.h"
#include "runner.h"
#include "words.h"

#define BEAT_S 2.0  /* status.json is written anew so often */
#define WAIT_S 30.0 /* for an earlier runner of the branch to be gone */

static const char *list, *dir, *name;
static long index_of = -1, slot;
static volatile sig_atomic_t told_to_end;

static const char usage[] =
	"usage: lc-fork one [--slot N] DIR BRANCH\n"
	"       lc-fork one --list FILE --index N [--slot N] DIR\n"
	"Run one branch of the fork in DIR here: what an engine runs on another machine.\n"
	"      --list FILE   branches, one a line\n"
	"      --index N     which of them, from 0\n"
	"      --slot N      the place it runs at, from 1: which value of each --slot it gets\n";

static void options(int argc, char **argv)
{
	static const struct option longs[] = {{"list", 1, 0, 'l'},
					      {"index", 1, 0, 'i'},
					      {"slot", 1, 0, 's'},
					      {"help", 0, 0, 'h'},
					      {0, 0, 0, 0}};
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":l:i:s:", longs, NULL)) != -1) {
		switch (c) {
		case 'l': list = optarg; break;
		case 'i': index_of = lc_option_whole(optarg, "--index", 0, 1L << 30); break;
		case 's': slot = lc_option_whole(optarg, "--slot", 0, 1L << 30); break;
		case 'h': fputs(usage, stdout); exit(lc_finish(0));
		default: lc_usage_option(c, argv);
		}
	}
	if (argc - optind != (list ? 1 : 2) || (list && index_of < 0))
		lc_usage("one: wants DIR and BRANCH, or --list, --index and DIR");
	dir = argv[optind];
	name = list ? NULL : argv[optind + 1];
}

/* The branch's name, from the list where there is one. The caller's. */
static char *find_name(struct lc_err *err)
{
	struct lc_lines in;
	char *line, *found = NULL;
	size_t len;
	long n = 0;

	if (name)
		return lc_path("%s", name);
	if (lc_lines_open(&in, list, 0, err) < 0)
		return NULL;
	while (!found && lc_lines_next(&in, &line, &len, err) > 0)
		if (n++ == index_of)
			found = lc_path("%s", line);
	lc_lines_close(&in);
	if (!found)
		lc_fail(err, LC_DATA, "%s: has no line %ld", list, index_of + 1);
	return found;
}

/* Held as long as this process lives, wherever the directory is. */
static int take_lock(const char *id, struct lc_err *err)
{
	char *path = lc_path("%s/run/%s.lock", dir, id);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666), ret = fd;
	double t0 = lc_now();

	if (fd < 0)
		lc_fail_sys(err, "open %s", path);
	while (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			ret = lc_fail_sys(err, "lock %s", path);
		else if (lc_now() - t0 > WAIT_S)
			ret = lc_fail(err, LC_SYS, "branch %s: is being run by another", id);
		if (ret < 0)
			break;
		nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
	}
	free(path);
	return ret;
}

/* Where a node keeps its own copy of a state: restored by the first that comes, for all. */
static int restore_here(struct branch *b, const struct launch *l, struct lc_err *err)
{
	const char *id = lc_json_get_str(json_object_get(b->rec, "from"), "snapshot", NULL);
	char *path;
	int fd, ret;

	if (!l->node_dir || b->parent || !id)
		return 0;
	if (lc_mkdirs(l->node_dir, err) < 0)
		return -1;
	path = lc_path("%s/%.16s.lock", l->node_dir, id);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	free(path);
	if (fd < 0 || flock(fd, LOCK_EX) < 0)
		return lc_fail_sys(err, "lock the states of %s", l->node_dir);
	free(b->state);
	b->state = lc_path("%s/%.16s", l->node_dir, id);
	ret = snapshot_restore(l->store, id, b->state, err);
	close(fd);
	return ret;
}

static void on_signal(int sig)
{
	if (sig != SIGCHLD)
		told_to_end = sig;
}

static void catch_signals(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGCHLD};
	struct sigaction sa = {.sa_handler = on_signal};
	sigset_t child;

	for (int i = 0; i < 5; i++)
		sigaction(signals[i], &sa, NULL);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
}

/* Has the lc-fork that leads us been gone for too long? By its file's changes on our clock: the
 * clocks of two machines are not compared. */
static int left_alone(const struct launch *l)
{
	static struct timespec seen;
	static double seen_at;
	char *path = lc_path("%s/alive", dir);
	struct stat st = {.st_size = 0};

	stat(path, &st);
	free(path);
	if (!seen_at || st.st_mtim.tv_sec != seen.tv_sec || st.st_mtim.tv_nsec != seen.tv_nsec) {
		seen = st.st_mtim;
		seen_at = lc_now();
	}
	return l->leash_s > 0 && lc_now() - seen_at > l->leash_s;
}

/* A queue that ends a job signals all of it: when the command died of a signal that was not ours,
 * is one for us on its way? */
static int ended_with_us(const struct branch *b)
{
	double t0 = lc_now();
	sigset_t open;

	sigemptyset(&open);
	if (!WIFSIGNALED(b->proc.status) || b->proc.term_at)
		return 0;
	while (!told_to_end && lc_now() - t0 < 3)
		ppoll(NULL, 0, &(struct timespec){.tv_nsec = 100000000}, &open);
	return told_to_end != 0;
}

static int ended_from_outside(struct branch *b, const struct launch *l, struct lc_keeper *k,
			      struct lc_err *err)
{
	lc_proc_term(&b->proc);
	while (!lc_proc_poll(&b->proc, k, 0, l->grace_s))
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	return lc_fail(err, LC_SYS, "branch %s: ended from outside", b->id);
}

/* Run it to its end. A runner that is told to end leaves no end behind: the branch is run again. */
static int run(struct branch *b, const struct launch *l, struct lc_keeper *k, struct lc_err *err)
{
	const struct timespec nap = {.tv_nsec = 100000000};
	double beat = lc_now();
	sigset_t open;
	int over = 0;

	sigemptyset(&open);
	while (over == 0) {
		ppoll(NULL, 0, &nap, &open);
		if (told_to_end || left_alone(l))
			return ended_from_outside(b, l, k, err);
		over = runner_look(b, l, k, NULL, err);
		if (over > 0 && ended_with_us(b))
			return ended_from_outside(b, l, k, err);
		if (over || lc_now() - beat < BEAT_S || b->status != RUNNING)
			continue;
		beat = lc_now();
		b->wall_s = beat - b->proc.started;
		if (branch_save(b, l->tmpl, err) < 0)
			return -1;
	}
	return over < 0 ? -1 : branch_save(b, l->tmpl, err);
}

static json_t *load(const char *what, const char *id, struct lc_err *err)
{
	char *path = lc_path("%s/%s%s%s", dir, what, id ? id : "", id ? ".json" : "");
	json_t *j = lc_json_load(path, err);

	free(path);
	return j;
}

static int run_named(const char *id, struct lc_err *err)
{
	json_t *lj = load("launch.json", NULL, err), *job = lj ? load("run/", id, err) : NULL;
	struct lc_keeper k = {.fd = -1};
	struct branch b = {.rec = NULL};
	struct launch l;
	int ret = -1, lock = -1;

	if (lj && job)
		launch_from_json(&l, lj);
	if (lj && job &&
	    branch_init(&b, json_incref(json_object_get(job, "record")), dir, err) == 0 &&
	    (lock = take_lock(id, err)) >= 0) {
		branch_load(&b, l.tmpl);
		b.state = lc_path("%s", lc_json_get_str(job, "state", ""));
		b.slot = (int)slot - 1;
		if (b.status >= DONE)
			ret = 0; /* submitted twice */
		else if (restore_here(&b, &l, err) == 0 && lc_keeper_open(&k, err) == 0 &&
			 (catch_signals(), runner_start(&b, &l, &k, err)) == 0)
			ret = b.status >= DONE ? 0 : run(&b, &l, &k, err);
		lc_keeper_close(&k);
	}
	branch_release(&b);
	json_decref(job);
	json_decref(lj);
	if (lock >= 0)
		close(lock);
	return ret;
}

int verb_one(int argc, char **argv)
{
	struct lc_err err = {LC_SYS, ""};
	char *id;
	int ret = -1;

	options(argc, argv);
	dir = realpath(dir, NULL);
	id = dir ? find_name(&err) : NULL;
	if (!dir)
		lc_fail_sys(&err, "find %s", argv[argc - 1]);
	if (id && !lc_is_name(id))
		lc_fail(&err, LC_DATA, "branch \"%.40s\": not a name", id);
	else if (id)
		ret = run_named(id, &err);
	free(id);
	free((char *)dir);
	if (ret < 0)
		lc_die(&err);
	return lc_finish(0);
}

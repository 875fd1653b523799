/*
 * detach: save with --move or --detach: the state is taken over first, then saved, here or in a
 * process of its own. See job.h.
 *
 * Whatever is killed when, the job's file says where the state is: what a killed process leaves is
 * named by the next save, and finished by wait --retry.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "job.h"
#include "json.h"

int job_run(struct job *j, const struct opts *o, json_t **record, struct lc_err *err)
{
	struct opts mine = *o;
	struct lc_err why;

	mine.run = j->m.run;
	mine.step = j->m.step;
	mine.tags = j->m;
	mine.require = j->require;
	mine.part = j->part;
	mine.parts = j->parts;
	mine.group = j->group;
	if (save_path(&mine, j->path, record, err) < 0) {
		job_failed(j, err);
		return -1;
	}
	/* the state is kept; bytes that cannot be removed are only said */
	if (job_done(j, json_incref(*record), &why) < 0)
		lc_warn("%s", why.text);
	return 0;
}

/* Earlier states of the same run come first: later ones are predicted from them. */
static void wait_for_earlier(const struct job *j, const struct opts *o)
{
	struct job_list list;
	struct lc_err err;

	if (jobs_load(o, 0, &list, &err) < 0)
		return;
	for (size_t i = 0; i < list.n; i++) {
		struct job *k = &list.j[i];
		int earlier =
			k->time < j->time || (k->time == j->time && strcmp(k->file, j->file) < 0);
		if (k->fd < 0 && earlier && strcmp(k->m.run, j->m.run) == 0 && k->part == j->part &&
		    strcmp(k->host, j->host) == 0)
			job_wait(k, &err);
	}
	jobs_release(&list);
}

/* A process without terminal, session or descriptors of its caller's; the job stays held. */
static void leave(struct job *j)
{
	const char *given = getenv("LC_LOG"), *path = given && *given ? given : j->log;
	int null = open("/dev/null", O_RDWR), log = open(path, O_WRONLY | O_CREAT | O_APPEND, 0666);

	setsid();
	signal(SIGPIPE, SIG_IGN);
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(log >= 0 ? log : null, STDERR_FILENO);
	if (j->fd > 3)
		close_range(3, (unsigned)j->fd - 1, 0);
	close_range((unsigned)j->fd + 1, ~0u, 0);
	if (chdir("/") < 0)
		lc_warn("chdir /: %s", strerror(errno));
}

static void background(struct job *j, struct opts *o)
{
	char *store = realpath(o->store, NULL);
	struct lc_err err;
	json_t *record = NULL;

	leave(j);
	if (store)
		o->store = store;
	o->quiet = 1;
	wait_for_earlier(j, o);
	if (job_run(j, o, &record, &err) < 0)
		lc_warn("%s@%ld: %s", j->m.run, j->m.step, err.text);
	_exit(0);
}

static int print_job(struct job *j, struct lc_err *err)
{
	json_t *o;
	int ret, fd = j->fd;

	j->fd = -1; /* it runs */
	o = job_record(j);
	j->fd = fd;
	ret = lc_json_emit(stdout, o, err);
	json_decref(o);
	return ret;
}

static int capture(struct job *j, const struct opts *o, struct tree *t, int clone,
		   struct lc_err *err)
{
	int ret = o->move ? capture_move(j, err) : capture_copy(j, t, clone, err);

	if (ret == 0)
		ret = job_captured(j, err);
	if (ret < 0 && !(j->moved && j->state == JOB_CAPTURED && capture_back(j) < 0))
		job_drop(j, NULL);
	return ret;
}

static void job_of(struct job *j, const struct opts *o, const struct tree *t,
		   const struct lc_manifest *m)
{
	memset(j, 0, sizeof(*j));
	j->fd = -1;
	j->origin = lc_path("%s", t->root);
	j->moved = o->move;
	j->m.run = lc_path("%s", m->run);
	j->m.step = m->step;
	for (size_t i = 0; i < m->ntags; i++)
		lc_manifest_tag(&j->m, m->tags[i].key, m->tags[i].value, NULL);
	j->require = o->require;
	j->part = o->part;
	j->parts = o->parts;
	j->group = lc_path("%s", o->group ? o->group : "");
	j->bytes = lc_manifest_bytes(m);
}

static int begin_in(struct job *j, const struct opts *o, struct tree *t, const char *dir, int clone,
		    struct lc_err *err)
{
	job_of(j, o, t, t->m);
	if (job_begin(j, o, dir, err) == 0 && capture(j, o, t, clone, err) == 0)
		return 0;
	job_release(j);
	return -1;
}

/* A job, and the bytes with it. A copy that memory cannot take after all goes into the store. */
static int begin(struct job *j, const struct opts *o, struct tree *t, struct lc_err *err)
{
	struct lc_store *st = lc_store_open(o->store, 1, err); /* to see what it can */
	char *beside = lc_path("%.*s", (int)(strrchr(t->root, '/') - t->root), t->root);
	const char *dir;
	int clone = 0, ret = -1;

	lc_store_close(st);
	if (st) {
		dir = o->move ? beside : capture_where(o, t, &clone);
		ret = begin_in(j, o, t, dir, clone, err);
		if (ret < 0 && err->code == LC_SYS && !o->move && dir)
			ret = begin_in(j, o, t, NULL, 0, err);
	}
	free(beside);
	return ret;
}

/* In this process. What was moved goes back, when it can, so that a failure has changed nothing. */
static int here(struct job *j, const struct opts *o, struct lc_err *err)
{
	json_t *record = NULL;
	struct lc_err why;
	int ret = job_run(j, o, &record, err);

	if (ret == 0) {
		ret = lc_json_emit(stdout, record, err);
	} else if (!j->moved || capture_back(j) == 0) {
		job_drop(j, NULL);
	} else {
		job_told(j);
		why = *err;
		lc_fail(err, why.code, "%.200s; the state is kept in %.200s: lc-snap wait --retry",
			why.text, j->path);
	}
	json_decref(record);
	return ret;
}

int save_taken(const struct opts *o, const char *path, struct tree *t, struct lc_err *err)
{
	struct opts mine = *o;
	struct stat sb;
	struct job j;
	pid_t pid = -1;
	int ret;

	if (o->move && lstat(path, &sb) == 0 && S_ISLNK(sb.st_mode))
		return lc_fail(err, LC_USAGE, "%s: a link cannot be moved", path);
	if (begin(&j, o, t, err) < 0)
		return -1;
	if (o->detach)
		pid = fork();
	if (pid == 0)
		background(&j, &mine);
	/* also here when no process can be had */
	ret = pid > 0 ? print_job(&j, err) : here(&j, o, err);
	job_release(&j);
	return ret;
}

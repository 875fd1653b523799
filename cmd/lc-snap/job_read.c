/* job_read: what became of the states that were taken over. See job.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "io.h"
#include "job.h"
#include "json.h"
#include "store_parts.h"

static char *decoded(const json_t *o, const char *key)
{
	const char *text = lc_json_get_str(o, key, NULL);

	return text ? lc_path_decode(text) : NULL;
}

static int parse_first(struct job *j, const json_t *o)
{
	int require = lc_role_parse(json_object_get(o, "require"));
	const char *run = lc_json_get_str(o, "run", NULL), *key;
	json_t *v;

	j->origin = decoded(o, "origin");
	j->spool = decoded(o, "spool");
	j->path = decoded(o, "path");
	j->moved = json_is_true(json_object_get(o, "moved"));
	j->m.step = lc_json_get_int(o, "step", -1);
	j->time = lc_json_get_num(o, "time", 0);
	j->bytes = (uint64_t)lc_json_get_int(o, "bytes", 0);
	j->part = (int)lc_json_get_int(o, "part", 0);
	j->parts = (int)lc_json_get_int(o, "of", 0);
	j->group = lc_path("%s", lc_json_get_str(o, "group", ""));
	j->host = lc_path("%s", lc_json_get_str(o, "host", ""));
	j->require = require < 0 ? 0 : (unsigned)require;
	if (!run || !lc_manifest_plain(run) || !lc_manifest_plain(j->host) || !j->origin ||
	    !j->spool || !j->path || j->m.step < 0 || j->parts < 0 || j->parts > LC_PARTS_MAX ||
	    j->part < 0 || j->part > j->parts)
		return -1;
	/* what is removed one day must be a directory of ours */
	if (strncmp(j->path, j->spool, strlen(j->spool)) != 0 || *j->spool != '/' ||
	    !strstr(j->spool, strrchr(j->file, '/') + 1))
		return -1;
	j->m.run = lc_path("%s", run);
	json_object_foreach(json_object_get(o, "tags"), key, v)
		if (!json_string_value(v) ||
		    lc_manifest_tag(&j->m, key, json_string_value(v), NULL) < 0)
			return -1;
	return 0;
}

static void parse_state(struct job *j, const json_t *o)
{
	const char *s = lc_json_get_str(o, "state", "");

	if (strcmp(s, "told") == 0)
		j->told = 1;
	else if (strcmp(s, "captured") == 0)
		j->state = JOB_CAPTURED;
	else if (strcmp(s, "done") == 0)
		j->state = JOB_DONE;
	else if (strcmp(s, "failed") == 0)
		j->state = JOB_FAILED;
	if (strcmp(s, "failed") == 0) {
		j->told = 0;
		j->code = (int)lc_json_get_int(o, "code", LC_SYS);
		free(j->why);
		j->why = decoded(o, "why");
	}
	if (strcmp(s, "done") == 0 && !j->record)
		j->record = json_incref(json_object_get(o, "record"));
}

/* Lines up to the first that is torn. With the lines read before, again. */
static int parse(struct job *j, struct lc_err *err)
{
	struct lc_lines ls = {.fd = dup(j->fd), .path = j->file};
	char *line;
	size_t len;
	int ret = 0, n = 0;

	if (ls.fd < 0 || lseek(ls.fd, 0, SEEK_SET) < 0) {
		lc_lines_close(&ls);
		return lc_fail_sys(err, "read %s", j->file);
	}
	while (ret == 0 && lc_lines_next(&ls, &line, &len, err) > 0) {
		json_t *o = lc_json_parse(line, len, j->file, NULL);
		if (ls.torn || !o) {
			json_decref(o);
			break;
		}
		if (n++ == 0 && !j->origin)
			ret = parse_first(j, o);
		else
			parse_state(j, o);
		json_decref(o);
	}
	lc_lines_close(&ls);
	return n == 0 || ret < 0 ? lc_fail(err, LC_DATA, "%s: malformed", j->file) : 0;
}

static int lock(int fd, int how)
{
	int ret;

	do
		ret = flock(fd, how);
	while (ret < 0 && errno == EINTR);
	return ret;
}

int job_wait(struct job *j, struct lc_err *err)
{
	int fd = open(j->file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), ret;

	if (fd < 0) { /* done, and gone */
		j->state = JOB_DONE;
		return errno == ENOENT ? 0 : lc_fail_sys(err, "open %s", j->file);
	}
	ret = lock(fd, LOCK_SH) < 0 ? lc_fail_sys(err, "lock %s", j->file) : 0;
	j->fd = fd;
	if (ret == 0)
		ret = parse(j, err);
	close(fd);
	j->fd = -1;
	return ret;
}

/* Killed while it wrote its first line: it has taken nothing. */
static int is_torn(int fd)
{
	char buf[65536];
	ssize_t n = pread(fd, buf, sizeof(buf), 0);

	return n >= 0 && n < (ssize_t)sizeof(buf) && !memchr(buf, '\n', (size_t)n);
}

/* 1; 0 when it is gone, or is no job; -1. */
static int load_one(const char *file, int alone, struct job *j, struct lc_err *err)
{
	struct stat a, b;
	int held, ret;

	memset(j, 0, sizeof(*j));
	j->file = realpath(file, NULL);
	j->fd = open(file, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (j->fd < 0) /* a store that is read-only */
		j->fd = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (!j->file || j->fd < 0) {
		ret = errno == ENOENT ? 0 : lc_fail_sys(err, "open %s", file);
		job_release(j);
		return ret;
	}
	j->log = lc_path("%s.log", j->file);
	held = lock(j->fd, (alone ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0;
	ret = parse(j, err) < 0 ? -1 : 1;
	/* gone between the open and the lock; or killed before its first line was written */
	if (held && (stat(j->file, &a) < 0 || fstat(j->fd, &b) < 0 || a.st_ino != b.st_ino))
		ret = 0;
	if (held && ret < 0 && is_torn(j->fd)) {
		if (alone)
			unlink(j->file);
		ret = 0;
	}
	if (!held && ret < 0) /* it is just being written */
		ret = 0;
	if (ret < 1) {
		job_release(j);
		return ret;
	}
	if (!held) {
		close(j->fd);
		j->fd = -1;
	}
	return 1;
}

static int by_time(const void *pa, const void *pb)
{
	const struct job *a = pa, *b = pb;

	return a->time != b->time ? (a->time < b->time ? -1 : 1) : strcmp(a->file, b->file);
}

/* 16 digits, as store_tmp gives. */
static int is_job(const struct dirent *de)
{
	return strlen(de->d_name) == 16 && strspn(de->d_name, "0123456789abcdef") == 16;
}

int jobs_load(const struct opts *o, int alone, struct job_list *list, struct lc_err *err)
{
	char *dir = lc_path("%s/jobs", o->store);
	struct dirent **names;
	int n = scandir(dir, &names, is_job, NULL), ret = 0;

	memset(list, 0, sizeof(*list));
	if (n < 0 && errno != ENOENT && errno != ENOTDIR)
		ret = lc_fail_sys(err, "read %s", dir);
	if (n > 0)
		list->j = lc_xalloc((size_t)n, sizeof(*list->j));
	for (int i = 0; i < n; i++) {
		char *path = lc_path("%s/%s", dir, names[i]->d_name);
		struct lc_err why;
		int got = load_one(path, alone, &list->j[list->n], &why);
		if (got > 0)
			list->n++;
		else if (got < 0)
			lc_warn("%s", why.text);
		free(path);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	free(dir);
	if (list->n > 1)
		qsort(list->j, list->n, sizeof(*list->j), by_time);
	return ret;
}

void jobs_release(struct job_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		job_release(&list->j[i]);
	free(list->j);
	memset(list, 0, sizeof(*list));
}

char *job_words(const struct job *j)
{
	char *host = job_host(), *words;
	int here = strcmp(host, j->host) == 0, kept = access(j->path, F_OK) == 0;
	char part[40] = "";

	free(host);
	if (j->parts > 0)
		snprintf(part, sizeof(part), " part %d of %d", j->part, j->parts);
	if (j->fd < 0)
		words = lc_path("%s@%ld%s: is being saved", j->m.run, j->m.step, part);
	else
		words = lc_path("%s@%ld%s: %s%s; the state %s %s%s%s", j->m.run, j->m.step, part,
				j->state == JOB_FAILED ? "was not saved: " : "its save was killed",
				j->state == JOB_FAILED && j->why ? j->why : "",
				here && !kept ? "is lost, it was in" : "is kept in", j->path,
				here ? "" : " on ", here ? "" : j->host);
	return words;
}

json_t *job_record(const struct job *j)
{
	json_t *o = job_line(j);

	json_object_del(o, "pid");
	json_object_set_new(o, "state",
			    json_string(j->fd < 0		 ? "running"
					: j->state == JOB_FAILED ? "failed"
								 : "killed"));
	if (j->fd >= 0 && j->state == JOB_FAILED) /* what is no UTF-8 is left out */
		json_object_set_new(o, "why", json_string(j->why ? j->why : ""));
	return o;
}

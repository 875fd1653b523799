/* job: see job.h. */
#include "job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "io.h"
#include "json.h"
#include "store_tmp.h"

void job_release(struct job *j)
{
	if (j->fd >= 0)
		close(j->fd);
	free(j->file);
	free(j->log);
	free(j->origin);
	free(j->spool);
	free(j->path);
	free(j->group);
	free(j->host);
	free(j->why);
	json_decref(j->record);
	lc_manifest_release(&j->m);
	memset(j, 0, sizeof(*j));
	j->fd = -1;
}

static int add_line(struct job *j, json_t *o, int durable, struct lc_err *err)
{
	char *text = lc_json_text(o), *line = lc_path("%s\n", text);
	int ret = lseek(j->fd, 0, SEEK_END) < 0 ? lc_fail_sys(err, "write %s", j->file) : 0;

	if (ret == 0)
		ret = lc_write_all(j->fd, line, strlen(line), j->file, err);
	if (ret == 0 && durable && fsync(j->fd) < 0)
		ret = lc_fail_sys(err, "write %s", j->file);
	free(text);
	free(line);
	json_decref(o);
	return ret;
}

static json_t *encoded(const char *path)
{
	char *text = lc_path_encode(path);
	json_t *s = json_string(text);

	free(text);
	return s;
}

json_t *job_line(const struct job *j)
{
	json_t *tags = json_object(), *o;

	for (size_t i = 0; i < j->m.ntags; i++)
		json_object_set_new(tags, j->m.tags[i].key, json_string(j->m.tags[i].value));
	o = json_pack("{s:s,s:i,s:s,s:I,s:o,s:o,s:o,s:o,s:b,s:s,s:I,s:f,s:I,s:o}", "type", "job",
		      "v", 1, "run", j->m.run, "step", (json_int_t)j->m.step, "tags", tags,
		      "origin", encoded(j->origin), "spool", encoded(j->spool), "path",
		      encoded(j->path), "moved", j->moved, "host", j->host, "pid",
		      (json_int_t)getpid(), "time", j->time, "bytes", (json_int_t)j->bytes,
		      "require", lc_role_names(j->require));
	if (j->parts > 0) {
		json_object_set_new(o, "part", json_integer(j->part));
		json_object_set_new(o, "of", json_integer(j->parts));
		json_object_set_new(o, "group", json_string(j->group));
	}
	return o;
}

char *job_host(void)
{
	char host[65] = "";

	if (gethostname(host, sizeof(host) - 1) < 0 || !lc_manifest_plain(host))
		host[0] = '\0';
	return lc_path("%s", host);
}

int job_begin(struct job *j, const struct opts *o, const char *dir, struct lc_err *err)
{
	struct lc_store *st = lc_store_open(o->store, 1, err); /* made if there is none */
	char *jobs, *prefix;
	const char *base = strrchr(j->origin, '/') + 1;
	struct timespec now;
	struct lc_tmp t = {.fd = -1};
	int ret = -1;

	lc_store_close(st);
	if (!st)
		return -1;
	jobs = lc_path("%s/jobs", o->store);
	prefix = lc_path("%s/", jobs);
	clock_gettime(CLOCK_REALTIME, &now);
	j->time = (double)now.tv_sec + (double)(now.tv_nsec / 1000) * 1e-6;
	j->host = job_host();
	if (lc_mkdirs(jobs, err) < 0 || lc_tmp_file(&t, prefix, err) < 0)
		goto out;
	j->fd = t.fd;
	j->file = realpath(t.path, NULL); /* for those that work elsewhere */
	if (!j->file) {
		lc_fail_sys(err, "open %s", t.path);
		goto out;
	}
	j->log = lc_path("%s.log", j->file);
	j->spool = dir ? lc_path("%s/.lc-snap-%s", dir, strrchr(j->file, '/') + 1)
		       : lc_path("%s.state", j->file);
	j->path = lc_path("%s/%s", j->spool, base);
	ret = add_line(j, job_line(j), 1, err);
	if (ret == 0)
		ret = lc_fsync_dir(jobs, err);
out:
	free(t.path);
	free(jobs);
	free(prefix);
	return ret;
}

static json_t *state_line(const char *state)
{
	return json_pack("{s:s}", "state", state);
}

int job_captured(struct job *j, struct lc_err *err)
{
	j->state = JOB_CAPTURED;
	return add_line(j, state_line("captured"), 0, err);
}

int job_failed(struct job *j, const struct lc_err *why)
{
	json_t *o = state_line("failed");

	j->state = JOB_FAILED;
	j->told = 0;
	j->code = why->code;
	free(j->why);
	j->why = lc_path("%s", why->text);
	json_object_set_new(o, "code", json_integer(why->code));
	json_object_set_new(o, "why", encoded(why->text));
	return add_line(j, o, 0, NULL);
}

int job_told(struct job *j)
{
	j->told = 1;
	return add_line(j, state_line("told"), 0, NULL);
}

int job_drop(struct job *j, struct lc_err *err)
{
	if (lc_remove_tree(j->spool, err) < 0)
		return -1;
	if (unlink(j->log) < 0 && errno != ENOENT)
		return lc_fail_sys(err, "remove %s", j->log);
	if (unlink(j->file) < 0 && errno != ENOENT)
		return lc_fail_sys(err, "remove %s", j->file);
	return 0;
}

int job_done(struct job *j, json_t *record, struct lc_err *err)
{
	json_t *o = state_line("done");
	int ret;

	j->state = JOB_DONE;
	json_object_set_new(o, "record", json_incref(record));
	ret = add_line(j, o, 1, err); /* before the bytes go, so that nobody looks for them */
	json_decref(j->record);
	j->record = record;
	return ret < 0 ? -1 : job_drop(j, err);
}

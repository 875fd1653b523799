/* ledger: see ledger.h. */
#include "ledger.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "json.h"

#define FILES 8

static const char *const types[] = {"applied", "undone", "settled", NULL};

static int is(const json_t *rec, const char *type)
{
	return strcmp(lc_json_get_str(rec, "type", ""), type) == 0;
}

static void set_pending(struct ledger *l, json_t *rec)
{
	json_decref(l->pending);
	l->pending = rec ? json_incref(rec) : NULL;
}

static void fold(struct ledger *l, json_t *rec)
{
	long n = lc_json_get_int(rec, "n", 0), of = lc_json_get_int(rec, "of", 0);
	size_t top = json_array_size(l->in_force);

	if (is(rec, "settled")) {
		if (n == l->n)
			set_pending(l, NULL);
		return;
	}
	if (n <= 0 || !json_is_array(json_object_get(rec, "files")))
		return; /* of a version without files: nothing was promised */
	l->n = n;
	set_pending(l, rec);
	if (is(rec, "applied"))
		json_array_append(l->in_force, rec);
	else if (top > 0 && lc_json_get_int(json_array_get(l->in_force, top - 1), "n", 0) == of)
		json_array_remove(l->in_force, top - 1);
}

static int read_one(void *ctx, json_t *rec, const char *line, struct lc_err *err)
{
	(void)line;
	(void)err;
	fold(ctx, rec);
	return 0;
}

/* The files of a transaction, written beside their targets and not yet there. */
struct staged {
	struct lc_newfile f[FILES];
	const char *path[FILES]; /* of one that shall go; else NULL */
	size_t n;
};

static void unstage(struct staged *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->f[i].f)
			lc_newfile_abort(&s->f[i]);
	s->n = 0;
}

static int stage_one(struct staged *s, const json_t *file, struct lc_err *err)
{
	const char *path = lc_json_get_str(file, "path", NULL);
	const char *now = lc_json_get_str(file, "now", NULL);
	struct lc_newfile *f = &s->f[s->n];
	char *dir;
	int made;

	if (!path || *path != '/' || s->n == FILES)
		return lc_fail(err, LC_DATA, "a transaction whose files are none");
	/* of a transaction that a killed one left, the directory may have been cleared away since
	 */
	dir = lc_path("%.*s", (int)(strrchr(path, '/') - path), path);
	made = *dir && now ? lc_mkdirs(dir, err) : 0;
	free(dir);
	if (made < 0)
		return -1;
	memset(f, 0, sizeof(*f));
	s->path[s->n] = now ? NULL : path;
	if (now && lc_newfile_open(f, path, err) < 0)
		return -1;
	s->n++;
	if (now && (fputs(now, f->f) == EOF || fflush(f->f) == EOF))
		return lc_fail_sys(err, "write %s", path);
	return 0;
}

static int stage(struct staged *s, const json_t *rec, struct lc_err *err)
{
	const json_t *files = json_object_get(rec, "files");

	s->n = 0;
	for (size_t i = 0; i < json_array_size(files); i++)
		if (stage_one(s, json_array_get(files, i), err) < 0) {
			unstage(s);
			return -1;
		}
	return 0;
}

static int remove_file(const char *path, struct lc_err *err)
{
	if (unlink(path) < 0 && errno != ENOENT)
		return lc_fail_sys(err, "remove %s", path);
	return lc_fsync_parent(path, err);
}

/* What was staged becomes what is there, in order; then the journal says so. */
static int settle(struct ledger *l, struct staged *s, const json_t *rec, struct lc_err *err)
{
	struct lc_err why;
	json_t *done;
	int ret = 0;

	for (size_t i = 0; i < s->n && ret == 0; i++)
		ret = s->path[i] ? remove_file(s->path[i], &why)
				 : lc_newfile_commit(&s->f[i], &why);
	unstage(s);
	if (ret == 0) {
		done = lc_record_new("settled", 1);
		json_object_set(done, "n", json_object_get(rec, "n"));
		ret = lc_journal_add(&l->j, done, &why);
		json_decref(done);
	}
	if (ret < 0)
		return lc_fail(err, why.code, "%.380s (journaled: the next apply finishes it)",
			       why.text);
	set_pending(l, NULL);
	return 0;
}

int ledger_open(struct ledger *l, const char *path, struct lc_err *err)
{
	struct staged s;

	*l = (struct ledger){.j = {.fd = -1}, .in_force = json_array()};
	if (lc_journal_open(&l->j, path, err) < 0 ||
	    lc_journal_each(path, types, 1, read_one, l, err) < 0 ||
	    (l->pending &&
	     (stage(&s, l->pending, err) < 0 || settle(l, &s, l->pending, err) < 0))) {
		ledger_close(l);
		return -1;
	}
	return 0;
}

void ledger_close(struct ledger *l)
{
	lc_journal_close(&l->j);
	json_decref(l->in_force);
	json_decref(l->pending);
	memset(l, 0, sizeof(*l));
	l->j.fd = -1;
}

const json_t *ledger_top(const struct ledger *l)
{
	size_t n = json_array_size(l->in_force);

	return n > 0 ? json_array_get(l->in_force, n - 1) : NULL;
}

int ledger_file(json_t *rec, const char *path, const char *text, struct lc_err *err)
{
	json_t *files = json_object_get(rec, "files"), *was = json_null(), *one;
	size_t len;
	char *old;

	if (access(path, F_OK) == 0) {
		if (lc_read_file(path, &old, &len, err) < 0)
			return -1;
		was = json_stringn(old, len);
		free(old);
		if (!was)
			return lc_fail(err, LC_DATA, "%s: is no text", path);
	}
	if (!files) {
		files = json_array();
		json_object_set_new(rec, "files", files);
	}
	one = json_object();
	json_object_set_new(one, "path", json_string(path));
	json_object_set_new(one, "was", was);
	json_object_set_new(one, "now", text ? json_string(text) : json_null());
	return json_array_append_new(files, one) == 0
		       ? 0
		       : lc_fail(err, LC_DATA, "%s: is no text", path);
}

int ledger_commit(struct ledger *l, json_t *rec, struct lc_err *err)
{
	struct staged s;

	if (stage(&s, rec, err) < 0)
		return -1;
	if (lc_journal_add(&l->j, rec, err) < 0) {
		unstage(&s);
		return -1;
	}
	fold(l, rec);
	return settle(l, &s, rec, err);
}

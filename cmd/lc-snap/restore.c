/* restore: writes a snapshot out again, byte for byte, into a directory that appears whole. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "json.h"
#include "pool.h"
#include "snap.h"
#include "store_tmp.h"

struct restorer {
	const struct opts *o;
	struct lc_store *st;
	struct lc_pool *pool;
	const char *dir; /* the temporary */
	uint64_t done, total;
	/* the file being written */
	const struct lc_entry *e;
	const char *path;
	int fd;
	uint64_t *at; /* where each chunk starts; nchunks + 1 of them */
	pthread_mutex_t lock;
	int failed; /* number of the first chunk that failed */
	struct lc_err err;
};

static int write_at(int fd, const char *p, size_t len, uint64_t at, const char *path,
		    struct lc_err *err)
{
	while (len > 0) {
		ssize_t n = pwrite(fd, p, len, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return lc_fail_sys(err, "write %s", path);
		p += n;
		len -= (size_t)n;
		at += (uint64_t)n;
	}
	return 0;
}

static void chunk_task(void *ctx, int i)
{
	struct restorer *r = ctx;
	size_t len = (size_t)(r->at[i + 1] - r->at[i]);
	char *buf = lc_xalloc(len, 1);
	struct lc_err err;
	int ret = lc_store_get(r->st, &r->e->chunks[i], buf, len, &err);

	if (ret == 0)
		ret = write_at(r->fd, buf, len, r->at[i], r->e->path, &err);
	free(buf);
	pthread_mutex_lock(&r->lock);
	if (ret < 0 && (r->failed < 0 || i < r->failed)) {
		r->failed = i;
		r->err = err;
	}
	r->done += len;
	progress(r->o, r->done, r->total);
	pthread_mutex_unlock(&r->lock);
}

/* Where each chunk of e starts. They must add up to its size before a byte is written. */
static int lay_out(struct restorer *r, const struct lc_entry *e, struct lc_err *err)
{
	r->at = lc_xrealloc(r->at, e->nchunks + 1, sizeof(*r->at));
	r->at[0] = 0;
	for (size_t i = 0; i < e->nchunks; i++) {
		struct lc_err why;
		size_t len;
		if (lc_store_size(r->st, &e->chunks[i], &len, &why) < 0)
			return lc_fail(err, why.code, "%.100s: %.300s", e->path, why.text);
		r->at[i + 1] = r->at[i] + len;
	}
	if (r->at[e->nchunks] != e->size)
		return lc_fail(err, LC_DATA, "%.200s: its chunks do not add up to its size",
			       e->path);
	return 0;
}

static int restore_file(struct restorer *r, const struct lc_entry *e, const char *path,
			struct lc_err *err)
{
	unsigned mode = r->o->read_only ? 0444 : e->mode;

	if (lay_out(r, e, err) < 0)
		return -1;
	r->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (r->fd < 0)
		return lc_fail_sys(err, "create %s", path);
	r->e = e;
	r->failed = -1;
	lc_pool_run(r->pool, (int)e->nchunks, chunk_task, r);
	if (r->failed >= 0)
		lc_fail(err, r->err.code, "%.100s: %.350s", e->path, r->err.text);
	else if (fchmod(r->fd, mode) < 0 || fsync(r->fd) < 0)
		r->failed = lc_fail_sys(err, "write %s", path) < 0;
	close(r->fd);
	return r->failed >= 0 ? -1 : 0;
}

static int restore_entry(struct restorer *r, const struct lc_entry *e, const char *path,
			 struct lc_err *err)
{
	if (e->kind == LC_FILE)
		return restore_file(r, e, path, err);
	if (e->kind == LC_LINK)
		return symlink(e->target, path) < 0 ? lc_fail_sys(err, "link %s", path) : 0;
	if (strcmp(e->path, ".") != 0 && mkdir(path, 0700) < 0)
		return lc_fail_sys(err, "mkdir %s", path);
	return 0;
}

/* Directories get their modes last, the innermost first: one may be read-only. */
static int finish_dirs(const struct restorer *r, const struct lc_manifest *m, struct lc_err *err)
{
	chmod(r->dir, 0755); /* unless "." says otherwise: a single file's root has no entry */
	for (size_t i = m->n; i-- > 0;) {
		const struct lc_entry *e = &m->e[i];
		char *path = lc_path("%s/%s", r->dir, e->path);
		int ret = 0;
		if (e->kind == LC_DIR)
			ret = lc_fsync_dir(path, err);
		if (e->kind == LC_DIR && ret == 0 && chmod(path, e->mode) < 0)
			ret = lc_fail_sys(err, "write %s", path);
		free(path);
		if (ret < 0)
			return -1;
	}
	return 0;
}

static int restore_tree(struct restorer *r, const struct lc_manifest *m, struct lc_err *err)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < m->n; i++) {
		char *path = lc_path("%s/%s", r->dir, m->e[i].path);
		ret = restore_entry(r, &m->e[i], path, err);
		free(path);
	}
	progress(r->o, 0, 0);
	free(r->at);
	return ret < 0 ? -1 : finish_dirs(r, m, err);
}

static int is_free(const char *dir, struct lc_err *err)
{
	struct dirent **names;
	int n = scandir(dir, &names, NULL, NULL);

	if (n < 0 && errno == ENOENT)
		return 0;
	for (int i = 0; i < n; i++)
		free(names[i]);
	if (n >= 0)
		free(names);
	return n == 2 ? 0 : lc_fail(err, LC_USAGE, "%s: exists already", dir);
}

/* dir without its last slashes, its parents made, and free to be taken. The caller's. */
static char *prepare(const char *dir, struct lc_err *err)
{
	char *path = lc_path("%s", dir), *slash;
	int ret = is_free(dir, err);

	for (size_t n = strlen(path); n > 1 && path[n - 1] == '/'; n--)
		path[n - 1] = '\0';
	slash = strrchr(path, '/');
	if (ret == 0 && slash && slash > path) {
		*slash = '\0';
		ret = lc_mkdirs(path, err);
		*slash = '/';
	}
	if (ret == 0)
		return path;
	free(path);
	return NULL;
}

static int restore_to(const struct opts *o, struct lc_store *st, const struct lc_manifest *m,
		      const char *dir, struct lc_err *err)
{
	const char *slash = strrchr(dir, '/'), *base = slash ? slash + 1 : dir;
	char *prefix = lc_path("%.*s.%.200s.restore-", (int)(base - dir), dir, base);
	struct restorer r = {
		.o = o, .st = st, .lock = PTHREAD_MUTEX_INITIALIZER, .total = lc_manifest_bytes(m)};
	struct lc_tmp tmp;
	int ret;

	lc_tmp_clean(prefix);
	ret = lc_tmp_dir(&tmp, prefix, err);
	free(prefix);
	if (ret < 0)
		return -1;
	r.dir = tmp.path;
	r.pool = lc_pool_open(lc_cpu_count());
	ret = r.pool ? restore_tree(&r, m, err) : lc_fail_sys(err, "start threads");
	lc_pool_close(r.pool);
	if (ret < 0) {
		lc_tmp_abort(&tmp);
		return -1;
	}
	return lc_tmp_commit(&tmp, dir, err);
}

int verb_restore(const struct opts *o, int argc, char **argv)
{
	int by_step = o->step >= 0 || o->before >= 0;
	struct lc_snapshot s;
	struct lc_store *st;
	struct lc_err err;
	char *dir;
	int ret = -1;

	if (argc != 2 - by_step)
		lc_usage(by_step ? "restore takes one DIR beside --step or --before"
				 : "restore takes a snapshot and a DIR");
	dir = prepare(argv[argc - 1], &err);
	if (!dir)
		lc_die(&err);
	st = lc_store_open(o->store, 0, &err);
	if (!st)
		lc_die(&err);
	if (snap_pick(st, by_step ? NULL : argv[0], o, &s, &err) == 0)
		ret = restore_to(o, st, &s.m, dir, &err);
	if (ret == 0 && o->json) {
		json_t *record = snap_record(&s);
		ret = lc_json_emit(stdout, record, &err);
		json_decref(record);
	}
	lc_snapshot_release(&s);
	lc_store_close(st);
	free(dir);
	if (ret < 0)
		lc_die(&err);
	return LC_OK;
}

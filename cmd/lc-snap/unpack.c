/*
 * unpack: the tree of a snapshot, written out. See snap.h.
 *
 * All files are made first; then their chunks come, in the order in which they lie in the store,
 * each read once, wherever it belongs. What is all zero is left as a hole. The disk begins at once
 * with what is written, and all is synced in the end: a directory that is there under its name is
 * whole, also after a power failure.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io.h"
#include "pool.h"
#include "snap.h"
#include "store_fetch.h"

struct target { /* where a chunk belongs */
	const struct lc_entry *e;
	uint64_t at;
	size_t len;
};

struct unpacker {
	const struct opts *o;
	struct lc_store *st;
	const struct lc_manifest *m;
	const char *dir;
	struct lc_want *want; /* tag is the number of its target */
	struct target *target;
	size_t n;
	uint64_t done, total;
	pthread_mutex_t lock;
	size_t failed; /* the first target that failed, in order of the tree; n: none */
	struct lc_err err;
	/* with --partial */
	json_t *lost; /* gets what cannot be given; NULL: that is an error */
	char **why;   /* of each entry, why it is damaged; NULL: it is not */
};

static char *path_of(const struct unpacker *u, const struct lc_entry *e)
{
	return lc_path("%s/%s", u->dir, e->path);
}

/* Is this damage that is put up with? Then it is noted, the first of an entry. */
static int put_up(struct unpacker *u, const struct lc_entry *e, const struct lc_err *err)
{
	char **why = u->lost ? &u->why[e - u->m->e] : NULL;

	if (!why || err->code != LC_DATA)
		return 0;
	if (!*why)
		*why = lc_path("%s", err->text);
	return 1;
}

/* Where each chunk of e belongs. They must add up to its size before a byte is written. */
static int lay_out(struct unpacker *u, const struct lc_entry *e, struct lc_err *err)
{
	uint64_t at = 0;

	for (size_t i = 0; i < e->nchunks; i++, u->n++) {
		struct lc_err why;
		size_t len;
		if (lc_store_size(u->st, &e->chunks[i], &len, &why) < 0)
			return lc_fail(err, why.code, "%.100s: %.300s", e->path, why.text);
		u->want[u->n] = (struct lc_want){.id = e->chunks[i], .tag = u->n};
		u->target[u->n] = (struct target){e, at, len};
		at += len;
	}
	if (at != e->size)
		return lc_fail(err, LC_DATA, "%.200s: its chunks do not add up to its size",
			       e->path);
	return 0;
}

static int make_file(const struct lc_entry *e, const char *path, struct lc_err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600), ret = 0;

	if (fd < 0)
		return lc_fail_sys(err, "create %s", path);
	if (ftruncate(fd, (off_t)e->size) < 0)
		ret = lc_fail_sys(err, "write %s", path);
	close(fd);
	return ret;
}

static int make_entry(const struct lc_entry *e, const char *path, struct lc_err *err)
{
	if (e->kind == LC_FILE)
		return make_file(e, path, err);
	if (e->kind == LC_LINK)
		return symlink(e->target, path) < 0 ? lc_fail_sys(err, "link %s", path) : 0;
	if (strcmp(e->path, ".") != 0 && mkdir(path, 0700) < 0)
		return lc_fail_sys(err, "mkdir %s", path);
	return 0;
}

static int make_all(struct unpacker *u, struct lc_err *err)
{
	size_t chunks = 0;
	int ret = 0;

	for (size_t i = 0; i < u->m->n; i++)
		chunks += u->m->e[i].nchunks;
	u->want = lc_xalloc(chunks, sizeof(*u->want));
	u->target = lc_xalloc(chunks, sizeof(*u->target));
	for (size_t i = 0; i < u->m->n && ret == 0; i++) {
		size_t before = u->n;
		if (u->m->e[i].kind != LC_FILE)
			continue;
		ret = lay_out(u, &u->m->e[i], err);
		if (ret == 0 || !put_up(u, &u->m->e[i], err))
			continue;
		u->n = before; /* it is not known what of it would belong where */
		ret = 0;
	}
	for (size_t i = 0; i < u->m->n && ret == 0; i++) {
		char *path = path_of(u, &u->m->e[i]);
		ret = make_entry(&u->m->e[i], path, err);
		free(path);
	}
	u->failed = u->n;
	return ret;
}

static int is_zero(const char *p, size_t len)
{
	return len == 0 || (p[0] == 0 && memcmp(p, p + 1, len - 1) == 0);
}

static int write_chunk(const struct unpacker *u, const struct target *t, const char *p,
		       struct lc_err *err)
{
	uint64_t at = t->at, end = at + t->len;
	char *path;
	int fd, ret = 0;

	if (is_zero(p, t->len))
		return 0;
	path = path_of(u, t->e);
	fd = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0) /* blocks for all of it at once; where that cannot be, as they are written */
		fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)at, (off_t)t->len);
	while (fd >= 0 && ret == 0 && at < end) {
		ssize_t n = pwrite(fd, p, (size_t)(end - at), (off_t)at);
		if (n > 0) {
			p += n;
			at += (uint64_t)n;
		} else if (n < 0 && errno != EINTR) {
			ret = lc_fail_sys(err, "write %s", path);
		}
	}
	if (fd < 0)
		ret = lc_fail_sys(err, "open %s", path);
	else
		sync_file_range(fd, (off_t)t->at, (off_t)t->len, SYNC_FILE_RANGE_WRITE);
	if (fd >= 0)
		close(fd);
	free(path);
	return ret;
}

static int has_failed(struct unpacker *u)
{
	pthread_mutex_lock(&u->lock);
	int failed = u->failed < u->n && u->err.code == LC_SYS;
	pthread_mutex_unlock(&u->lock);
	return failed;
}

/* Which damage is met first depends on the threads; which is told does not: all is looked at. */
static void take_chunk(void *ctx, const struct lc_want *w, const void *raw, size_t len,
		       const struct lc_err *why)
{
	struct unpacker *u = ctx;
	const struct target *t = &u->target[w->tag];
	struct lc_err err = *why;
	int ret = -1;

	if (has_failed(u)) /* the disk is full */
		return;
	if (raw && len != t->len)
		lc_fail(&err, LC_DATA, "a chunk is of another length");
	else if (raw)
		ret = write_chunk(u, t, raw, &err);
	pthread_mutex_lock(&u->lock);
	if (!raw) /* whatever kept it from being read: the rest may be */
		err.code = u->lost ? LC_DATA : err.code;
	if (ret < 0 && put_up(u, t->e, &err))
		ret = 0;
	if (ret < 0 && w->tag < u->failed) {
		u->failed = w->tag;
		u->err = err;
	}
	u->done += t->len;
	progress(u->o, u->done, u->total);
	pthread_mutex_unlock(&u->lock);
}

static int fill_all(struct unpacker *u, struct lc_err *err)
{
	int ret = lc_store_fetch(u->st, u->want, u->n, take_chunk, u, err);

	progress(u->o, 0, 0);
	if (ret == 0 && u->failed < u->n)
		ret = lc_fail(err, u->err.code, "%.100s: %.350s", u->target[u->failed].e->path,
			      u->err.text);
	return ret;
}

/* A file that is damaged is left out, or with --keep-damaged has zeros where it is damaged. */
static int drop_lost(struct unpacker *u, struct lc_err *err)
{
	int ret = 0;

	for (size_t i = 0; u->lost && i < u->m->n && ret == 0; i++) {
		char *path, *shown;
		if (!u->why[i])
			continue;
		path = path_of(u, &u->m->e[i]);
		shown = lc_path_encode(u->m->e[i].path);
		json_array_append_new(u->lost,
				      json_pack("{s:s,s:s}", "path", shown, "why", u->why[i]));
		if (!u->o->keep_damaged && unlink(path) < 0)
			ret = lc_fail_sys(err, "remove %s", path);
		free(shown);
		free(path);
	}
	return ret;
}

static int finish_file(const struct unpacker *u, const struct lc_entry *e, struct lc_err *err)
{
	char *path = path_of(u, e);
	int fd = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC), ret = 0;

	if (fd < 0 || fchmod(fd, u->o->read_only ? 0444 : e->mode) < 0 || fsync(fd) < 0)
		ret = lc_fail_sys(err, "write %s", path);
	if (fd >= 0)
		close(fd);
	free(path);
	return ret;
}

static int finish_dir(const struct unpacker *u, const struct lc_entry *e, struct lc_err *err)
{
	char *path = path_of(u, e);
	int ret = lc_fsync_dir(path, err);

	if (ret == 0 && chmod(path, e->mode) < 0)
		ret = lc_fail_sys(err, "write %s", path);
	free(path);
	return ret;
}

/* Directories get their modes last, the innermost first: one may be read-only. */
static int finish_all(const struct unpacker *u, struct lc_err *err)
{
	int ret = 0;

	chmod(u->dir, 0755); /* unless "." says otherwise: a single file's root has no entry */
	for (size_t i = 0; i < u->m->n && ret == 0; i++)
		if (u->m->e[i].kind == LC_FILE && (u->o->keep_damaged || !u->why || !u->why[i]))
			ret = finish_file(u, &u->m->e[i], err);
	for (size_t i = u->m->n; i-- > 0 && ret == 0;)
		if (u->m->e[i].kind == LC_DIR)
			ret = finish_dir(u, &u->m->e[i], err);
	return ret;
}

int unpack_tree(const struct opts *o, struct lc_store *st, const struct lc_manifest *m,
		const char *dir, json_t *lost, struct lc_err *err)
{
	struct unpacker u = {.o = o,
			     .st = st,
			     .m = m,
			     .dir = dir,
			     .lost = lost,
			     .why = lost ? lc_xalloc(m->n, sizeof(char *)) : NULL,
			     .lock = PTHREAD_MUTEX_INITIALIZER,
			     .total = lc_manifest_bytes(m)};
	int ret = -1;

	if (make_all(&u, err) == 0 && fill_all(&u, err) == 0 && drop_lost(&u, err) == 0)
		ret = finish_all(&u, err);
	for (size_t i = 0; u.why && i < m->n; i++)
		free(u.why[i]);
	free(u.why);
	free(u.want);
	free(u.target);
	return ret;
}

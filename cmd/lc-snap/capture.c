/* capture: the bytes of a state taken over, so that the trainer may go on. See job.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "io.h"
#include "job.h"
#include "pool.h"

#define SEGMENT ((uint64_t)8 << 20) /* copied by one thread at a time */
#define BUFFER ((size_t)1 << 20)
#define SPARE ((uint64_t)256 << 20) /* memory left to others */

int capture_move(const struct job *j, struct lc_err *err)
{
	if (mkdir(j->spool, 0700) < 0)
		return lc_fail_sys(err, "mkdir %s", j->spool);
	if (rename(j->origin, j->path) < 0) {
		lc_fail_sys(err, "move %s", j->origin);
		rmdir(j->spool);
		return -1;
	}
	return 0;
}

int capture_back(const struct job *j)
{
	if (renameat2(AT_FDCWD, j->path, AT_FDCWD, j->origin, RENAME_NOREPLACE) < 0)
		return -1;
	rmdir(j->spool);
	return 0;
}

/* ---- copies ---- */

struct copy {
	const struct job *j;
	const struct tree *t;
	struct segment {
		size_t entry;
		uint64_t at;
	} * s;
	size_t n;
	pthread_mutex_t lock;
	struct lc_err *err;
	int failed;
};

/* Where entry i of the tree lies in the copy; the caller's. */
static char *place(const struct copy *c, size_t i)
{
	const char *rel = c->t->m->e[i].path;

	return c->t->single || strcmp(rel, ".") == 0 ? lc_path("%s", c->j->path)
						     : lc_path("%s/%s", c->j->path, rel);
}

static int copy_range(int from, int to, uint64_t at, uint64_t end, char *buf, const char *path,
		      struct lc_err *err)
{
	while (at < end) {
		size_t len = end - at < BUFFER ? (size_t)(end - at) : BUFFER, done = 0;
		ssize_t n = pread(from, buf, len, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return lc_fail_sys(err, "read %s", path);
		if (n == 0)
			return lc_fail(err, LC_DATA, "%s: changed while it was read", path);
		while (done < (size_t)n) {
			ssize_t w = pwrite(to, buf + done, (size_t)n - done, (off_t)(at + done));
			if (w < 0 && errno != EINTR)
				return lc_fail_sys(err, "copy %s", path);
			done += w > 0 ? (size_t)w : 0;
		}
		at += (uint64_t)n;
	}
	return 0;
}

static void copy_task(void *ctx, int i)
{
	struct copy *c = ctx;
	const struct segment *s = &c->s[i];
	uint64_t size = c->t->m->e[s->entry].size;
	char *from = tree_path(c->t, s->entry), *to = place(c, s->entry), *buf = NULL;
	int in = -1, out = -1, ret = -1;
	struct lc_err err;

	if (c->failed)
		goto out;
	in = open(from, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	out = in < 0 ? -1 : open(to, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	buf = malloc(BUFFER);
	if (in < 0 || out < 0 || !buf)
		lc_fail_sys(&err, "copy %s", from);
	else
		ret = copy_range(in, out, s->at, s->at + SEGMENT < size ? s->at + SEGMENT : size,
				 buf, from, &err);
	if (ret < 0) {
		pthread_mutex_lock(&c->lock);
		if (!c->failed)
			*c->err = err;
		c->failed = 1;
		pthread_mutex_unlock(&c->lock);
	}
out:
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	free(buf);
	free(from);
	free(to);
}

static int clone_file(const char *from, int to)
{
	int fd = open(from, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	int ret = fd < 0 ? -1 : ioctl(to, FICLONE, fd);

	if (fd >= 0)
		close(fd);
	return ret;
}

/* Directories, links, and files: empty ones, or clones. */
static int make_entry(const struct copy *c, size_t i, int clone, struct lc_err *err)
{
	const struct lc_entry *e = &c->t->m->e[i];
	char *to = place(c, i), *from = tree_path(c->t, i);
	int ret, fd = -1;

	if (e->kind == LC_DIR) {
		ret = mkdir(to, 0700);
	} else if (e->kind == LC_LINK) {
		ret = symlink(e->target, to);
	} else {
		ret = fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (ret >= 0 && clone && e->size > 0)
			ret = clone_file(from, fd);
		else if (ret >= 0 && e->size > 0) /* now rather than half way */
			ret = fallocate(fd, 0, 0, (off_t)e->size) < 0 && errno == ENOSPC ? -1 : 0;
		if (fd >= 0)
			close(fd);
	}
	if (ret < 0)
		lc_fail_sys(err, "copy %s to %s", from, to);
	free(to);
	free(from);
	return ret < 0 ? -1 : 0;
}

/* Modes last, the innermost first: a directory may be read-only. */
static int set_modes(const struct copy *c, struct lc_err *err)
{
	int ret = 0;

	for (size_t i = c->t->m->n; i-- > 0 && ret == 0;) {
		const struct lc_entry *e = &c->t->m->e[i];
		char *to = place(c, i);
		if (e->kind != LC_LINK && chmod(to, e->mode) < 0)
			ret = lc_fail_sys(err, "copy %s", to);
		free(to);
	}
	return ret;
}

static int copy_bytes(struct copy *c, struct lc_err *err)
{
	struct lc_pool *pool;

	for (size_t i = 0; i < c->t->m->n; i++)
		for (uint64_t at = 0; c->t->m->e[i].kind == LC_FILE && at < c->t->m->e[i].size;
		     at += SEGMENT) {
			if ((c->n & (c->n - 1)) == 0)
				c->s = lc_xrealloc(c->s, c->n ? 2 * c->n : 1, sizeof(*c->s));
			c->s[c->n++] = (struct segment){i, at};
		}
	pool = lc_pool_open(lc_cpu_count());
	if (!pool)
		return lc_fail_sys(err, "start threads");
	lc_pool_run(pool, (int)c->n, copy_task, c);
	lc_pool_close(pool);
	free(c->s);
	return c->failed ? -1 : 0;
}

int capture_copy(const struct job *j, const struct tree *t, int clone, struct lc_err *err)
{
	struct copy c = {.j = j, .t = t, .lock = PTHREAD_MUTEX_INITIALIZER, .err = err};

	if (mkdir(j->spool, 0700) < 0)
		return lc_fail_sys(err, "mkdir %s", j->spool);
	for (size_t i = 0; i < t->m->n; i++)
		if (make_entry(&c, i, clone, err) < 0)
			return -1;
	if (!clone && copy_bytes(&c, err) < 0)
		return -1;
	return set_modes(&c, err) < 0 ? -1 : tree_recheck(t, err);
}

/* Bytes of memory that may be used up; 0 when it cannot be told. */
static uint64_t memory_left(void)
{
	unsigned long long kb = 0;
	FILE *f = fopen("/proc/meminfo", "re");
	char line[128];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %llu", &kb) == 1)
			break;
	if (f)
		fclose(f);
	return kb * 1024 > SPARE ? kb * 1024 - SPARE : 0;
}

/* Can the store's file system share the blocks of the tree's files? Tried with one. */
static int can_clone(const struct opts *o, const struct tree *t)
{
	size_t i = 0;
	char *path, *from;
	int fd, ret = 0;

	while (i < t->m->n && (t->m->e[i].kind != LC_FILE || t->m->e[i].size == 0))
		i++;
	if (i == t->m->n)
		return 0;
	path = lc_path("%s/tmp", o->store);
	fd = open(path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	from = tree_path(t, i);
	if (fd >= 0) {
		ret = clone_file(from, fd) == 0;
		close(fd);
	}
	free(from);
	free(path);
	return ret;
}

const char *capture_where(const struct opts *o, const struct tree *t, int *clone)
{
	const char *given = getenv("LC_SPOOL"), *shm = "/dev/shm";
	uint64_t bytes = lc_manifest_bytes(t->m);
	struct statvfs fs;

	*clone = 0;
	if (given && *given)
		return given;
	*clone = can_clone(o, t);
	if (*clone || access(shm, W_OK) < 0 || statvfs(shm, &fs) < 0)
		return NULL;
	return bytes < (uint64_t)fs.f_bavail * fs.f_frsize / 4 * 3 && bytes < memory_left() ? shm
											    : NULL;
}

/* remote_dir: another store that is a directory. See remote.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io.h"
#include "remote.h"
#include "store_tmp.h"

#define BLOCK ((size_t)1 << 20)

/* Opened as a store, it is locked against gc. The store itself would wait for itself. */
static int dir_open(struct remote *r, enum remote_use use, struct lc_err *err)
{
	struct stat sb, mine;

	if (stat(r->path, &sb) == 0 && stat(r->o->store, &mine) == 0 && sb.st_ino == mine.st_ino &&
	    sb.st_dev == mine.st_dev)
		return lc_fail(err, LC_USAGE, "%s: is the store itself", r->path);
	if (use == REMOTE_LOOK && stat(r->path, &sb) < 0 && errno == ENOENT)
		return 0;
	r->dir = lc_store_open(r->path, use == REMOTE_WRITE, err);
	r->version = LC_STORE_VERSION; /* or older, and readable */
	return r->dir ? 0 : -1;
}

static int list_one(struct remote *r, const char *sub, struct far_list *l, struct lc_err *err)
{
	char *dir = lc_path("%s/%s", r->path, sub);
	DIR *d = opendir(dir);
	struct dirent *de;
	struct stat sb;

	if (!d)
		lc_fail_sys(err, "read %s", dir);
	while (d && (de = readdir(d))) {
		char *name = lc_path("%s/%s", sub, de->d_name);
		if (fstatat(dirfd(d), de->d_name, &sb, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(sb.st_mode))
			far_list_add(l, name, (uint64_t)sb.st_size);
		free(name);
	}
	if (d)
		closedir(d);
	free(dir);
	return d ? 0 : -1;
}

static int dir_list(struct remote *r, struct far_list *l, struct lc_err *err)
{
	return list_one(r, "packs", l, err) < 0 ? -1 : list_one(r, "snapshots", l, err);
}

/* From fd, at most `left` bytes. */
static int pour(struct remote *r, int fd, const char *path, uint64_t left, struct sink *s,
		struct lc_err *err)
{
	char *buf = lc_xalloc(BLOCK, 1);
	uint64_t done = 0;
	int ret = 0;

	while (ret == 0 && done < left) {
		size_t want = left - done < BLOCK ? (size_t)(left - done) : BLOCK;
		ssize_t n = read(fd, buf, want);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			ret = lc_fail_sys(err, "read %s", path);
		if (n <= 0)
			break;
		ret = sink_take(s, buf, (size_t)n, err);
		done += (uint64_t)n;
		remote_tick(r, done);
	}
	free(buf);
	return ret;
}

/* The last `most` bytes of each. */
static int dir_tail(struct remote *r, const struct far_file *f, size_t n, uint64_t most,
		    struct sink *s, struct lc_err *err)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < n; i++) {
		char *path = lc_path("%s/%s", r->path, f[i].name);
		int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
		uint64_t skip = f[i].size > most ? f[i].size - most : 0;
		if (fd < 0 || lseek(fd, (off_t)skip, SEEK_SET) < 0)
			ret = lc_fail_sys(err, "open %s", path);
		else
			ret = pour(r, fd, path, f[i].size - skip, s, err);
		if (fd >= 0)
			close(fd);
		free(path);
	}
	return ret;
}

static int dir_get(struct remote *r, const struct far_file *f, size_t n, struct sink *s,
		   struct lc_err *err)
{
	return dir_tail(r, f, n, UINT64_MAX, s, err);
}

static int write_tmp(struct sink *s, const void *buf, size_t len, struct lc_err *err)
{
	struct lc_tmp *t = s->ctx;

	return lc_write_all(t->fd, buf, len, t->path, err);
}

static int dir_put(struct remote *r, const char *path, const struct far_file *f, struct lc_err *err)
{
	char *prefix = lc_path("%s/tmp/", r->path), *to = lc_path("%s/%s", r->path, f->name);
	struct lc_tmp t = {.fd = -1};
	struct sink s = {write_tmp, &t, f->size};
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int ret = fd < 0 ? lc_fail_sys(err, "open %s", path) : lc_tmp_file(&t, prefix, err);

	if (ret == 0)
		ret = pour(r, fd, path, f->size, &s, err);
	if (ret == 0 && s.left > 0)
		ret = lc_fail(err, LC_DATA, "%s: shorter than it was", path);
	if (ret == 0)
		ret = lc_tmp_commit(&t, to, err);
	else
		lc_tmp_abort(&t);
	if (fd >= 0)
		close(fd);
	free(prefix);
	free(to);
	return ret;
}

static void dir_close(struct remote *r)
{
	lc_store_close(r->dir);
}

const struct remote_ops remote_dir = {dir_open, dir_list, dir_put, dir_get, dir_tail, dir_close};

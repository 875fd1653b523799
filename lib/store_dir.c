/* store_dir: the directory of a store: made, opened, locked, brought to this version. See store.h.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io.h"
#include "store_impl.h"

#define VERSION LC_STORE_VERSION
#define VERSION_FILE "lc-store"
#define LOCK_FILE "lock"
#define SEQ_FILE "seq"

/* One line: what a program of that version wrote. */
static const char *const versions[VERSION] = {"lc-store 1\n", "lc-store 2\n", "lc-store 3\n"};

/* Write a small file whole, as a temporary that a later save can tell to be dead. */
int store_write_whole(const char *dir, const char *path, const void *buf, size_t len,
		      struct lc_err *err)
{
	char *prefix = lc_path("%s/tmp/", dir);
	struct lc_tmp t;
	int ret = lc_tmp_file(&t, prefix, err);

	free(prefix);
	if (ret < 0)
		return -1;
	if (lc_write_all(t.fd, buf, len, path, err) < 0) {
		lc_tmp_abort(&t);
		return -1;
	}
	return lc_tmp_commit(&t, path, err);
}

static int write_version(const char *dir, struct lc_err *err)
{
	const char *text = versions[VERSION - 1];
	char *path = lc_path("%s/" VERSION_FILE, dir);
	int ret = store_write_whole(dir, path, text, strlen(text), err);

	free(path);
	return ret;
}

/* What a store holds before its version file appears; anything else is somebody's directory. */
static int is_foreign(const struct dirent *de)
{
	static const char *const ours[] = {".",	  "..",	     "packs", "snapshots",
					   "tmp", LOCK_FILE, SEQ_FILE};

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (strcmp(de->d_name, ours[i]) == 0)
			return 0;
	return 1;
}

static int check_free(const char *dir, struct lc_err *err)
{
	struct dirent **names;
	int n = scandir(dir, &names, is_foreign, NULL), mine = 0;

	if (n < 0)
		return errno == ENOENT ? 0 : lc_fail_sys(err, "open store %s", dir);
	for (int i = 0; i < n; i++) {
		/* made by another just now */
		mine |= strcmp(names[i]->d_name, VERSION_FILE) == 0 && names[i]->d_type != DT_DIR;
		free(names[i]);
	}
	free(names);
	return n > 0 && !mine ? lc_fail(err, LC_DATA, "%s: not a store, and not empty", dir) : 0;
}

static int create(const char *dir, struct lc_err *err)
{
	static const char *const sub[] = {"packs", "snapshots", "tmp"};
	char *path;
	int ret = check_free(dir, err);

	for (size_t i = 0; ret == 0 && i < 3; i++) {
		path = lc_path("%s/%s", dir, sub[i]);
		ret = lc_mkdirs(path, err);
		free(path);
	}
	return ret < 0 || lc_fsync_parent(dir, err) < 0 ? -1 : write_version(dir, err);
}

/* A store's version; 0: none there; -1. */
static int probe(const char *dir, struct lc_err *err)
{
	char *path = lc_path("%s/" VERSION_FILE, dir), *text;
	size_t len;
	int ret = lc_read_file(path, &text, &len, err), version = 0,
	    absent = ret < 0 && (errno == ENOENT || errno == EISDIR);

	free(path);
	if (ret < 0)
		return absent ? 0 : -1;
	for (int v = 1; v <= VERSION; v++)
		if (strcmp(text, versions[v - 1]) == 0 && len == strlen(versions[v - 1]))
			version = v;
	free(text);
	return version ? version
		       : lc_fail(err, LC_DATA,
				 "%s: a store of a version this program does not know", dir);
}

/* A copy of a store may lack tmp, which is empty; and what dead writers left in it goes. */
static int make_tmp(const char *dir, struct lc_err *err)
{
	char *prefix = lc_path("%s/tmp/", dir);
	int ret = lc_mkdirs(prefix, err);

	if (ret == 0)
		lc_tmp_clean(prefix);
	free(prefix);
	return ret;
}

static int lock(const struct lc_store *st, int how)
{
	int ret;

	do
		ret = flock(st->lock, how);
	while (ret < 0 && errno == EINTR);
	return ret;
}

/*
 * Open the lock, and share it. Where none can be made (a medium that is read-only) or locked, what
 * is there is read without: gc, which alone removes anything, cannot run there either.
 */
static int take_lock(struct lc_store *st, struct lc_err *err)
{
	char *path = lc_path("%s/" LOCK_FILE, st->dir);
	int no_file, ret = 0;

	st->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
	if (st->lock < 0)
		st->lock = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	no_file = st->lock < 0 && (errno == EROFS || errno == EACCES || errno == EPERM ||
				   errno == ENOENT || errno == ENOSPC || errno == EDQUOT);
	if (st->lock < 0 && !no_file)
		ret = lc_fail_sys(err, "open %s", path);
	else if (st->lock >= 0 && lock(st, LOCK_SH) < 0 && errno != ENOLCK && errno != ENOSYS &&
		 errno != EOPNOTSUPP)
		ret = lc_fail_sys(err, "lock %s", path);
	free(path);
	return ret;
}

int lc_store_alone(struct lc_store *st, int wait, struct lc_err *err)
{
	if (st->lock < 0)
		return lc_fail(err, LC_SYS, "lock %s: it has no lock that can be written", st->dir);
	if (lock(st, LOCK_EX | (wait ? 0 : LOCK_NB)) < 0) {
		if (errno != EWOULDBLOCK)
			return lc_fail_sys(err, "lock %s", st->dir);
		return lock(st, LOCK_SH) < 0 ? lc_fail_sys(err, "lock %s", st->dir) : 0;
	}
	store_chunks_release(st); /* others may have added and removed meanwhile */
	return 1;
}

int lc_store_together(struct lc_store *st, struct lc_err *err)
{
	return st->lock >= 0 && lock(st, LOCK_SH) < 0 ? lc_fail_sys(err, "lock %s", st->dir) : 0;
}

/* What this program adds, only readers of this version understand. */
static int upgrade(struct lc_store *st, struct lc_err *err)
{
	int version;

	if (lc_store_alone(st, 1, err) < 0 || (version = probe(st->dir, err)) < 0)
		return -1;
	if (version < VERSION && write_version(st->dir, err) < 0)
		return -1;
	return lc_store_together(st, err);
}

/* The version of the store in dir, which is made when there is none and `make` says so. */
static int find(const char *dir, int make, struct lc_err *err)
{
	int version = probe(dir, err);
	struct stat sb;

	if (version != 0)
		return version;
	if (make)
		return create(dir, err) < 0 ? -1 : VERSION;
	if (stat(dir, &sb) < 0)
		return lc_fail_sys(err, "open store %s", dir);
	return lc_fail(err, LC_DATA, "%s: not a store", dir);
}

struct lc_store *lc_store_open(const char *given, int make, struct lc_err *err)
{
	struct lc_store *st;
	char *dir = lc_path("%s", given);
	int version;

	for (size_t n = strlen(dir); n > 1 && dir[n - 1] == '/'; n--)
		dir[n - 1] = '\0';
	version = find(dir, make, err);
	if (version < 0) {
		free(dir);
		return NULL;
	}
	st = lc_xalloc(1, sizeof(*st));
	st->dir = dir;
	st->lock = -1;
	if (take_lock(st, err) < 0 ||
	    (make && (make_tmp(dir, err) < 0 || (version < VERSION && upgrade(st, err) < 0)))) {
		lc_store_close(st);
		return NULL;
	}
	return st;
}

void lc_store_use(struct lc_store *st, lc_planes_fn fn)
{
	st->planes = fn;
}

void lc_store_close(struct lc_store *st)
{
	if (!st)
		return;
	store_chunks_release(st);
	if (st->lock >= 0)
		close(st->lock);
	free(st->dir);
	free(st);
}

/* store_tmp: see store_tmp.h. */
#include "store_tmp.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io.h"

/* Does path still name what fd is open on? */
static int same_file(int fd, const char *path)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && lstat(path, &b) == 0 && a.st_ino == b.st_ino &&
	       a.st_dev == b.st_dev;
}

static void release(struct lc_tmp *t)
{
	if (t->fd >= 0)
		close(t->fd);
	free(t->path);
	t->fd = -1;
	t->path = NULL;
}

static int create(const char *path, int dir)
{
	int fd;

	if (!dir)
		return open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (mkdir(path, 0700) < 0)
		return -1;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) { /* cleaned away before we held it: try another name */
		errno = EEXIST;
	} else if (fd < 0) {
		int why = errno;
		rmdir(path);
		errno = why;
	}
	return fd;
}

/*
 * Between its creation and its lock a cleaner may take a new temporary for a dead one's and remove
 * it: so look again once the lock is held, and start over if the name is gone.
 */
static int tmp_new(struct lc_tmp *t, const char *prefix, int dir, struct lc_err *err)
{
	uint64_t word;
	int locked;

	for (;;) {
		if (getrandom(&word, sizeof(word), 0) != sizeof(word))
			return lc_fail_sys(err, "draw a name");
		t->path = lc_path("%s%016llx", prefix, (unsigned long long)word);
		t->fd = create(t->path, dir);
		locked = t->fd >= 0 && flock(t->fd, LOCK_EX) == 0;
		if (locked && same_file(t->fd, t->path))
			return 0;
		if (!locked && errno != EEXIST) {
			lc_fail_sys(err, t->fd < 0 ? "create %s" : "lock %s", t->path);
			if (t->fd >= 0)
				remove(t->path);
			release(t);
			return -1;
		}
		release(t);
	}
}

int lc_tmp_file(struct lc_tmp *t, const char *prefix, struct lc_err *err)
{
	return tmp_new(t, prefix, 0, err);
}

int lc_tmp_dir(struct lc_tmp *t, const char *prefix, struct lc_err *err)
{
	return tmp_new(t, prefix, 1, err);
}

int lc_tmp_commit(struct lc_tmp *t, const char *path, struct lc_err *err)
{
	if (fsync(t->fd) < 0) {
		lc_fail_sys(err, "write %s", path);
		lc_tmp_abort(t);
		return -1;
	}
	if (rename(t->path, path) < 0) {
		lc_fail_sys(err, "rename to %s", path);
		lc_tmp_abort(t);
		return -1;
	}
	release(t);
	return lc_fsync_parent(path, err);
}

void lc_tmp_abort(struct lc_tmp *t)
{
	if (t->path)
		lc_remove_tree(t->path, NULL);
	release(t);
}

static void clean_one(const char *path)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0 && same_file(fd, path))
		lc_remove_tree(path, NULL);
	close(fd);
}

void lc_tmp_clean(const char *prefix)
{
	const char *slash = strrchr(prefix, '/'), *base = slash ? slash + 1 : prefix;
	char *dir = slash ? lc_path("%.*s", (int)(slash + 1 - prefix), prefix) : lc_path("./");
	DIR *d = opendir(dir);
	struct dirent *de;

	while (d && (de = readdir(d))) {
		char *path;
		if (strncmp(de->d_name, base, strlen(base)) != 0 || strcmp(de->d_name, ".") == 0 ||
		    strcmp(de->d_name, "..") == 0)
			continue;
		path = lc_path("%s%s", dir, de->d_name);
		clean_one(path);
		free(path);
	}
	if (d)
		closedir(d);
	free(dir);
}

/* journal: see journal.h. */
#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io.h"
#include "json.h"

int lc_journal_open(struct lc_journal *j, const char *path, struct lc_err *err)
{
	int made, ret = 0;

	j->path = lc_path("%s", path);
	made = access(path, F_OK) != 0;
	j->fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	if (j->fd < 0)
		ret = lc_fail_sys(err, "open %s", path);
	while (ret == 0 && flock(j->fd, LOCK_EX) < 0)
		if (errno != EINTR)
			ret = lc_fail_sys(err, "lock %s", path);
	if (ret == 0 && made)
		ret = lc_fsync_parent(path, err);
	if (ret < 0)
		lc_journal_close(j);
	return ret;
}

void lc_journal_close(struct lc_journal *j)
{
	if (j->fd >= 0)
		close(j->fd);
	free(j->path);
	*j = (struct lc_journal){.fd = -1};
}

/* Does the file end in the middle of a line? When that cannot be read: perhaps. */
static int is_torn(int fd, off_t size)
{
	char last;

	return size > 0 && (pread(fd, &last, 1, size - 1) != 1 || last != '\n');
}

/* Written in part: taken back, unless somebody who takes no lock has added to it since. */
static void take_back(int fd, off_t size, size_t len)
{
	struct stat now;

	if (fstat(fd, &now) == 0 && now.st_size > size && now.st_size < size + (off_t)len &&
	    ftruncate(fd, size) < 0)
		return; /* it stays, torn */
}

int lc_journal_add(struct lc_journal *j, const json_t *rec, struct lc_err *err)
{
	struct stat before;
	char *text, *line;
	size_t len;
	ssize_t n;
	int ret = 0;

	if (fstat(j->fd, &before) < 0)
		return lc_fail_sys(err, "look at %s", j->path);
	text = lc_json_text(rec);
	line = lc_path("%s%s\n", is_torn(j->fd, before.st_size) ? "\n" : "", text);
	len = strlen(line);
	while ((n = write(j->fd, line, len)) < 0 && errno == EINTR)
		;
	if (n != (ssize_t)len) {
		if (n >= 0)
			errno = ENOSPC;
		ret = lc_fail_sys(err, "write %s", j->path);
		take_back(j->fd, before.st_size, len);
	} else if (fsync(j->fd) < 0 && errno != EINVAL) { /* a pipe has nothing to sync */
		ret = lc_fail_sys(err, "sync %s", j->path);
		if (ftruncate(j->fd, before.st_size) < 0)
			ret = -1;
	}
	free(text);
	free(line);
	return ret;
}

static int is_one_of(const json_t *rec, const char *const *types, long max_v, struct lc_err *err)
{
	int is = 0;

	for (; *types && is == 0; types++)
		is = lc_record_is(rec, *types, max_v, err);
	return is;
}

int lc_journal_each(const char *path, const char *const *types, long max_v,
		    int (*fn)(void *ctx, json_t *rec, const char *line, struct lc_err *err),
		    void *ctx, struct lc_err *err)
{
	struct lc_lines in;
	char *line;
	size_t len;
	int more = 0, ret = 0;

	if (lc_lines_open(&in, path, 0, err) < 0)
		return -1;
	while (ret == 0 && (more = lc_lines_next(&in, &line, &len, err)) > 0) {
		json_t *rec = json_loadb(line, len, 0, NULL);
		int is = rec ? is_one_of(rec, types, max_v, err) : 0;
		if (is > 0)
			ret = fn(ctx, rec, line, err);
		json_decref(rec);
		if (is < 0)
			more = ret = -1;
	}
	lc_lines_close(&in);
	return more < 0 ? -1 : ret;
}

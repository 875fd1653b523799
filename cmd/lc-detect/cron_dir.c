/* cron_dir: the journal of what was found, and how much of it was told. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "cron.h"
#include "io.h"

/* The journal's length as the memories know it: what is beyond belongs to none. */
static int committed(struct cron *c, struct lc_err *err)
{
	DIR *dir = opendir(c->dir);
	struct dirent *e;

	if (!dir)
		return lc_fail_sys(err, "open %s", c->dir);
	while ((e = readdir(dir))) {
		size_t n = strlen(e->d_name);
		struct memory m;
		char *path;

		if (n < 6 || strcmp(e->d_name + n - 6, ".state") != 0)
			continue;
		path = lc_path("%s/%s", c->dir, e->d_name);
		if (memory_load(&m, NULL, path, NULL) > 0) {
			c->length = m.journal > c->length ? m.journal : c->length;
			memory_release(&m);
		}
		free(path);
	}
	closedir(dir);
	return 0;
}

static int open_in(const struct cron *c, const char *name, int flags, struct lc_err *err)
{
	char *path = lc_path("%s/%s", c->dir, name);
	int fd = open(path, flags | O_CREAT | O_CLOEXEC, 0666);

	if (fd < 0)
		lc_fail_sys(err, "open %s", path);
	free(path);
	return fd;
}

static int read_said(struct cron *c, struct lc_err *err)
{
	char *path = lc_path("%s/said", c->dir), *buf;
	size_t len;
	int ret = 0;

	if (access(path, F_OK) == 0) {
		ret = lc_read_file(path, &buf, &len, err);
		if (ret == 0) {
			c->said = strtol(buf, NULL, 10);
			free(buf);
		}
	}
	free(path);
	if (c->said < 0 || c->said > c->length)
		c->said = c->length;
	return ret;
}

int cron_open(struct cron *c, struct lc_err *err)
{
	if (lc_mkdirs(c->dir, err) < 0 || (c->lock = open_in(c, "lock", O_RDWR, err)) < 0)
		return -1;
	while (flock(c->lock, LOCK_EX) < 0)
		if (errno != EINTR)
			return lc_fail_sys(err, "lock %s", c->dir);
	if ((c->journal = open_in(c, "alerts.jsonl", O_RDWR, err)) < 0 || committed(c, err) < 0)
		return -1;
	if (ftruncate(c->journal, c->length) < 0)
		return lc_fail_sys(err, "cut %s/alerts.jsonl", c->dir);
	return read_said(c, err);
}

/* What the journal holds and stdout does not. */
int cron_say(struct cron *c, struct lc_err *err)
{
	char *buf, *path, text[32];
	size_t len = (size_t)(c->length - c->said);
	ssize_t got;
	int ret;

	if (len == 0)
		return 0;
	buf = lc_xalloc(len, 1);
	got = pread(c->journal, buf, len, c->said);
	ret = got == (ssize_t)len ? 0 : lc_fail_sys(err, "read %s/alerts.jsonl", c->dir);
	if (ret == 0 && !c->asked->quiet)
		if (fwrite(buf, 1, len, stdout) != len || fflush(stdout) == EOF)
			ret = lc_fail_sys(err, "write standard output");
	free(buf);
	if (ret < 0)
		return -1;
	c->said = c->length;
	path = lc_path("%s/said", c->dir);
	snprintf(text, sizeof(text), "%lld\n", (long long)c->said);
	ret = lc_write_file(path, text, strlen(text), err);
	free(path);
	return ret;
}

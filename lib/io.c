/* io: see io.h. */
#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define POLL_NS 50000000 /* between looks at a followed file */

int lc_read_file(const char *path, char **buf, size_t *len, struct lc_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t cap = 1 << 16, n = 0;
	char *p = NULL;
	struct stat st;
	ssize_t got;

	if (fd < 0)
		return lc_fail_sys(err, "open %s", path);
	if (fstat(fd, &st) == 0 && st.st_size > 0)
		cap = (size_t)st.st_size + 1;
	p = lc_xalloc(cap + 1, 1);
	while ((got = read(fd, p + n, cap - n)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			lc_fail_sys(err, "read %s", path);
			free(p);
			close(fd);
			return -1;
		}
		n += (size_t)got;
		if (n == cap)
			p = lc_xrealloc(p, (cap *= 2) + 1, 1);
	}
	close(fd);
	p[n] = '\0';
	*buf = p;
	*len = n;
	return 0;
}

int lc_write_file(const char *path, const void *buf, size_t len, struct lc_err *err)
{
	struct lc_newfile nf;

	if (lc_newfile_open(&nf, path, err) < 0)
		return -1;
	if (len && fwrite(buf, 1, len, nf.f) != len) {
		lc_fail_sys(err, "write %s", path);
		lc_newfile_abort(&nf);
		return -1;
	}
	return lc_newfile_commit(&nf, err);
}

int lc_put_file(const char *path, const void *buf, size_t len, struct lc_err *err)
{
	char *tmp = lc_path("%s.%ld.tmp", path, (long)getpid());
	int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666), ret = -1;

	if (fd < 0) {
		lc_fail_sys(err, "open %s", tmp);
	} else {
		ret = lc_write_all(fd, buf, len, path, err);
		close(fd);
		if (ret == 0 && rename(tmp, path) < 0)
			ret = lc_fail_sys(err, "rename %s", path);
		if (ret < 0)
			unlink(tmp);
	}
	free(tmp);
	return ret;
}

static void newfile_release(struct lc_newfile *nf)
{
	if (nf->f)
		fclose(nf->f);
	free(nf->path);
	free(nf->target);
	free(nf->tmp);
	memset(nf, 0, sizeof(*nf));
}

/* Where path leads when it is a symbolic link, also to what is not there yet. The caller's; NULL
 * with errno. */
static char *target_of(const char *path)
{
	char *real, *next, *found, link[4096];
	ssize_t n = readlink(path, link, sizeof(link) - 1);
	const char *slash = strrchr(path, '/');

	if (n < 0)
		return lc_path("%s", path);
	real = realpath(path, NULL);
	if (real || errno != ENOENT)
		return real;
	link[n] = '\0';
	next = *link == '/' || !slash ? lc_path("%s", link)
				      : lc_path("%.*s/%s", (int)(slash - path), path, link);
	found = target_of(next); /* ends: a ring of links is ELOOP, not ENOENT */
	free(next);
	return found;
}

int lc_newfile_open(struct lc_newfile *nf, const char *path, struct lc_err *err)
{
	struct stat st;
	int fd;

	memset(nf, 0, sizeof(*nf));
	nf->path = lc_path("%s", path);
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		fd = open(path, O_WRONLY | O_CLOEXEC);
	} else {
		nf->target = target_of(path);
		nf->tmp = nf->target ? lc_path("%s.tmp.XXXXXX", nf->target) : NULL;
		fd = nf->tmp ? mkostemp(nf->tmp, O_CLOEXEC) : -1;
	}
	if (fd >= 0 && (!nf->tmp || fchmod(fd, 0644) == 0))
		nf->f = fdopen(fd, "wb");
	if (nf->f)
		return 0;
	lc_fail_sys(err, "create %s", path);
	if (fd >= 0) {
		close(fd);
		if (nf->tmp)
			unlink(nf->tmp);
	}
	newfile_release(nf);
	return -1;
}

int lc_newfile_commit(struct lc_newfile *nf, struct lc_err *err)
{
	int ret = 0;

	/* a device or a pipe has nothing to sync */
	if (fflush(nf->f) == EOF || ferror(nf->f) || (nf->tmp && fsync(fileno(nf->f)) < 0)) {
		lc_fail_sys(err, "write %s", nf->path);
		lc_newfile_abort(nf);
		return -1;
	}
	if (nf->tmp && rename(nf->tmp, nf->target) < 0) {
		ret = lc_fail_sys(err, "rename to %s", nf->path);
		unlink(nf->tmp);
	} else if (nf->tmp) {
		ret = lc_fsync_parent(nf->target, err);
	}
	newfile_release(nf);
	return ret;
}

void lc_newfile_abort(struct lc_newfile *nf)
{
	if (nf->tmp)
		unlink(nf->tmp);
	newfile_release(nf);
}

int lc_lines_open(struct lc_lines *ls, const char *path, int follow, struct lc_err *err)
{
	memset(ls, 0, sizeof(*ls));
	ls->path = path;
	ls->follow = follow;
	if (strcmp(path, "-") == 0) {
		ls->fd = STDIN_FILENO;
		ls->follow = 0;
		return 0;
	}
	while ((ls->fd = open(path, O_RDONLY | O_CLOEXEC)) < 0 && follow && errno == ENOENT)
		nanosleep(&(struct timespec){.tv_nsec = POLL_NS}, NULL);
	if (ls->fd < 0)
		return lc_fail_sys(err, "open %s", path);
	return 0;
}

int lc_follow_anew(int *fd, const char *path, int *rotated)
{
	struct stat here, there;
	off_t at = lseek(*fd, 0, SEEK_CUR);
	int newer;

	if (fstat(*fd, &here) < 0)
		return 0;
	if (at > here.st_size) {
		lseek(*fd, 0, SEEK_SET);
		return 1;
	}
	if (stat(path, &there) < 0 || (there.st_ino == here.st_ino && there.st_dev == here.st_dev))
		return 0;
	if (!*rotated) {
		*rotated = 1;
		return 0;
	}
	newer = open(path, O_RDONLY | O_CLOEXEC);
	if (newer < 0)
		return 0;
	close(*fd);
	*fd = newer;
	*rotated = 0;
	return 1;
}

/* Read more after buf[end]. 1 more, 0 end, -1 error. */
static int fill(struct lc_lines *ls, struct lc_err *err)
{
	int rotated = 0;
	ssize_t got;

	if (ls->start > 0) {
		memmove(ls->buf, ls->buf + ls->start, ls->end - ls->start);
		ls->end -= ls->start;
		ls->start = 0;
	}
	if (ls->cap - ls->end < 2) {
		ls->cap = ls->cap ? ls->cap * 2 : 1 << 16;
		ls->buf = lc_xrealloc(ls->buf, ls->cap, 1);
	}
	for (;;) {
		got = read(ls->fd, ls->buf + ls->end, ls->cap - ls->end - 1);
		if (got > 0) {
			ls->end += (size_t)got;
			return 1;
		}
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return lc_fail_sys(err, "read %s", ls->path);
		if (!ls->follow)
			return 0;
		nanosleep(&(struct timespec){.tv_nsec = POLL_NS}, NULL);
		if (lc_follow_anew(&ls->fd, ls->path, &rotated))
			ls->start = ls->end = 0;
	}
}

int lc_lines_next(struct lc_lines *ls, char **line, size_t *len, struct lc_err *err)
{
	size_t scanned = 0, n;
	char *nl;
	int more;

	for (;;) {
		nl = ls->end > ls->start + scanned ? memchr(ls->buf + ls->start + scanned, '\n',
							    ls->end - ls->start - scanned)
						   : NULL;
		if (nl)
			break;
		scanned = ls->end - ls->start;
		more = fill(ls, err);
		if (more < 0)
			return -1;
		if (more == 0 && ls->end == ls->start)
			return 0;
		if (more == 0) {
			nl = ls->buf + ls->end;
			break;
		}
		if (scanned > ls->end - ls->start) /* the file was cut: what was scanned is gone */
			scanned = 0;
	}
	ls->torn = nl == ls->buf + ls->end;
	*line = ls->buf + ls->start;
	n = (size_t)(nl - *line);
	ls->start += n + (ls->torn ? 0 : 1);
	if (n > 0 && (*line)[n - 1] == '\r')
		n--;
	(*line)[n] = '\0';
	*len = n;
	ls->line++;
	return 1;
}

void lc_lines_close(struct lc_lines *ls)
{
	if (ls->fd > STDERR_FILENO)
		close(ls->fd);
	free(ls->buf);
	memset(ls, 0, sizeof(*ls));
}

int lc_mkdirs(const char *path, struct lc_err *err)
{
	char *p = lc_path("%s", path), *s = p;
	int ret = -1;

	do {
		s = strchr(s + 1, '/');
		if (s)
			*s = '\0';
		if (mkdir(p, 0777) < 0 && errno != EEXIST) {
			lc_fail_sys(err, "mkdir %s", p);
			goto out;
		}
		if (s)
			*s = '/';
	} while (s && s[1]);
	ret = 0;
out:
	free(p);
	return ret;
}

int lc_fsync_dir(const char *path, struct lc_err *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int bad = fd < 0 || fsync(fd) < 0;

	if (bad)
		lc_fail_sys(err, "fsync %s", path);
	if (fd >= 0)
		close(fd);
	return bad ? -1 : 0;
}

int lc_fsync_parent(const char *path, struct lc_err *err)
{
	char *dir = lc_path("%s", path), *slash;
	int ret;

	slash = strrchr(dir, '/');
	if (slash == dir)
		slash[1] = '\0';
	else if (slash)
		*slash = '\0';
	ret = lc_fsync_dir(slash ? dir : ".", err);
	free(dir);
	return ret;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	if (kind == FTW_DNR)
		chmod(path, 0700);
	return remove(path);
}

/* A read-only directory keeps its entries: give the owner the right to empty it first. */
static int unlock_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)ftw;
	if (kind == FTW_D && !(st->st_mode & S_IWUSR))
		chmod(path, 0700);
	return 0;
}

int lc_remove_tree(const char *path, struct lc_err *err)
{
	nftw(path, unlock_one, 16, FTW_PHYS);
	if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) < 0 && errno != ENOENT)
		return lc_fail_sys(err, "remove %s", path);
	return 0;
}

int lc_write_all(int fd, const void *buf, size_t len, const char *what, struct lc_err *err)
{
	const char *p = buf;

	while (len > 0) {
		ssize_t n = write(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return lc_fail_sys(err, "write %s", what);
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

char *lc_path(const char *fmt, ...)
{
	va_list ap;
	char *s = NULL;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		abort();
	va_end(ap);
	return s;
}

void *lc_xalloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size ? size : 1);

	if (!p)
		abort();
	return p;
}

#define LARGE_PAGE ((size_t)2 << 20) /* of most processors; and of any page size a multiple */

void *lc_xbuffer(size_t len)
{
	size_t room = (len + LARGE_PAGE - 1) / LARGE_PAGE * LARGE_PAGE;
	void *p = NULL;

	if (posix_memalign(&p, LARGE_PAGE, room ? room : LARGE_PAGE) != 0)
		abort();
	madvise(p, room, MADV_HUGEPAGE); /* may be refused */
	return p;
}

void *lc_xrealloc(void *p, size_t n, size_t size)
{
	void *q = reallocarray(p, n ? n : 1, size ? size : 1);

	if (!q)
		abort();
	return q;
}

double lc_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

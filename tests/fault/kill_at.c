/*
 * kill_at: for LD_PRELOAD: dies, or is refused, at one chosen system call.
 *
 * With NO_FSYNC set, fsync succeeds at once: only a machine that stops can tell the difference.
 *
 * Counts the calls that change a file system (open that creates, write, pwrite, fsync, rename,
 * mkdir, symlink, fchmod, unlink). At number KILL_AT the process kills itself before the call; at number
 * FAIL_AT the call fails with ENOSPC, and so do all creations and writes after it (a full disk
 * stays full; but files can be removed).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_long calls;

static long limit(const char *name)
{
	const char *s = getenv(name);

	return s ? atol(s) : 0;
}

/* 1 when this call must fail. */
static int count(void)
{
	long n = atomic_fetch_add(&calls, 1) + 1, fail = limit("FAIL_AT");

	if (n == limit("KILL_AT"))
		kill(getpid(), SIGKILL);
	if (fail && n >= fail) {
		errno = ENOSPC;
		return 1;
	}
	return 0;
}

#define REAL(type, name) ((type)dlsym(RTLD_NEXT, name))

int open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	if (flags & O_CREAT) {
		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
		if (count())
			return -1;
	}
	return REAL(int (*)(const char *, int, ...), "open")(path, flags, mode);
}

ssize_t write(int fd, const void *buf, size_t len)
{
	if (fd > 2 && count())
		return -1;
	return REAL(ssize_t(*)(int, const void *, size_t), "write")(fd, buf, len);
}

ssize_t pwrite(int fd, const void *buf, size_t len, off_t at)
{
	if (count())
		return -1;
	return REAL(ssize_t(*)(int, const void *, size_t, off_t), "pwrite")(fd, buf, len, at);
}

int fsync(int fd)
{
	if (count())
		return -1;
	return getenv("NO_FSYNC") ? 0 : REAL(int (*)(int), "fsync")(fd);
}

int rename(const char *from, const char *to)
{
	return count() ? -1 : REAL(int (*)(const char *, const char *), "rename")(from, to);
}

int unlink(const char *path)
{
	count();
	return REAL(int (*)(const char *), "unlink")(path);
}

int mkdir(const char *path, mode_t mode)
{
	return count() ? -1 : REAL(int (*)(const char *, mode_t), "mkdir")(path, mode);
}

int symlink(const char *target, const char *path)
{
	return count() ? -1 : REAL(int (*)(const char *, const char *), "symlink")(target, path);
}

int fchmod(int fd, mode_t mode)
{
	return count() ? -1 : REAL(int (*)(int, mode_t), "fchmod")(fd, mode);
}

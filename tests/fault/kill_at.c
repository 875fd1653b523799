/*
 * kill_at: for LD_PRELOAD: dies, or is refused, at one chosen system call.
 *
 * With NO_FSYNC set, fsync succeeds at once: only a machine that stops can tell the difference.
 *
 * Counts the calls that change a file system (open that creates, write, pwrite, ftruncate, fsync,
 * rename, mkdir, symlink, fchmod, unlink). At number KILL_AT the process kills itself before the
 * call; at number FAIL_AT the call fails with ENOSPC, and so do all of them after it (a full disk
 * stays full; but files can be removed). At number ONCE_AT that call alone fails, with EIO; then
 * calls that read count too (any open, pread, flock).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
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

	if (n == limit("ONCE_AT")) {
		errno = EIO;
		return 1;
	}

	if (n == limit("KILL_AT"))
		kill(getpid(), SIGKILL);
	if (fail && n >= fail) {
		errno = ENOSPC;
		return 1;
	}
	return 0;
}

/* A call that reads: it counts only where one alone is to fail. */
static int count_read(void)
{
	return limit("ONCE_AT") && count();
}

/* How many there were, into the file that CALLS names. */
__attribute__((destructor)) static void tell(void)
{
	const char *path = getenv("CALLS");
	FILE *f = path ? fopen(path, "w") : NULL;

	if (f) {
		fprintf(f, "%ld\n", atomic_load(&calls));
		fclose(f);
	}
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
	} else if (count_read()) {
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

ssize_t pread(int fd, void *buf, size_t len, off_t at)
{
	if (count_read())
		return -1;
	return REAL(ssize_t(*)(int, void *, size_t, off_t), "pread")(fd, buf, len, at);
}

int flock(int fd, int how)
{
	return count_read() ? -1 : REAL(int (*)(int, int), "flock")(fd, how);
}

int ftruncate(int fd, off_t len)
{
	return count() ? -1 : REAL(int (*)(int, off_t), "ftruncate")(fd, len);
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

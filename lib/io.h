/*
 * io: whole files, files that appear whole, lines, and directories.
 *
 * A file written here is a temporary beside its target, fsynced, renamed over the target, and its
 * directory fsynced: a reader sees the old file or the new one, whatever is killed when.
 */
#ifndef LC_IO_H
#define LC_IO_H

#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#include "err.h"

/* Read a whole file. *buf is the caller's (free), with a NUL after its len bytes. */
int lc_read_file(const char *path, char **buf, size_t *len, struct lc_err *err);

/* Write a whole file, atomically. */
int lc_write_file(const char *path, const void *buf, size_t len, struct lc_err *err);

/* The same without waiting for the disk: whole or absent unless the machine goes down, for what can
 * be made again. */
int lc_put_file(const char *path, const void *buf, size_t len, struct lc_err *err);

/*
 * A file being written atomically, for what is too large to hold: write to f, then keep or drop it.
 * A symbolic link stays one: what it leads to is replaced. What is there and is no regular file (a
 * device, a FIFO) is written to as it is.
 */
struct lc_newfile {
	FILE *f;
	char *path, *target, *tmp; /* as given; what is replaced, and by what: NULL, in place */
};
int lc_newfile_open(struct lc_newfile *nf, const char *path, struct lc_err *err);
int lc_newfile_commit(struct lc_newfile *nf, struct lc_err *err); /* releases nf, also on failure */
void lc_newfile_abort(struct lc_newfile *nf);			  /* no-op after commit */

/*
 * At the end of a followed file: does it start anew? It does when it was cut short, or when another
 * file is there under its name (then *fd is that one's). *rotated is 0 at first, and kept between
 * looks: the old file may have grown between the last read and the rotation, so it is left only
 * when it was already rotated at the look before.
 */
int lc_follow_anew(int *fd, const char *path, int *rotated);

/*
 * Lines of any length from a file descriptor. With follow, open waits for a file that is not there,
 * and the end of the file is not the end: next waits for more (a poll every 50 ms), starts again
 * at the top of a truncated file, and goes over to the new file when the name points at another
 * one (rotation).
 */
struct lc_lines {
	int fd;
	const char *path; /* borrowed; "-" is stdin */
	int follow;
	unsigned long line; /* number of the line returned last, from 1 */
	int torn;	    /* the line returned last had no newline at its end */
	char *buf;
	size_t start, end, cap;
};
int lc_lines_open(struct lc_lines *ls, const char *path, int follow, struct lc_err *err);
/* 1 with *line and *len (without newline or CR; NUL-terminated; valid until the next call), 0 at
 * the end, -1. */
int lc_lines_next(struct lc_lines *ls, char **line, size_t *len, struct lc_err *err);
void lc_lines_close(struct lc_lines *ls);

int lc_mkdirs(const char *path, struct lc_err *err); /* mkdir -p */
int lc_fsync_dir(const char *path, struct lc_err *err);
int lc_fsync_parent(const char *path, struct lc_err *err);
int lc_remove_tree(const char *path,
		   struct lc_err *err); /* rm -rf; absent is no error; never follows links */
int lc_write_all(int fd, const void *buf, size_t len, const char *what, struct lc_err *err);
char *lc_path(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));	   /* asprintf that aborts when out of memory */
void *lc_xalloc(size_t n, size_t size);		   /* calloc that aborts when out of memory */
void *lc_xrealloc(void *p, size_t n, size_t size); /* reallocarray that aborts when out of memory */
/* Bytes that are written to soon, large and often: uninitialised, in large pages where there are.
 */
void *lc_xbuffer(size_t len);
double lc_now(void); /* seconds of a monotonic clock */

#endif

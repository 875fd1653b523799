/*
 * source: the bytes of a log, whatever they lie in: a file or a pipe, compressed or not, growing or
 * not.
 *
 * A window of the unpacked stream: source_need() makes it at least so long, source_take() moves its
 * start. Compression is told by the first bytes. When a followed file starts anew the stream ends,
 * with restarted set; source_again() then begins the new one.
 */
#ifndef LC_READ_SOURCE_H
#define LC_READ_SOURCE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "err.h"

struct unpack; /* the state of a decompressor */

struct source {
	const char *path; /* borrowed; "-" is stdin */
	int fd, follow;
	int copy;      /* what is read from the file is also written to standard error, as it is */
	int restarted; /* the end came because a followed file starts anew */
	int broken;    /* the end came because the compressed data broke off or is damaged */
	int torn;      /* the line returned last had no newline */
	unsigned long line;
	uint64_t at; /* offset of the window in the unpacked stream */
	char *buf;   /* the window is buf + start, to buf + end */
	size_t start, end, cap;
	struct unpack *unpack; /* NULL until the first bytes were seen */
	int rotated;
	/* Called before each read, which may have to wait; and with paused, each second in which
	 * the writer has written nothing. It may change path: that file is followed then, as if it
	 * had been put in the place of this one. -1: it failed. */
	int (*waits)(void *arg, int paused, struct lc_err *err);
	void *waits_arg;
};

int source_open(struct source *s, const char *path, int follow, struct lc_err *err);
void source_close(struct source *s);
int source_again(struct source *s, struct lc_err *err); /* after restarted */

/* How many bytes the window has: at least n, unless the stream ends before. -1: the system refused.
 */
ssize_t source_need(struct source *s, size_t n, struct lc_err *err);

static inline const unsigned char *source_at(const struct source *s)
{
	return (const unsigned char *)s->buf + s->start;
}

static inline void source_take(struct source *s, size_t n)
{
	s->start += n;
	s->at += n;
}

/* Pass over n bytes without holding them: 1, 0 when the stream ends before, -1. */
int source_skip(struct source *s, uint64_t n, struct lc_err *err);

/*
 * The next line, without its end (LF, CRLF, or the CR of a progress bar), NUL-terminated, and
 * without ANSI sequences when it is text: 1, 0 at the end, -1. Valid until the next call. A line
 * longer than SOURCE_LINE_MAX is cut there, so that memory is bounded.
 */
#define SOURCE_LINE_MAX ((size_t)16 << 20)
int source_line(struct source *s, char **line, size_t *len, struct lc_err *err);

#endif

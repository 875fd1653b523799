/* source: see source.h. */
#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "io.h"
#include "scan.h"
#include "unpack.h"

#define WINDOW ((size_t)1 << 17)

int source_open(struct source *s, const char *path, int follow, struct lc_err *err)
{
	memset(s, 0, sizeof(*s));
	s->path = path;
	s->follow = follow;
	s->fd = STDIN_FILENO;
	if (strcmp(path, "-") == 0) {
		s->follow = 0;
		return 0;
	}
	s->fd = open(path, O_RDONLY | O_CLOEXEC);
	return s->fd < 0 ? lc_fail_sys(err, "open %s", path) : 0;
}

void source_close(struct source *s)
{
	if (s->fd > STDERR_FILENO)
		close(s->fd);
	unpack_close(s->unpack);
	free(s->buf);
	memset(s, 0, sizeof(*s));
}

int source_again(struct source *s, struct lc_err *err)
{
	(void)err;
	unpack_close(s->unpack);
	s->unpack = NULL;
	s->start = s->end = 0;
	s->at = s->line = 0;
	s->restarted = s->broken = s->torn = 0;
	return 0;
}

/* Bytes of the file, at least one: how many; 0 at the end, -1. A followed file has no end, but may
 * start anew. */
static ssize_t read_some(struct source *s, char *buf, size_t len, struct lc_err *err)
{
	int looks = 0;
	ssize_t got;

	if (s->waits && s->waits(s->waits_arg, 0, err) < 0)
		return -1;
	for (;;) {
		got = read(s->fd, buf, len);
		if (got > 0 && s->copy)
			lc_write_all(STDERR_FILENO, buf, (size_t)got, "stderr", NULL);
		if (got > 0)
			return got;
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return lc_fail_sys(err, "read %s", s->path);
		if (!s->follow)
			return 0;
		if (++looks % 20 == 0 && s->waits && s->waits(s->waits_arg, 1, err) < 0)
			return -1;
		nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
		if (lc_follow_anew(&s->fd, s->path, &s->rotated)) {
			s->restarted = 1;
			return 0;
		}
	}
}

/* The first bytes of the file say what it is packed with. They become the decompressor's first
 * input. 1, 0 when there are none, -1. */
static int look_at_start(struct source *s, struct lc_err *err)
{
	char first[UNPACK_MAGIC];
	size_t n = 0;
	ssize_t got = 1;

	while (n < sizeof(first) && got > 0) {
		got = read_some(s, first + n, sizeof(first) - n, err);
		if (got < 0)
			return -1;
		n += (size_t)got;
		if (n > 0 && !unpack_maybe(first, n))
			break;
	}
	s->unpack = unpack_open(first, n);
	return n > 0;
}

static void make_room(struct source *s)
{
	if (s->start > 0) {
		memmove(s->buf, s->buf + s->start, s->end - s->start);
		s->end -= s->start;
		s->start = 0;
	}
	if (s->cap - s->end < WINDOW / 2) {
		s->cap = s->cap ? 2 * s->cap : WINDOW;
		s->buf = lc_xrealloc(s->buf, s->cap, 1);
	}
}

/* More behind the window: 1, 0 at the end, -1. One byte of buf stays free for a NUL. */
static int fill(struct source *s, struct lc_err *err)
{
	char *in;
	size_t room, made;
	ssize_t got;

	if (s->restarted || s->broken)
		return 0;
	if (!s->unpack && look_at_start(s, err) < 0)
		return -1;
	if (s->restarted)
		return 0;
	make_room(s);
	for (;;) {
		if (unpack_run(s->unpack, s->buf + s->end, s->cap - s->end - 1, &made) < 0) {
			s->broken = 1;
			return 0;
		}
		s->end += made;
		if (made > 0)
			return 1;
		if (unpack_is_plain(s->unpack)) {
			in = s->buf + s->end;
			room = s->cap - s->end - 1;
		} else {
			in = unpack_input(s->unpack, &room);
		}
		got = read_some(s, in, room, err);
		if (got <= 0) {
			s->broken = got == 0 && !s->restarted && unpack_is_inside(s->unpack);
			return (int)got;
		}
		if (unpack_is_plain(s->unpack)) {
			s->end += (size_t)got;
			return 1;
		}
		unpack_got(s->unpack, (size_t)got);
	}
}

ssize_t source_need(struct source *s, size_t n, struct lc_err *err)
{
	while (s->end - s->start < n) {
		int more = fill(s, err);

		if (more < 0)
			return -1;
		if (more == 0)
			break;
	}
	return (ssize_t)(s->end - s->start);
}

int source_skip(struct source *s, uint64_t n, struct lc_err *err)
{
	while (n > 0) {
		ssize_t have = source_need(s, 1, err);
		size_t step = (uint64_t)have < n ? (size_t)have : (size_t)n;

		if (have <= 0)
			return (int)have;
		source_take(s, step);
		n -= step;
	}
	return 1;
}

/* Where the line that starts at p ends: at a LF or CR, or NULL. */
static char *line_end(char *p, size_t len)
{
	char *nl = memchr(p, '\n', len);
	char *cr = memchr(p, '\r', nl ? (size_t)(nl - p) : len);

	return cr ? cr : nl;
}

/* Take ANSI sequences out of a line of text, in place. */
static size_t strip_colours(char *line, size_t len)
{
	char *p = memchr(line, '\033', len), *out = p, *end = line + len;

	if (!p)
		return len;
	while (p < end) {
		if (*p == '\033')
			p += lc_scan_escape(p, end) - p;
		else
			*out++ = *p++;
	}
	*out = '\0';
	return (size_t)(out - line);
}

/* The window to the end of its first line, as far as there is one: its length without the end. */
static ssize_t find_line(struct source *s, struct lc_err *err)
{
	size_t scanned = 0;

	for (;;) {
		ssize_t have = source_need(s, scanned + 1, err);
		char *end;

		if (have < 0)
			return -1;
		end = line_end(s->buf + s->start + scanned, (size_t)have - scanned);
		if (end)
			return end - (s->buf + s->start);
		if ((size_t)have == scanned || (size_t)have >= SOURCE_LINE_MAX) {
			s->torn = 1;
			return have;
		}
		scanned = (size_t)have;
	}
}

int source_line(struct source *s, char **line, size_t *len, struct lc_err *err)
{
	ssize_t n;
	char end;

	s->torn = 0;
	n = find_line(s, err);
	if (n < 0)
		return -1;
	if (n == 0 && s->torn)
		return 0;
	if (s->torn && s->restarted)
		return 0; /* half a line of what is gone */
	*line = s->buf + s->start;
	end = s->torn ? '\n' : (*line)[n];
	(*line)[n] = '\0';
	source_take(s, (size_t)n + !s->torn);
	if (end == '\n')
		s->line++;
	*len = strip_colours(*line, (size_t)n);
	return 1;
}

/* source: see source.h. */
#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io.h"

#define BLOCK (1 << 18)

static size_t hash(const char *s)
{
	size_t h = 14695981039346656037u;

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 1099511628211u;
	return h;
}

static void grow(struct sources *ss)
{
	ss->cap = ss->cap ? 2 * ss->cap : 16;
	ss->s = lc_xrealloc(ss->s, ss->cap, sizeof(*ss->s));
	free(ss->table);
	ss->mask = 4 * ss->cap - 1;
	ss->table = lc_xalloc(ss->mask + 1, sizeof(*ss->table));
	for (size_t k = 0; k < ss->n; k++) {
		size_t i = hash(ss->s[k].path) & ss->mask;
		while (ss->table[i])
			i = (i + 1) & ss->mask;
		ss->table[i] = k + 1;
	}
}

/* Named twice is read once. */
static void add(void *ctx, const char *path, int whole)
{
	struct sources *ss = ctx;
	size_t i;

	if (ss->n == ss->cap)
		grow(ss);
	for (i = hash(path) & ss->mask; ss->table[i]; i = (i + 1) & ss->mask)
		if (strcmp(ss->s[ss->table[i] - 1].path, path) == 0)
			return;
	ss->s[ss->n] = (struct source){.path = lc_path("%s", path), .fd = -1, .whole = whole};
	ss->table[i] = ++ss->n;
}

static int look(struct sources *ss, struct cone *c, struct lc_err *err)
{
	struct stat st;

	for (char **p = ss->paths; *p; p++) {
		int dash = strcmp(*p, "-") == 0, there = dash || stat(*p, &st) == 0;
		if (!there && !(ss->follow && errno == ENOENT))
			return lc_fail_sys(err, "open %s", *p);
		if (there && !dash && S_ISDIR(st.st_mode)) {
			if (source_dir(*p, c, add, ss, err) < 0 && !ss->follow)
				return -1;
		} else if (there) {
			add(ss, *p, 0);
		}
	}
	return 0;
}

/* The lines of s->buf, and with `all` what is left after them. */
static void take_lines(struct source *s, struct cone *c, const struct lc_names *names, int all)
{
	char *at = s->buf, *end = s->buf + s->len, *nl;

	while (at < end) {
		size_t n;
		nl = memchr(at, '\n', (size_t)(end - at));
		if (!nl && !all)
			break;
		n = (size_t)((nl ? nl : end) - at);
		if (n > 0 && at[n - 1] == '\r')
			n--;
		cone_take(c, s->path, ++s->line, at, n, names);
		at = nl ? nl + 1 : end;
	}
	s->len = (size_t)(end - at);
	if (s->len)
		memmove(s->buf, at, s->len);
}

/* Never waits where others are to be followed too. 1 more, 0 nothing now, -1. */
static int fill(struct source *s, int follow, struct lc_err *err)
{
	struct pollfd p = {.fd = s->fd, .events = POLLIN};
	ssize_t got;

	if (follow && poll(&p, 1, 0) <= 0)
		return 0;
	if (s->cap - s->len < BLOCK) {
		s->cap = 2 * s->cap + BLOCK;
		s->buf = lc_xrealloc(s->buf, s->cap, 1);
	}
	do
		got = read(s->fd, s->buf + s->len, s->cap - s->len);
	while (got < 0 && errno == EINTR);
	if (got < 0 && errno == EAGAIN)
		return 0;
	if (got < 0)
		return lc_fail_sys(err, "read %s", s->path);
	s->len += (size_t)got;
	s->done = got == 0;
	return got > 0;
}

/* A file that is replaced as a whole, when it is another one than before. */
static int read_whole(struct source *s, struct cone *c, const struct lc_names *names)
{
	struct stat st;
	struct lc_err err;
	char *text;
	size_t len;

	if (stat(s->path, &st) < 0 ||
	    (st.st_ino == s->ino && st.st_mtim.tv_sec == s->time.tv_sec &&
	     st.st_mtim.tv_nsec == s->time.tv_nsec) ||
	    lc_read_file(s->path, &text, &len, &err) < 0)
		return 0; /* between two of them, or gone */
	s->ino = st.st_ino;
	s->time = st.st_mtim;
	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
		len--;
	cone_take(c, s->path, 1, text, len, names);
	free(text);
	return 1;
}

static int read_on(struct source *s, struct sources *ss, struct cone *c, int *anew,
		   struct lc_err *err)
{
	int got, some = 0, is_stdin = strcmp(s->path, "-") == 0;

	if (s->whole)
		return read_whole(s, c, ss->names);
	if (s->fd < 0 && !s->done) {
		s->fd = is_stdin ? 0 : open(s->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		if (s->fd < 0 && ss->follow && errno == ENOENT)
			return 0;
		if (s->fd < 0)
			return lc_fail_sys(err, "open %s", s->path);
	}
	while (s->fd >= 0 && (got = fill(s, ss->follow, err)) != 0) {
		if (got < 0)
			return -1;
		take_lines(s, c, ss->names, 0);
		some = 1;
	}
	if (s->fd < 0 || (ss->follow && !is_stdin)) {
		*anew |= s->fd >= 0 && lc_follow_anew(&s->fd, s->path, &s->rotated);
		return some;
	}
	if (!s->done) /* a pipe that is written to */
		return some;
	take_lines(s, c, ss->names, 1);
	if (s->fd > 0)
		close(s->fd);
	s->fd = -1;
	return 1;
}

int sources_read(struct sources *ss, struct cone *c, int *anew, struct lc_err *err)
{
	int some = 0, got;

	*anew = 0;
	if (look(ss, c, err) < 0)
		return -1;
	for (size_t i = 0; i < ss->n; i++) {
		got = read_on(&ss->s[i], ss, c, anew, err);
		if (got < 0)
			return -1;
		some |= got;
	}
	return some;
}

int sources_ended(const struct sources *ss)
{
	for (char **p = ss->paths; *p; p++)
		if (strcmp(*p, "-") != 0)
			return 0;
	for (size_t i = 0; i < ss->n; i++)
		if (!ss->s[i].done)
			return 0;
	return 1;
}

void sources_release(struct sources *ss)
{
	for (size_t i = 0; i < ss->n; i++) {
		struct source *s = &ss->s[i];
		if (s->fd > 0)
			close(s->fd);
		free(s->path);
		free(s->buf);
	}
	free(ss->s);
	free(ss->table);
	ss->s = NULL;
	ss->table = NULL;
	ss->n = ss->cap = ss->mask = 0;
}

/* stage: see stage.h. */
#include "stage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "io.h"
#include "store_tmp.h"

#define NOTES                                                                                      \
	1024 /* bytes that hold the last line of a snapshot's file: a host's name is short         \
	      */

/* Is fd still what the name leads to? The one before us may have removed it, another made it anew.
 */
static int same(int fd, const char *path)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_ino == b.st_ino &&
	       a.st_dev == b.st_dev;
}

int stage_open(struct stage *s, const char *store, const char *from, struct lc_err *err)
{
	char hex[LC_HEX_LEN + 1];
	struct lc_store *st;
	struct lc_id id;

	*s = (struct stage){.store = store, .lock = -1};
	if (lc_sha256(from, strlen(from), &id, err) < 0)
		return -1;
	lc_id_hex(&id, hex);
	s->dir = lc_path("%s/pull/%.16s", store, hex);
	do {
		if (s->lock >= 0)
			close(s->lock);
		if (lc_mkdirs(s->dir, err) < 0)
			return -1;
		s->lock = open(s->dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (s->lock < 0 && errno == ENOENT)
			continue;
		if (s->lock < 0 || flock(s->lock, LOCK_EX) < 0)
			return lc_fail_sys(err, "lock %s", s->dir);
	} while (s->lock < 0 || !same(s->lock, s->dir));
	st = lc_store_open(s->dir, 1, err);
	lc_store_close(st);
	return st ? 0 : -1;
}

void stage_close(struct stage *s, int remove)
{
	char *pull = lc_path("%s/pull", s->store);

	if (remove && s->dir)
		lc_remove_tree(s->dir, NULL);
	rmdir(pull); /* if nobody else is about */
	free(pull);
	if (s->lock >= 0)
		close(s->lock);
	free(s->dir);
	*s = (struct stage){.lock = -1};
}

struct lines { /* of snapshot files, as they come */
	struct stage *s;
	char *buf;
	size_t len, cap, kept;
	const struct far_list *want;
};

/* A pair of lines: the first names itself by its hash. */
static int keep_pair(struct lines *t, const char *p, size_t first, size_t both, struct lc_err *err)
{
	char hex[LC_HEX_LEN + 1], name[FAR_NAME], *path;
	struct lc_id id;
	int ret;

	if (lc_sha256(p, first, &id, err) < 0)
		return -1;
	lc_id_hex(&id, hex);
	snprintf(name, sizeof(name), "snapshots/%s.json", hex);
	if (!far_list_find(t->want, name))
		return 0; /* damaged, or nobody asked for it */
	path = lc_path("%s/%s", t->s->dir, name);
	ret = lc_write_file(path, p, both, err);
	free(path);
	t->kept++;
	return ret < 0 ? -1 : 1;
}

/* Take pairs out of the buffer. A line that is no manifest asked for is passed over by itself. */
static int keep_pairs(struct lines *t, struct lc_err *err)
{
	char *p = t->buf, *end = p + t->len, *nl, *nl2;
	int kept;

	while ((nl = memchr(p, '\n', (size_t)(end - p))) &&
	       (nl2 = memchr(nl + 1, '\n', (size_t)(end - nl - 1)))) {
		kept = keep_pair(t, p, (size_t)(nl - p), (size_t)(nl2 + 1 - p), err);
		if (kept < 0)
			return -1;
		p = kept ? nl2 + 1 : nl + 1;
	}
	t->len = (size_t)(end - p);
	if (p > t->buf)
		memmove(t->buf, p, t->len);
	return 0;
}

static int take_lines(struct sink *s, const void *buf, size_t len, struct lc_err *err)
{
	struct lines *t = s->ctx;
	int line = memchr(buf, '\n', len) != NULL;

	if (t->len + len > t->cap) {
		t->cap = 2 * (t->len + len);
		t->buf = lc_xrealloc(t->buf, t->cap, 1);
	}
	memcpy(t->buf + t->len, buf, len);
	t->len += len;
	return line ? keep_pairs(t, err) : 0;
}

static int fetch(struct stage *s, struct remote *r, const struct far_list *l, struct lc_err *err)
{
	struct lines t = {.s = s, .want = l};
	struct sink sink = {take_lines, &t, 0};
	int ret = remote_get(r, l->f, l->n, &sink, err);

	free(t.buf);
	return ret;
}

/* The bytes of a snapshot in dir that is what its name says, or NULL. */
static char *read_snapshot(const char *dir, const char *name, size_t *len)
{
	char *path = lc_path("%s/%s", dir, name), *buf = NULL, hex[LC_HEX_LEN + 1] = "";
	const char *nl;
	struct lc_id id;

	if (lc_read_file(path, &buf, len, NULL) == 0 && (nl = memchr(buf, '\n', *len)) &&
	    lc_sha256(buf, (size_t)(nl - buf), &id, NULL) == 0)
		lc_id_hex(&id, hex);
	if (strncmp(name + strlen("snapshots/"), hex, LC_HEX_LEN) != 0) {
		free(buf);
		buf = NULL;
	}
	free(path);
	return buf;
}

static int is_staged(const struct stage *s, const char *name)
{
	size_t len;
	char *buf = read_snapshot(s->dir, name, &len);

	free(buf);
	return buf != NULL;
}

int bytes_take(struct sink *s, const void *buf, size_t len, struct lc_err *err)
{
	struct bytes *b = s->ctx;

	(void)err;
	b->buf = lc_xrealloc(b->buf, b->len + len, 1);
	memcpy(b->buf + b->len, buf, len);
	b->len += len;
	return 0;
}

static int is_here(const struct stage *s, const char *name)
{
	char *path = lc_path("%s/%s", s->store, name);
	int yes = access(path, F_OK) == 0;

	free(path);
	return yes;
}

/* The manifest of the store with the last line of the file there, of which tail is the end. 0 when
 * one of them is damaged, or the tail is too short. */
static int from_store(const struct stage *s, const char *name, const unsigned char *tail,
		      size_t len)
{
	const unsigned char *nl = len > 1 ? memrchr(tail, '\n', len - 1) : NULL;
	size_t n, first, more = nl ? (size_t)(tail + len - nl) : 0;
	char *buf = nl ? read_snapshot(s->store, name, &n) : NULL, *to;
	int yes;

	if (!buf)
		return 0;
	first = (size_t)((char *)memchr(buf, '\n', n) - buf);
	buf = lc_xrealloc(buf, first + more, 1);
	memcpy(buf + first, nl, more);
	to = lc_path("%s/%s", s->dir, name);
	yes = lc_write_file(to, buf, first + more, NULL) == 0;
	free(to);
	free(buf);
	return yes;
}

/* What the store has already does not travel, but for its last line; else it is wanted too. */
static int stage_known(struct stage *s, struct remote *r, const struct far_list *known,
		       struct far_list *want, struct lc_err *err)
{
	struct bytes b = {0};
	struct sink sink = {bytes_take, &b, 0};
	size_t at = 0;
	int ret = known->n ? remote_tail(r, known->f, known->n, NOTES, &sink, err) : 0;

	for (size_t i = 0; ret == 0 && i < known->n; i++) {
		const struct far_file *f = &known->f[i];
		size_t len = f->size < NOTES ? (size_t)f->size : NOTES;
		if (len > b.len - at)
			ret = lc_fail(err, LC_SYS, "%.200s: the end of %s did not come", r->what,
				      f->name);
		else if (!from_store(s, f->name, b.buf + at, len))
			far_list_add(want, f->name, f->size);
		at += len;
	}
	free(b.buf);
	return ret;
}

int stage_snapshots(struct stage *s, struct remote *r, const struct far_list *l,
		    int (*wanted)(void *ctx, const char *name), void *ctx, size_t *lost,
		    struct lc_err *err)
{
	struct far_list want = {0}, known = {0}, one = {0};
	int ret;

	*lost = 0;
	for (size_t i = 0; i < l->n; i++) {
		const char *name = l->f[i].name;
		if (strncmp(name, "snapshots/", 10) != 0 || (wanted && !wanted(ctx, name)) ||
		    is_staged(s, name))
			continue;
		if (l->f[i].size > LC_MANIFEST_MAX)
			++*lost;
		else
			far_list_add(is_here(s, name) ? &known : &want, name, l->f[i].size);
	}
	ret = stage_known(s, r, &known, &want, err);
	if (ret == 0 && want.n > 0) {
		far_list_sort(&want);
		ret = fetch(s, r, &want, err);
	}
	/* a damaged one may have spoiled the next: once more, alone */
	for (size_t i = 0; ret == 0 && want.n > 1 && i < want.n; i++) {
		if (is_staged(s, want.f[i].name))
			continue;
		one = (struct far_list){&want.f[i], 1};
		ret = fetch(s, r, &one, err);
	}
	for (size_t i = 0; ret == 0 && i < want.n; i++) {
		if (is_staged(s, want.f[i].name))
			continue;
		lc_warn("%s: %s is damaged there", r->what, want.f[i].name);
		++*lost;
	}
	far_list_release(&known);
	far_list_release(&want);
	return ret;
}

static int take_file(struct sink *s, const void *buf, size_t len, struct lc_err *err)
{
	struct lc_tmp *t = s->ctx;

	return lc_write_all(t->fd, buf, len, t->path, err);
}

/* Does the pack hold what its name says? */
static int check_index(const struct remote *r, const struct lc_tmp *t, const struct far_file *f,
		       struct lc_err *err)
{
	struct lc_chunk *c = NULL;
	char *tail, name[FAR_NAME], hex[LC_HEX_LEN + 1];
	size_t n, len;
	uint64_t end = LC_PACK_HEAD;
	struct lc_err why;
	struct lc_id id;
	int ret;

	if (lc_pack_load(t->path, &c, &n, &why) < 0)
		return lc_fail(err, why.code, "%.200s: %s is damaged there", r->what, f->name);
	for (size_t i = 0; i < n; i++)
		end = c[i].at + c[i].stored > end ? c[i].at + c[i].stored : end;
	ret = lc_pack_tail(c, n, end, &tail, &len, &id, err);
	free(c);
	if (ret < 0)
		return -1;
	free(tail);
	lc_id_hex(&id, hex);
	snprintf(name, sizeof(name), "packs/%s.pack", hex);
	return strcmp(name, f->name) == 0
		       ? 0
		       : lc_fail(err, LC_DATA, "%.200s: %s holds something else there", r->what,
				 f->name);
}

int stage_pack(struct stage *s, struct remote *r, const struct far_file *f, struct lc_err *err)
{
	char *prefix = lc_path("%s/tmp/", s->dir), *path = lc_path("%s/%s", s->dir, f->name);
	struct lc_tmp t = {.fd = -1};
	struct sink sink = {take_file, &t, 0};
	int ret = lc_tmp_file(&t, prefix, err);

	if (ret == 0)
		ret = remote_get(r, f, 1, &sink, err);
	if (ret == 0 && sink.left > 0)
		ret = lc_fail(err, LC_SYS, "%.200s: %s: %llu bytes are missing", r->what, f->name,
			      (unsigned long long)sink.left);
	if (ret == 0)
		ret = check_index(r, &t, f, err);
	if (ret == 0)
		ret = lc_tmp_commit(&t, path, err);
	else
		lc_tmp_abort(&t);
	free(prefix);
	free(path);
	return ret;
}

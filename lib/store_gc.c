/* store_gc: see store_gc.h; store_gc_mark.c tells what is needed. */
#include "store_gc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "crc.h"
#include "io.h"
#include "store_gc_impl.h"

#define FILL(size) ((size) / 4) /* dead bytes that a pack may have before it is written anew */

void gc_damaged(struct gc *gc, const struct lc_id *id, const char *why)
{
	char hex[LC_HEX_LEN + 1] = "";

	if (id)
		lc_id_hex(id, hex);
	if (gc->damaged++ == 0)
		lc_fail(&gc->why, LC_DATA, "%s%.12s%s%.300s", id ? "snapshot " : "", hex,
			id ? ": " : "", why);
	if (gc->g->tell && !gc->fresh) /* else it has been told */
		gc->g->tell(gc->g->ctx, id, why);
}

struct lc_chunk *gc_chunk(const struct gc *gc, size_t copy)
{
	return &gc->p[gc->copy[copy].pack].c[gc->copy[copy].at];
}

int gc_body(struct gc *gc, size_t copy, size_t len, void *body, struct lc_err *err)
{
	size_t pack = gc->copy[copy].pack;
	struct lc_chunk c = *gc_chunk(gc, copy);

	if (gc->fd >= 0 && gc->open != pack) {
		close(gc->fd);
		gc->fd = -1;
	}
	if (gc->fd < 0)
		gc->fd = open(gc->p[pack].path, O_RDONLY | O_CLOEXEC);
	if (gc->fd < 0)
		return lc_fail_sys(err, "open %s", gc->p[pack].path);
	gc->open = pack;
	c.stored = (uint32_t)len;
	return lc_pack_body(gc->fd, &c, body, err);
}

/* ---- what there is ---- */

static int is_young(const struct gc *gc, const struct stat *sb)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return gc->g->grace > 0 && difftime(now.tv_sec, sb->st_mtime) < gc->g->grace;
}

static int load_pack(struct gc *gc, const char *name, struct lc_err *err)
{
	struct gc_pack *p = &gc->p[gc->np];
	struct lc_err why;
	struct stat sb;

	p->path = lc_path("%s/packs/%s", gc->st->dir, name);
	if (stat(p->path, &sb) < 0) {
		lc_fail_sys(err, "read %s", p->path);
		free(p->path);
		return -1;
	}
	p->size = (uint64_t)sb.st_size;
	p->mtime = sb.st_mtim;
	for (size_t i = 0; i < gc->nfresh; i++)
		p->fresh |= strcmp(gc->fresh[i].path, p->path) == 0;
	p->young = !p->fresh && is_young(gc, &sb);
	gc->bytes += p->size;
	if (lc_pack_load(p->path, &p->c, &p->n, &why) < 0) {
		gc->unread += p->size;
		gc_damaged(gc, NULL, why.text);
		free(p->path);
		return 0; /* it stays as it is */
	}
	p->live = lc_xalloc(p->n, 1);
	gc->n += p->n;
	gc->np++;
	return 0;
}

static int is_pack(const struct dirent *de)
{
	size_t n = strlen(de->d_name);

	return n > 5 && strcmp(de->d_name + n - 5, ".pack") == 0;
}

/* Of two packs, the one whose copies are preferred: what was coded anew, the newer, the first. */
static int by_pack(const struct gc *gc, uint32_t a, uint32_t b)
{
	const struct gc_pack *p = &gc->p[a], *q = &gc->p[b];

	if (p->fresh != q->fresh)
		return q->fresh - p->fresh;
	if (p->mtime.tv_sec != q->mtime.tv_sec)
		return p->mtime.tv_sec > q->mtime.tv_sec ? -1 : 1;
	if (p->mtime.tv_nsec != q->mtime.tv_nsec)
		return p->mtime.tv_nsec > q->mtime.tv_nsec ? -1 : 1;
	return a < b ? -1 : a > b;
}

static int by_id(const void *pa, const void *pb, void *ctx)
{
	const struct gc_copy *a = pa, *b = pb;
	const struct gc *gc = ctx;
	const struct lc_chunk *ca = &gc->p[a->pack].c[a->at], *cb = &gc->p[b->pack].c[b->at];
	int order = memcmp(ca->id.b, cb->id.b, sizeof(ca->id.b));

	return order ? order : by_pack(gc, a->pack, b->pack);
}

int gc_load(struct gc *gc, struct lc_err *err)
{
	char *dir = lc_path("%s/packs", gc->st->dir);
	struct dirent **names;
	int n = scandir(dir, &names, is_pack, alphasort), ret = 0;
	size_t k = 0;

	gc->fd = -1;
	if (n < 0)
		lc_fail_sys(err, "read %s", dir);
	free(dir);
	if (n < 0)
		return -1;
	gc->p = lc_xalloc((size_t)n, sizeof(*gc->p));
	for (int i = 0; i < n; i++) {
		if (ret == 0)
			ret = load_pack(gc, names[i]->d_name, err);
		free(names[i]);
	}
	free(names);
	gc->copy = lc_xalloc(gc->n, sizeof(*gc->copy));
	for (size_t i = 0; i < gc->np; i++)
		for (size_t c = 0; c < gc->p[i].n; c++)
			gc->copy[k++] = (struct gc_copy){(uint32_t)i, (uint32_t)c};
	if (k)
		qsort_r(gc->copy, k, sizeof(*gc->copy), by_id, gc);
	return ret;
}

void gc_release(struct gc *gc)
{
	if (gc->fd >= 0)
		close(gc->fd);
	for (size_t i = 0; i < gc->np; i++) {
		free(gc->p[i].path);
		free(gc->p[i].c);
		free(gc->p[i].live);
	}
	free(gc->p);
	free(gc->copy);
	free(gc->seen);
	free(gc->pending);
	for (size_t i = 0; i < gc->nfresh; i++)
		free(gc->fresh[i].path);
	free(gc->fresh);
}

/* ---- what goes ---- */

/* Bytes of a pack that its live chunks do not need. */
static void count_dead(struct gc_pack *p)
{
	p->dead = 0;
	for (size_t i = 0; i < p->n; i++)
		if (!p->live[i])
			p->dead += p->c[i].stored + LC_PACK_ENTRY;
}

/* Copy a body from fd to out, where it lies at *end; what is damaged is not copied. */
static int copy_body(int fd, int out, struct lc_chunk *c, uint64_t *end, const char *path,
		     struct lc_err *err)
{
	void *body = malloc(c->stored);
	struct lc_err why;
	int ret = body ? lc_pack_body(fd, c, body, &why) : lc_fail_sys(&why, "copy a chunk");

	if (ret == 0 && c->crc && lc_crc32c(body, c->stored) != c->crc)
		ret = lc_fail(&why, LC_DATA, "a chunk is damaged");
	if (ret < 0)
		lc_fail(err, why.code, "%.200s: %.200s", path, why.text);
	else
		ret = lc_write_all(out, body, c->stored, path, err);
	c->at = *end;
	*end += c->stored;
	free(body);
	return ret;
}

static int by_place(const void *a, const void *b)
{
	const struct lc_chunk *ca = a, *cb = b;

	return ca->at < cb->at ? -1 : ca->at > cb->at;
}

/* The live chunks of p, as a temporary that is a pack. *name is what it must be called. */
static int write_live(const struct gc *gc, const struct gc_pack *p, struct lc_tmp *t, char **name,
		      struct lc_err *err)
{
	struct lc_chunk *c = lc_xalloc(p->nlive, sizeof(*c));
	char *tail = NULL, *prefix = lc_path("%s/tmp/", gc->st->dir), hex[LC_HEX_LEN + 1];
	int fd = open(p->path, O_RDONLY | O_CLOEXEC), ret;
	uint64_t end = LC_PACK_HEAD;
	size_t n = 0, len = 0;
	struct lc_id id;

	for (size_t i = 0; i < p->n; i++)
		if (p->live[i])
			c[n++] = p->c[i];
	qsort(c, n, sizeof(*c), by_place);
	ret = fd < 0 ? lc_fail_sys(err, "open %s", p->path) : lc_tmp_file(t, prefix, err);
	if (ret == 0)
		ret = lc_write_all(t->fd, LC_PACK_MAGIC, LC_PACK_HEAD, t->path, err);
	for (size_t i = 0; i < n && ret == 0; i++)
		ret = copy_body(fd, t->fd, &c[i], &end, p->path, err);
	if (ret == 0)
		ret = lc_pack_tail(c, n, end, &tail, &len, &id, err);
	if (ret == 0)
		ret = lc_write_all(t->fd, tail, len, t->path, err);
	if (ret == 0) {
		lc_id_hex(&id, hex);
		*name = lc_path("%s/packs/%s.pack", gc->st->dir, hex);
	}
	if (fd >= 0)
		close(fd);
	free(tail);
	free(prefix);
	free(c);
	return ret;
}

static int drop(const struct gc_pack *p, struct lc_err *err)
{
	return unlink(p->path) < 0 && errno != ENOENT ? lc_fail_sys(err, "remove %s", p->path) : 0;
}

/* The new pack is durable before the old one goes. */
static int rewrite(const struct gc *gc, const struct gc_pack *p, struct lc_err *err)
{
	struct lc_tmp t = {.fd = -1};
	char *name = NULL;
	int ret = write_live(gc, p, &t, &name, err);

	if (ret < 0)
		lc_tmp_abort(&t);
	else if ((ret = lc_tmp_commit(&t, name, err)) == 0 && strcmp(name, p->path) != 0)
		ret = drop(p, err);
	free(name);
	return ret;
}

static int remove_dead(struct gc *gc, struct lc_err *err)
{
	for (size_t i = 0; i < gc->np; i++) {
		if (gc->p[i].nlive > 0 || gc->p[i].gone)
			continue;
		if (!gc->g->dry && drop(&gc->p[i], err) < 0)
			return -1;
		gc->p[i].gone = 1;
		gc->g->removed++;
		gc->g->chunks += gc->p[i].n;
	}
	return 0;
}

/* Where there is no room for one, or it is damaged, the others may still do. */
static int rewrite_sparse(struct gc *gc, struct lc_err *err)
{
	int failed = 0;

	for (size_t i = 0; i < gc->np; i++) {
		const struct gc_pack *p = &gc->p[i];
		int sparse = p->dead > FILL(p->size);
		if (p->nlive == 0)
			continue;
		if (sparse && !gc->g->dry && rewrite(gc, p, failed ? NULL : err) < 0)
			failed = 1, sparse = 0;
		gc->g->left += sparse ? p->size - p->dead : p->size;
		gc->g->rewritten += (size_t)sparse;
		gc->g->chunks += sparse ? p->n - p->nlive : 0;
	}
	return failed ? -1 : 0;
}

static int sweep(struct gc *gc, struct lc_err *err)
{
	char *dir = lc_path("%s/packs", gc->st->dir);
	int ret = remove_dead(gc, err);

	if (ret == 0)
		ret = rewrite_sparse(gc, err);
	if (!gc->g->dry && lc_fsync_dir(dir, ret < 0 ? NULL : err) < 0)
		ret = -1;
	free(dir);
	gc->g->held = gc->held;
	gc->g->left += gc->unread;
	return ret;
}

int lc_store_drop(struct lc_store *st, const struct lc_id *id, struct lc_err *err)
{
	char hex[LC_HEX_LEN + 1], *path;
	int ret;

	lc_id_hex(id, hex);
	path = lc_path("%s/snapshots/%s.json", st->dir, hex);
	ret = unlink(path) < 0 && errno != ENOENT ? lc_fail_sys(err, "remove %s", path) : 0;
	free(path);
	return ret;
}

int lc_store_dropped(struct lc_store *st, struct lc_err *err)
{
	char *dir = lc_path("%s/snapshots", st->dir);
	int ret = lc_fsync_dir(dir, err);

	free(dir);
	return ret;
}

static int look(struct gc *gc, struct lc_err *err)
{
	if (gc_load(gc, err) < 0 || gc_mark(gc, err) < 0)
		return -1;
	for (size_t i = 0; i < gc->np; i++)
		count_dead(&gc->p[i]);
	return 0;
}

/* Bytes that would be left if every pack were written anew. */
static uint64_t live_bytes(const struct gc *gc)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < gc->np; i++)
		sum += gc->p[i].nlive ? gc->p[i].size - gc->p[i].dead : 0;
	return sum;
}

/* The new packs go, the last first, for it needs the others: what they would replace is there. */
static void drop_fresh(struct gc *gc)
{
	for (size_t i = gc->nfresh; i-- > 0;) {
		if (gc->fresh[i].ours)
			unlink(gc->fresh[i].path);
		free(gc->fresh[i].path);
	}
	free(gc->fresh);
	gc->fresh = NULL;
	gc->nfresh = 0;
}

/*
 * What was coded anew takes the place of what it was, if that takes less: *gc becomes the store as
 * it is then. Snapshots say what they are predicted from before that which they were is gone: in
 * between, it is there twice.
 */
static int replace(struct gc *gc, const struct gc_snapshot *s, size_t n, struct lc_err *err)
{
	struct gc then = {.st = gc->st, .g = gc->g, .fd = -1}, was;
	int ret;

	then.fresh = gc->fresh;
	then.nfresh = gc->nfresh;
	gc->fresh = NULL;
	gc->nfresh = 0;
	ret = look(&then, err);
	if (ret < 0 || then.damaged > gc->damaged || live_bytes(&then) >= live_bytes(gc)) {
		drop_fresh(&then);
		gc_release(&then);
		return ret;
	}
	was = *gc;
	*gc = then;
	gc_release(&was);
	for (size_t i = 0; i < n; i++)
		gc->g->recoded += (size_t)s[i].done;
	return gc_note(gc, s, n, err);
}

/* Where it cannot be done, there is still the rest to do: err says why, and the store is whole. */
static int recode(struct gc *gc, struct lc_err *err)
{
	struct gc_snapshot *s = NULL;
	size_t n = 0;
	int ret = remove_dead(gc, err);

	if (ret == 0)
		ret = gc_snapshots(gc, &s, &n, err);
	if (ret == 0)
		ret = gc_recode(gc, s, n, err);
	if (ret < 0)
		drop_fresh(gc);
	else if (gc->nfresh)
		ret = replace(gc, s, n, err);
	gc_snapshots_free(s, n);
	return ret;
}

/* What goes as a whole goes first: on a full disk, that makes the room for the rest. */
int lc_store_gc(struct lc_store *st, struct lc_gc *g, struct lc_err *err)
{
	struct gc gc = {.st = st, .g = g, .fd = -1};
	int ret = look(&gc, err), failed = 0;

	g->before = gc.bytes;
	g->damaged = gc.damaged;
	if (ret == 0 && g->damaged && !g->ignore_damaged)
		ret = lc_fail(err, LC_DATA, "nothing is removed (without --ignore-damaged): %.400s",
			      gc.why.text);
	if (ret == 0 && gc.held && g->recode && !g->dry)
		failed = recode(&gc, err) < 0;
	if (ret == 0)
		ret = sweep(&gc, failed ? NULL : err);
	gc_release(&gc);
	store_chunks_release(st); /* what it knew of them */
	return ret < 0 || failed ? -1 : 0;
}

/*
 * store_get: reading chunks of a store, and what they are predicted from.
 *
 * A chunk that is coded as tensors needs others first, each of a smaller depth. Those are kept for
 * a while, up to CACHE_BYTES: the next chunk often needs the same.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "io.h"
#include "store_body.h"
#include "store_impl.h"

struct cache *store_cache_new(void)
{
	struct cache *k = lc_xalloc(1, sizeof(*k));

	pthread_mutex_init(&k->lock, NULL);
	pthread_cond_init(&k->loaded, NULL);
	pthread_rwlock_init(&k->table, NULL);
	return k;
}

struct context *store_take_context(const struct lc_store *st)
{
	struct cache *k = st->cache;
	struct context *c;

	pthread_mutex_lock(&k->lock);
	c = k->spare;
	if (c)
		k->spare = c->next;
	pthread_mutex_unlock(&k->lock);
	if (!c) {
		c = lc_xalloc(1, sizeof(*c));
		c->w = lc_work_new();
		lc_work_use(c->w, st->planes);
	}
	return c;
}

void store_give_context(const struct lc_store *st, struct context *c)
{
	struct cache *k = st->cache;

	pthread_mutex_lock(&k->lock);
	c->next = k->spare;
	k->spare = c;
	pthread_mutex_unlock(&k->lock);
}

/* Buffers of a usual chunk's size are used again: fresh pages cost as much as decoding into them.
 */
static int is_usual(size_t len)
{
	return len > LC_CHUNK / 4 && len <= LC_CHUNK;
}

unsigned char *store_buffer(const struct lc_store *st, size_t len)
{
	struct cache *k = st->cache;
	unsigned char *p = NULL;

	if (!is_usual(len))
		return malloc(len);
	pthread_mutex_lock(&k->lock);
	if (k->nfree)
		p = k->free[--k->nfree];
	pthread_mutex_unlock(&k->lock);
	return p ? p : malloc(LC_CHUNK);
}

/* With the lock held. */
static void buffer_done(struct cache *k, unsigned char *p, size_t len)
{
	if (p && is_usual(len) && k->nfree < FREE_MAX)
		k->free[k->nfree++] = p;
	else
		free(p);
}

void store_buffer_done(const struct lc_store *st, unsigned char *p, size_t len)
{
	pthread_mutex_lock(&st->cache->lock);
	buffer_done(st->cache, p, len);
	pthread_mutex_unlock(&st->cache->lock);
}

static void cached_free(struct cache *k, struct cached *c)
{
	buffer_done(k, c->raw, c->len);
	free(c);
}

void store_cache_release(struct lc_store *st)
{
	struct cache *k = st->cache;

	if (!k)
		return;
	for (size_t i = 0; i < k->n; i++)
		cached_free(k, k->c[i]);
	while (k->nfree)
		free(k->free[--k->nfree]);
	while (k->spare) {
		struct context *c = k->spare;
		k->spare = c->next;
		lc_work_free(c->w);
		ZSTD_freeCCtx(c->z);
		free(c->out);
		free(c);
	}
	pthread_mutex_destroy(&k->lock);
	pthread_cond_destroy(&k->loaded);
	pthread_rwlock_destroy(&k->table);
	free(k->c);
	free(k);
	st->cache = NULL;
}

/* All below is done with the lock held. Out of the list, which others may be looking at c from. */
static void take_out(struct cache *k, const struct cached *c)
{
	for (size_t i = 0; i < k->n; i++)
		if (k->c[i] == c) {
			k->c[i] = k->c[--k->n];
			return;
		}
}

/* Drop what was used longest ago, and is not held, until the rest fits. */
static void shrink(struct cache *k)
{
	while (k->bytes > CACHE_BYTES) {
		struct cached *oldest = NULL;
		for (size_t i = 0; i < k->n; i++)
			if (k->c[i]->users == 0 && (!oldest || k->c[i]->used < oldest->used))
				oldest = k->c[i];
		if (!oldest)
			return;
		k->bytes -= oldest->len;
		take_out(k, oldest);
		cached_free(k, oldest);
	}
}

static struct cached *look_up(struct cache *k, const struct lc_id *id)
{
	for (size_t i = 0; i < k->n; i++)
		if (memcmp(&k->c[i]->id, id, sizeof(*id)) == 0)
			return k->c[i];
	return NULL;
}

static struct cached *begin(struct cache *k, const struct lc_id *id)
{
	struct cached *c = lc_xalloc(1, sizeof(*c));

	c->id = *id;
	c->users = 1;
	c->loading = LC_DEPTH_MAX + 2; /* nobody waits for it yet */
	k->c = lc_xrealloc(k->c, k->n + 1, sizeof(*k->c));
	k->c[k->n++] = c;
	return c;
}

static void drop_user(struct cache *k, struct cached *c)
{
	if (--c->users > 0)
		return;
	if (c->failed || c->apart)
		cached_free(k, c);
	else
		shrink(k);
}

void store_let_go(const struct lc_store *st, struct cached *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&st->cache->lock);
	drop_user(st->cache, c);
	pthread_mutex_unlock(&st->cache->lock);
}

#define ITS_BASE "its base: "

/* Of a chain of bases, the one that is damaged is what matters. */
static int fail_base(const struct lc_err *why, struct lc_err *err)
{
	const char *deeper = strstr(why->text, ITS_BASE);

	return lc_fail(err, why->code, ITS_BASE "%.300s",
		       deeper ? deeper + strlen(ITS_BASE) : why->text);
}

/* Decode a body whose references are found in the store, below its own depth. */
static int decode_tensors(const struct lc_store *st, const struct lc_chunk *c,
			  const unsigned char *body, void *raw, struct lc_err *err)
{
	size_t n = 0;
	const unsigned char *ids = lc_body_refs(body, c->stored, &n);
	struct cached **held = lc_xalloc(n, sizeof(*held));
	const void **ref = lc_xalloc(n, sizeof(*ref));
	size_t *len = lc_xalloc(n, sizeof(*len));
	struct context *ctx;
	int ret = ids ? 0 : lc_fail(err, LC_DATA, "damaged: its references are malformed");

	for (size_t i = 0; ids && i < n && ret == 0; i++) {
		struct lc_err why;
		struct lc_id id;
		memcpy(id.b, ids + 32 * i, 32);
		held[i] = store_hold(st, &id, c->depth, &why);
		if (!held[i])
			ret = fail_base(&why, err);
		ref[i] = held[i] ? held[i]->raw : NULL;
		len[i] = held[i] ? held[i]->len : 0;
	}
	if (ret == 0) {
		ctx = store_take_context(st);
		ret = lc_body_decode(body, c->stored, ctx->w, ref, len, raw, c->raw, err);
		store_give_context(st, ctx);
	}
	for (size_t i = 0; i < n; i++)
		store_let_go(st, held[i]);
	free(held);
	free(ref);
	free(len);
	return ret < 0 ? -1 : lc_chunk_check(c, raw, err);
}

int store_decode(const struct lc_store *st, const struct place *p, const void *body, void *raw,
		 struct lc_err *err)
{
	return p->c.codec == LC_CODEC_TENSOR ? decode_tensors(st, &p->c, body, raw, err)
					     : lc_chunk_decode(&p->c, body, raw, err);
}

int store_read_place(const struct lc_store *st, const struct place *p, void *raw,
		     struct lc_err *err)
{
	const char *path = st->packs[p->pack];
	int fd = open(path, O_RDONLY | O_CLOEXEC), ret;
	unsigned char *body;
	char hex[LC_HEX_LEN + 1];
	struct lc_err why;

	if (fd < 0)
		return lc_fail_sys(err, "open %s", path);
	body = store_buffer(st, p->c.stored);
	ret = body ? lc_pack_body(fd, &p->c, body, &why) : lc_fail_sys(&why, "read");
	close(fd);
	if (ret == 0)
		ret = store_decode(st, p, body, raw, &why);
	store_buffer_done(st, body, p->c.stored);
	if (ret == 0)
		return 0;
	lc_id_hex(&p->c.id, hex);
	if (strncmp(why.text, ITS_BASE, strlen(ITS_BASE)) == 0) /* this pack is not to blame */
		return lc_fail(err, why.code, "chunk %.16s: %.400s", hex, why.text);
	return lc_fail(err, why.code, "%s: chunk %.16s: %.200s", path, hex, why.text);
}

void store_read_ahead(const struct lc_store *st, const struct lc_id *id)
{
	struct place copy[COPIES_MAX];
	int fd = store_copies(st, id, copy, NULL)
			 ? open(st->packs[copy[0].pack], O_RDONLY | O_CLOEXEC)
			 : -1;

	if (fd < 0)
		return;
	posix_fadvise(fd, (off_t)copy[0].c.at, (off_t)copy[0].c.stored, POSIX_FADV_WILLNEED);
	close(fd);
}

static int fail_absent(const struct lc_store *st, const struct lc_id *id, struct lc_err *err)
{
	char hex[LC_HEX_LEN + 1];

	lc_id_hex(id, hex);
	return lc_fail(err, LC_DATA, "chunk %.16s is in no pack%s%.300s", hex, st->nbad ? "; " : "",
		       st->nbad ? st->bad[0] : "");
}

/* The copies that may be read, those that need the fewest others first. */
static size_t copies_below(const struct lc_store *st, const struct lc_id *id, int below,
			   struct place *copy)
{
	struct place all[COPIES_MAX];
	size_t n = 0, found = store_copies(st, id, all, NULL);

	for (int depth = 0; depth < below && n < found; depth++)
		for (size_t i = 0; i < found; i++)
			if (all[i].c.depth == depth)
				copy[n++] = all[i];
	return n;
}

/* Say to those who wait of what depth the copy is that is being read; 0: it is there. */
static void say_loading(struct cache *k, struct cached *c, int loading)
{
	pthread_mutex_lock(&k->lock);
	c->loading = loading;
	pthread_cond_broadcast(&k->loaded);
	pthread_mutex_unlock(&k->lock);
}

static int load(const struct lc_store *st, struct cached *c, int below, struct lc_err *err)
{
	struct place copy[COPIES_MAX];
	size_t n = copies_below(st, &c->id, below, copy);
	struct lc_err first = {0}, later;

	for (size_t i = 0; i < n; i++) {
		struct lc_err *why = first.code ? &later : &first;
		unsigned char *raw = store_buffer(st, copy[i].c.raw);
		say_loading(st->cache, c, copy[i].c.depth + 1);
		if (!raw)
			lc_fail_sys(why, "read a chunk");
		else if (store_read_place(st, &copy[i], raw, why) == 0) {
			c->raw = raw;
			c->len = copy[i].c.raw;
			return 0;
		}
		store_buffer_done(st, raw, copy[i].c.raw);
	}
	return first.code ? lc_fail(err, first.code, "%s", first.text)
			  : fail_absent(st, &c->id, err);
}

static struct cached *load_new(const struct lc_store *st, struct cached *c, int below,
			       struct lc_err *err)
{
	struct cache *k = st->cache;
	int ret = load(st, c, below, err);

	pthread_mutex_lock(&k->lock);
	c->loading = 0;
	c->failed = ret < 0;
	c->used = ++k->clock;
	if (ret < 0 && !c->apart)
		take_out(k, c);
	else if (!c->apart)
		k->bytes += c->len;
	if (ret < 0)
		drop_user(k, c);
	else
		shrink(k);
	pthread_cond_broadcast(&k->loaded);
	pthread_mutex_unlock(&k->lock);
	return ret < 0 ? NULL : c;
}

/*
 * Who finds that another reads the chunk waits for it; but only when what the other reads is of a
 * depth below his own. So nobody waits in a circle: else it is read twice.
 */
struct cached *store_hold(const struct lc_store *st, const struct lc_id *id, int below,
			  struct lc_err *err)
{
	struct cache *k = st->cache;
	struct cached *c;

	pthread_mutex_lock(&k->lock);
	while ((c = look_up(k, id))) {
		c->users++;
		c->used = ++k->clock;
		while (c->loading && c->loading <= below)
			pthread_cond_wait(&k->loaded, &k->lock);
		if (!c->loading && !c->failed) {
			pthread_mutex_unlock(&k->lock);
			return c;
		}
		if (c->loading) {
			c->users--;
			break;
		}
		drop_user(k, c); /* it failed: what is wrong is found by reading it again */
	}
	if (!c) {
		c = begin(k, id);
	} else {
		c = lc_xalloc(1, sizeof(*c));
		c->id = *id;
		c->users = 1;
		c->apart = 1;
	}
	pthread_mutex_unlock(&k->lock);
	return load_new(st, c, below, err);
}

int lc_store_size(struct lc_store *st, const struct lc_id *id, size_t *len, struct lc_err *err)
{
	struct place copy[COPIES_MAX];

	if (store_load(st, err) < 0)
		return -1;
	if (store_copies(st, id, copy, NULL) == 0)
		return fail_absent(st, id, err);
	*len = copy[0].c.raw;
	return 0;
}

int lc_store_get(const struct lc_store *st, const struct lc_id *id, void *buf, size_t len,
		 struct lc_err *err)
{
	struct cached *c = store_hold(st, id, LC_DEPTH_MAX + 1, err);
	int ret = -1;

	if (c && c->len == len)
		memcpy(buf, c->raw, len);
	if (c)
		ret = c->len == len ? 0 : lc_fail(err, LC_DATA, "a chunk is of another length");
	store_let_go(st, c);
	return ret;
}

size_t lc_store_chunks(struct lc_store *st, struct lc_err *err)
{
	err->code = LC_OK;
	return store_load(st, err) < 0 ? 0 : st->n;
}

const struct lc_id *lc_store_chunk(const struct lc_store *st, size_t i)
{
	return &st->at[i].c.id;
}

int lc_store_check(const struct lc_store *st, size_t i, struct lc_err *err)
{
	const struct place *p = &st->at[i];
	struct place copy[COPIES_MAX];
	struct cached *c;
	unsigned char *raw;
	int ret;

	if (store_copies(st, &p->c.id, copy, NULL) == 1) { /* others are predicted from it */
		c = store_hold(st, &p->c.id, LC_DEPTH_MAX + 1, err);
		store_let_go(st, c);
		return c ? 0 : -1;
	}
	raw = store_buffer(st, p->c.raw);
	ret = raw ? store_read_place(st, p, raw, err) : lc_fail_sys(err, "read a chunk");
	store_buffer_done(st, raw, p->c.raw);
	return ret;
}

const char *lc_store_bad_pack(const struct lc_store *st, size_t i)
{
	return i < st->nbad ? st->bad[i] : NULL;
}

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

#include "io.h"
#include "store_body.h"
#include "store_impl.h"

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

	if (ids)
		store_preload_all(st, ids, n);
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
		cache_remove(k, c);
	else if (!c->apart)
		k->bytes += c->len;
	if (ret < 0)
		cache_drop_user(k, c);
	else
		cache_shrink(k);
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
	while ((c = cache_find(k, id))) {
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
		cache_drop_user(k, c); /* it failed: what is wrong is found by reading it again */
	}
	if (!c) {
		c = cache_add(k, id);
	} else {
		c = lc_xalloc(1, sizeof(*c));
		c->id = *id;
		c->users = 1;
		c->apart = 1;
	}
	pthread_mutex_unlock(&k->lock);
	return load_new(st, c, below, err);
}

/* Without a look at its hash, a body without references. */
static int read_unchecked(const struct lc_store *st, const struct place *p, void *raw)
{
	int fd = open(st->packs[p->pack], O_RDONLY | O_CLOEXEC), ret = -1;
	unsigned char *body = p->c.codec == LC_CODEC_RAW ? raw : store_buffer(st, p->c.stored);
	struct context *ctx;
	size_t refs = 0;

	if (fd >= 0 && body && raw)
		ret = lc_pack_body(fd, &p->c, body, NULL);
	if (fd >= 0)
		close(fd);
	if (ret == 0 && p->c.codec == LC_CODEC_TENSOR) {
		ctx = store_take_context(st);
		ret = lc_body_refs(body, p->c.stored, &refs) && refs == 0
			      ? lc_body_decode(body, p->c.stored, ctx->w, NULL, NULL, raw, p->c.raw,
					       NULL)
			      : -1;
		store_give_context(st, ctx);
	}
	if (body != raw)
		store_buffer_done(st, body, p->c.stored);
	return ret;
}

static int is_plain(const struct place *p)
{
	return p->c.depth == 0 && (p->c.codec == LC_CODEC_TENSOR || p->c.codec == LC_CODEC_RAW);
}

/* Take both upon us, when nobody has: they wait for nothing, so nobody waits for long. */
static int begin_two(struct cache *k, const struct place p[2], struct cached *c[2])
{
	int free = is_plain(&p[0]) && is_plain(&p[1]) && memcmp(&p[0].c.id, &p[1].c.id, 32) != 0;

	pthread_mutex_lock(&k->lock);
	free = free && !cache_find(k, &p[0].c.id) && !cache_find(k, &p[1].c.id);
	for (int i = 0; free && i < 2; i++) {
		c[i] = cache_add(k, &p[i].c.id);
		c[i]->loading = 1;
	}
	pthread_mutex_unlock(&k->lock);
	return free;
}

void store_preload(const struct lc_store *st, const struct place p[2])
{
	struct cache *k = st->cache;
	struct lc_id id[2], *at[2] = {&id[0], &id[1]};
	struct cached *c[2];
	const void *raw[2];
	size_t len[2];
	int ok = 1;

	if (!begin_two(k, p, c))
		return;
	for (int i = 0; i < 2; i++) {
		len[i] = c[i]->len = p[i].c.raw;
		raw[i] = c[i]->raw = store_buffer(st, len[i]);
		ok = ok && read_unchecked(st, &p[i], c[i]->raw) == 0;
	}
	ok = ok && lc_sha256_many(raw, len, 2, at, NULL) == 0;
	pthread_mutex_lock(&k->lock);
	for (int i = 0; i < 2; i++) {
		c[i]->loading = 0;
		c[i]->failed = !ok || memcmp(&id[i], &p[i].c.id, sizeof(id[i])) != 0;
		c[i]->used = ++k->clock;
		if (c[i]->failed) /* why is found when it is read by itself */
			cache_remove(k, c[i]);
		else
			k->bytes += c[i]->len;
		cache_drop_user(k, c[i]);
	}
	pthread_cond_broadcast(&k->loaded);
	pthread_mutex_unlock(&k->lock);
}

void store_preload_all(const struct lc_store *st, const unsigned char *ids, size_t n)
{
	struct place p[COPIES_MAX], two[2];
	size_t have = 0;
	int there;

	for (size_t i = 0; i < n; i++) {
		struct lc_id id;
		memcpy(id.b, ids + 32 * i, 32);
		pthread_mutex_lock(&st->cache->lock);
		there = cache_find(st->cache, &id) != NULL;
		pthread_mutex_unlock(&st->cache->lock);
		if (there || store_copies(st, &id, p, NULL) == 0 || !is_plain(&p[0]))
			continue;
		two[have++] = p[0];
		if (have == 2)
			store_preload(st, two);
		have %= 2;
	}
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

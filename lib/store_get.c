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

static void cached_free(struct cached *c)
{
	free(c->raw);
	free(c);
}

void store_cache_release(struct lc_store *st)
{
	struct cache *k = st->cache;

	if (!k)
		return;
	for (size_t i = 0; i < k->n; i++)
		cached_free(k->c[i]);
	while (k->spare) {
		struct context *c = k->spare;
		k->spare = c->next;
		lc_work_free(c->w);
		free(c);
	}
	pthread_mutex_destroy(&k->lock);
	free(k->c);
	free(k);
	st->cache = NULL;
}

/* With the lock held: drop what was used longest ago, and is not held, until the rest fits. */
static void shrink(struct cache *k)
{
	while (k->bytes > CACHE_BYTES) {
		size_t oldest = k->n;
		for (size_t i = 0; i < k->n; i++)
			if (k->c[i]->users == 0 &&
			    (oldest == k->n || k->c[i]->used < k->c[oldest]->used))
				oldest = i;
		if (oldest == k->n)
			return;
		k->bytes -= k->c[oldest]->len;
		cached_free(k->c[oldest]);
		k->c[oldest] = k->c[--k->n];
	}
}

static struct cached *look_up(struct cache *k, const struct lc_id *id)
{
	struct cached *found = NULL;

	pthread_mutex_lock(&k->lock);
	for (size_t i = 0; i < k->n && !found; i++)
		if (memcmp(&k->c[i]->id, id, sizeof(*id)) == 0)
			found = k->c[i];
	if (found) {
		found->users++;
		found->used = ++k->clock;
	}
	pthread_mutex_unlock(&k->lock);
	return found;
}

static void keep(struct cache *k, struct cached *c)
{
	pthread_mutex_lock(&k->lock);
	k->c = lc_xrealloc(k->c, k->n + 1, sizeof(*k->c));
	k->c[k->n++] = c;
	k->bytes += c->len;
	c->users = 1;
	c->used = ++k->clock;
	shrink(k);
	pthread_mutex_unlock(&k->lock);
}

void store_let_go(const struct lc_store *st, struct cached *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&st->cache->lock);
	c->users--;
	shrink(st->cache);
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

static int read_place(const struct lc_store *st, const struct place *p, void *raw,
		      struct lc_err *err)
{
	const char *path = p->pack < 0 ? st->tmp.path : st->packs[p->pack];
	int fd = open(path, O_RDONLY | O_CLOEXEC), ret;
	unsigned char *body;
	char hex[LC_HEX_LEN + 1];
	struct lc_err why;

	if (fd < 0)
		return lc_fail_sys(err, "open %s", path);
	body = malloc(p->c.stored);
	if (!body) {
		close(fd);
		return lc_fail_sys(err, "read %s", path);
	}
	ret = lc_pack_body(fd, &p->c, body, &why);
	close(fd);
	if (ret == 0)
		ret = p->c.codec == LC_CODEC_TENSOR ? decode_tensors(st, &p->c, body, raw, &why)
						    : lc_chunk_decode(&p->c, body, raw, &why);
	free(body);
	if (ret == 0)
		return 0;
	lc_id_hex(&p->c.id, hex);
	if (strncmp(why.text, ITS_BASE, strlen(ITS_BASE)) == 0) /* this pack is not to blame */
		return lc_fail(err, why.code, "chunk %.16s: %.400s", hex, why.text);
	return lc_fail(err, why.code, "%s: chunk %.16s: %.200s", path, hex, why.text);
}

static int fail_absent(const struct lc_store *st, const struct lc_id *id, struct lc_err *err)
{
	char hex[LC_HEX_LEN + 1];

	lc_id_hex(id, hex);
	return lc_fail(err, LC_DATA, "chunk %.16s is in no pack%s%.300s", hex, st->nbad ? "; " : "",
		       st->nbad ? st->bad[0] : "");
}

struct cached *store_hold(const struct lc_store *st, const struct lc_id *id, int below,
			  struct lc_err *err)
{
	struct cached *c = look_up(st->cache, id);
	size_t i = store_home(st, id);
	const struct place *p;
	struct lc_err first = {0}, later;

	if (c)
		return c;
	c = lc_xalloc(1, sizeof(*c));
	c->id = *id;
	for (; (p = store_find_from(st, id, &i)); i = (i + 1) & st->mask) {
		if (p->c.depth >= below)
			continue;
		c->len = p->c.raw;
		c->raw = malloc(c->len);
		if (!c->raw)
			lc_fail_sys(first.code ? &later : &first, "read a chunk");
		else if (read_place(st, p, c->raw, first.code ? &later : &first) == 0) {
			keep(st->cache, c);
			return c;
		}
		free(c->raw);
	}
	free(c);
	if (first.code)
		lc_fail(err, first.code, "%s", first.text);
	else
		fail_absent(st, id, err);
	return NULL;
}

int lc_store_size(struct lc_store *st, const struct lc_id *id, size_t *len, struct lc_err *err)
{
	const struct place *p;

	if (store_load(st, err) < 0)
		return -1;
	p = store_find(st, id);
	if (!p)
		return fail_absent(st, id, err);
	*len = p->c.raw;
	return 0;
}

int lc_store_get(const struct lc_store *st, const struct lc_id *id, void *buf, size_t len,
		 struct lc_err *err)
{
	struct cached *c = look_up(st->cache, id);
	size_t i = store_home(st, id);
	const struct place *p;
	struct lc_err first = {0}, later;

	if (c && c->len == len) {
		memcpy(buf, c->raw, len);
		store_let_go(st, c);
		return 0;
	}
	store_let_go(st, c);
	for (; (p = store_find_from(st, id, &i)); i = (i + 1) & st->mask)
		if (p->c.raw == len && read_place(st, p, buf, first.code ? &later : &first) == 0)
			return 0;
	if (!first.code)
		return lc_fail(err, LC_DATA, "a chunk is in no pack, or of another length");
	return lc_fail(err, first.code, "%s", first.text);
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
	void *raw = lc_xalloc(st->at[i].c.raw, 1);
	int ret = read_place(st, &st->at[i], raw, err);

	free(raw);
	return ret;
}

const char *lc_store_bad_pack(const struct lc_store *st, size_t i)
{
	return i < st->nbad ? st->bad[i] : NULL;
}

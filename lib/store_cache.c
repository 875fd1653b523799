/* store_cache: see store_cache.h. */
#include "store_cache.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "io.h"
#include "store_body.h"
#include "store_impl.h"

struct cache *store_cache_new(void)
{
	struct cache *k = lc_xalloc(1, sizeof(*k));

	k->most = CACHE_BYTES;
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

/* With the lock held. */
static void buffer_done(struct cache *k, unsigned char *p, size_t len)
{
	if (!p || !is_usual(len)) {
		free(p);
		return;
	}
	memcpy(p, &k->free, sizeof(k->free));
	k->free = p;
}

unsigned char *store_buffer(const struct lc_store *st, size_t len)
{
	struct cache *k = st->cache;
	unsigned char *p;

	if (!is_usual(len))
		return malloc(len);
	pthread_mutex_lock(&k->lock);
	if (!k->free) {
		k->slab = lc_xrealloc(k->slab, k->nslabs + 1, sizeof(*k->slab));
		p = k->slab[k->nslabs++] = lc_xbuffer(SLAB);
		for (size_t at = 0; at < SLAB; at += LC_CHUNK)
			buffer_done(k, p + at, LC_CHUNK);
	}
	p = k->free;
	memcpy(&k->free, p, sizeof(k->free));
	pthread_mutex_unlock(&k->lock);
	return p;
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
	while (k->nslabs)
		free(k->slab[--k->nslabs]);
	free(k->slab);
	while (k->spare) {
		struct context *c = k->spare;
		k->spare = c->next;
		lc_work_free(c->w);
		ZSTD_freeCCtx(c->z);
		free(c);
	}
	pthread_mutex_destroy(&k->lock);
	pthread_cond_destroy(&k->loaded);
	pthread_rwlock_destroy(&k->table);
	free(k->c);
	free(k);
	st->cache = NULL;
}

/* All below is done with the lock held. Out of the list, whoever still looks at c. */
void cache_remove(struct cache *k, const struct cached *c)
{
	for (size_t i = 0; i < k->n; i++)
		if (k->c[i] == c) {
			k->c[i] = k->c[--k->n];
			return;
		}
}

/* Drop what was used longest ago, and is not held, until the rest fits. */
void cache_shrink(struct cache *k)
{
	while (k->bytes > k->most) {
		struct cached *oldest = NULL;
		for (size_t i = 0; i < k->n; i++)
			if (k->c[i]->users == 0 && (!oldest || k->c[i]->used < oldest->used))
				oldest = k->c[i];
		if (!oldest)
			return;
		k->bytes -= oldest->len;
		cache_remove(k, oldest);
		cached_free(k, oldest);
	}
}

struct cached *cache_find(struct cache *k, const struct lc_id *id)
{
	for (size_t i = 0; i < k->n; i++)
		if (memcmp(&k->c[i]->id, id, sizeof(*id)) == 0)
			return k->c[i];
	return NULL;
}

struct cached *cache_add(struct cache *k, const struct lc_id *id)
{
	struct cached *c = lc_xalloc(1, sizeof(*c));

	c->id = *id;
	c->users = 1;
	c->loading = LC_DEPTH_MAX + 2; /* nobody waits for it yet */
	k->c = lc_xrealloc(k->c, k->n + 1, sizeof(*k->c));
	k->c[k->n++] = c;
	return c;
}

void cache_drop_user(struct cache *k, struct cached *c)
{
	if (--c->users > 0)
		return;
	if (c->failed || c->apart)
		cached_free(k, c);
	else
		cache_shrink(k);
}

void store_let_go(const struct lc_store *st, struct cached *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&st->cache->lock);
	cache_drop_user(st->cache, c);
	pthread_mutex_unlock(&st->cache->lock);
}

/*
 * store_cache: raw bytes of chunks of a store, kept for a while: what is read next often needs the
 * same. And buffers and contexts that are used again. Of the store's own files.
 */
#ifndef LC_STORE_CACHE_H
#define LC_STORE_CACHE_H

#include <pthread.h>

#include "codec.h"
#include "store.h"

#define CACHE_BYTES ((size_t)64 << 20) /* of chunks that others are predicted from */
#define SLAB ((size_t)2 << 20)

struct context { /* what one thread codes and decodes with */
	struct lc_work *w;
	struct ZSTD_CCtx_s *z;
	struct context *next;
};

struct cached { /* the raw bytes of a chunk */
	struct lc_id id;
	unsigned char *raw;
	size_t len;
	unsigned users;
	unsigned long used; /* when, by a clock of uses */
	int loading;	    /* the depth of what is being read, plus 1; 0: it is there */
	int failed;	    /* it was not to be had: gone when the last user lets go */
	int apart;	    /* not in the list: one user's own */
};

struct cache {
	pthread_mutex_t lock;
	pthread_cond_t loaded;
	struct cached **c;
	size_t n, bytes;
	size_t most; /* bytes kept of what nobody holds */
	unsigned long clock;
	struct context *spare;
	unsigned char *free;  /* a buffer of LC_CHUNK bytes; at its beginning, the next one */
	unsigned char **slab; /* all memory that they are of, SLAB bytes each */
	size_t nslabs;
	pthread_rwlock_t table; /* of at[] and table[] of the store */
};

struct cache *store_cache_new(void);
void store_cache_release(struct lc_store *st);

void store_let_go(const struct lc_store *st, struct cached *c); /* accepts NULL */
struct context *store_take_context(const struct lc_store *st);
void store_give_context(const struct lc_store *st, struct context *c);
unsigned char *store_buffer(const struct lc_store *st, size_t len); /* NULL: no memory */
void store_buffer_done(const struct lc_store *st, unsigned char *p, size_t len);

/* With its lock held. A new one has one user, and is being loaded; removed, c stays its users'. */
struct cached *cache_find(struct cache *k, const struct lc_id *id);
struct cached *cache_add(struct cache *k, const struct lc_id *id);
void cache_remove(struct cache *k, const struct cached *c);
void cache_drop_user(struct cache *k, struct cached *c);
void cache_shrink(struct cache *k); /* to most, but for what is held */

#endif

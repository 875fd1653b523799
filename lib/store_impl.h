/* store_impl: what store.c, store_chunk.c, store_get.c and store_state.c share, and nobody else
 * sees. */
#ifndef LC_STORE_IMPL_H
#define LC_STORE_IMPL_H

#include <pthread.h>

#include "codec.h"
#include "store.h"
#include "store_pack.h"
#include "store_tmp.h"

#define BATCH 16 /* chunks worked on at once: 16 MiB in, as much out */

struct place {
	struct lc_chunk c;
	int pack; /* number of its pack; -1: the one being written */
};

struct slot { /* one chunk on its way into the pack */
	const unsigned char *raw;
	size_t len, stored;
	unsigned char *out; /* coded; of SLOT_ROOM bytes, or what a state needs */
	size_t room;
	struct ZSTD_CCtx_s *z;
	unsigned char *in; /* LC_CHUNK bytes, where a state is read */
	int known, codec, depth;
	struct lc_id id;
	struct lc_err err;
};

#define SLOT_ROOM ZSTD_compressBound(LC_CHUNK)
#define CACHE_BYTES ((size_t)64 << 20) /* of chunks that others were predicted from */

struct context { /* what one thread decodes a chunk with */
	struct lc_work *w;
	struct context *next;
};

struct cached { /* the raw bytes of a chunk */
	struct lc_id id;
	unsigned char *raw;
	size_t len;
	unsigned users;
	unsigned long used; /* when, by a clock of uses */
};

struct cache {
	pthread_mutex_t lock;
	struct cached **c;
	size_t n, bytes;
	unsigned long clock;
	struct context *spare;
};

struct lc_store {
	char *dir;
	int lock;     /* the store's, shared; -1: it has none */
	int loaded;   /* the packs' indices have been read */
	char **packs; /* paths */
	int npacks;
	char **bad; /* what is wrong with packs that cannot be read */
	size_t nbad;
	struct place *at;
	size_t n, cap;
	uint32_t *table; /* open addressing over at[], number + 1, by the first bytes of the id */
	size_t mask;
	struct cache *cache;
	/* writing */
	struct lc_pool *pool;
	struct slot *slot; /* BATCH of them */
	struct lc_tmp tmp; /* the pack being written */
	uint64_t end;	   /* its length so far; 0: there is none */
	size_t first_new;  /* at[first_new..n) are in it */
	const unsigned char *buf;
	size_t len;
};

/* store_dir.c */
int store_write_whole(const char *dir, const char *path, const void *buf, size_t len,
		      struct lc_err *err);

/* store_chunk.c; released, a store can be loaded again */
void store_chunks_release(struct lc_store *st);
int store_load(struct lc_store *st, struct lc_err *err);
size_t store_home(const struct lc_store *st, const struct lc_id *id);
const struct place *store_find_from(const struct lc_store *st, const struct lc_id *id, size_t *i);
const struct place *store_find(const struct lc_store *st, const struct lc_id *id);
int store_start_writing(struct lc_store *st, struct lc_err *err);
void store_compress(struct slot *s); /* with Zstandard alone */
int store_append(struct lc_store *st, const struct slot *s, struct lc_err *err);

/* store_get.c: the bytes of a chunk, kept for as long as they are held. NULL: err says why. */
struct cached *store_hold(const struct lc_store *st, const struct lc_id *id, int below,
			  struct lc_err *err);
void store_let_go(const struct lc_store *st, struct cached *c); /* accepts NULL */
struct context *store_take_context(const struct lc_store *st);
void store_give_context(const struct lc_store *st, struct context *c);
void store_cache_release(struct lc_store *st);

#endif

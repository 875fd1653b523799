/* store_impl: what the files of the store share, and nobody else sees. */
#ifndef LC_STORE_IMPL_H
#define LC_STORE_IMPL_H

#include <pthread.h>

#include "codec.h"
#include "store.h"
#include "store_cache.h"
#include "store_pack.h"
#include "store_tmp.h"

#define COPIES_MAX 8  /* of a chunk, that are looked at */
#define THREADS_MAX 8 /* beyond, the disk is what is waited for */

/* Where a copy of a chunk is: the number of a pack, or not in one that is finished. */
#define PACK_NEW (-1)	 /* in the one being written */
#define PACK_COMING (-2) /* on its way there */

enum sound { UNSEEN, SOUND, DAMAGED };

struct place {
	struct lc_chunk c;
	int pack;
	uint8_t sound; /* enum sound: its body, and all that it needs; looked at when asked */
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
	lc_planes_fn planes; /* or NULL */
	struct lc_pool *pool;
	struct writer *writer; /* of the pack; NULL: there is none */
	size_t first_new;      /* at[first_new..n) are in it */
	int broken;	       /* a put has failed: what is in at[] may not be in the pack */
};

/* store_dir.c */
int store_write_whole(const char *dir, const char *path, const void *buf, size_t len,
		      struct lc_err *err);

/* store_chunk.c; released, a store can be loaded again */
void store_chunks_release(struct lc_store *st);
int store_load(struct lc_store *st, struct lc_err *err);
int store_start_pool(struct lc_store *st, struct lc_err *err);
/* Copies of a chunk in finished packs, COPIES_MAX at the most; number[] (may be NULL) in at[]. */
size_t store_copies(const struct lc_store *st, const struct lc_id *id, struct place *p,
		    size_t *number);
/* The disk may begin to read it. */
void store_read_ahead(const struct lc_store *st, const struct lc_id *id);
/* The least depth of a copy that is not damaged, also of one in the new pack; -1: none. */
int store_depth(const struct lc_store *st, const struct lc_id *id);

/*
 * The chunk is to be put: -1 when it is known and need not be (with anew: only what this pack has
 * is known), else the number by which store_append takes it.
 */
long store_register(struct lc_store *st, const struct lc_id *id, size_t len, int anew);
int store_append(struct lc_store *st, long number, struct lc_chunk *c, const void *body,
		 struct lc_err *err);

/* store_sound.c: are the copies of a chunk as they were written? Those that are not are marked. */
void store_look(struct lc_store *st, const struct lc_id *id);

/* store_write.c: bytes on their way to the disk, written by a thread of their own. */
int writer_open(struct writer **w, const char *dir, struct lc_err *err);
int writer_add(struct writer *w, const void *buf, size_t len, struct lc_err *err);
uint64_t writer_end(const struct writer *w);				   /* bytes so far */
int writer_commit(struct writer *w, const char *path, struct lc_err *err); /* releases w */
void writer_abort(struct writer *w);					   /* accepts NULL */

/* store_get.c: the bytes of a chunk, kept for as long as they are held. NULL: err says why. */
struct cached *store_hold(const struct lc_store *st, const struct lc_id *id, int below,
			  struct lc_err *err);
/* Two chunks that need no other, read and hashed together into the cache; or not, if it is not to
 * be. */
void store_preload(const struct lc_store *st, const struct place p[2]);
/* The same with n ids, those of them that nobody has yet. */
void store_preload_all(const struct lc_store *st, const unsigned char *ids, size_t n);
/* Read and decode one copy; its hash is checked. */
int store_read_place(const struct lc_store *st, const struct place *p, void *raw,
		     struct lc_err *err);
/* The same of a body that has been read. */
int store_decode(const struct lc_store *st, const struct place *p, const void *body, void *raw,
		 struct lc_err *err);

#endif

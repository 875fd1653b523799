/* store_impl: what store.c and store_chunk.c share, and nobody else sees. */
#ifndef LC_STORE_IMPL_H
#define LC_STORE_IMPL_H

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
	unsigned char *out; /* compressed, of ZSTD_compressBound(LC_CHUNK) bytes */
	struct ZSTD_CCtx_s *z;
	int known, codec;
	struct lc_id id;
	struct lc_err err;
};

struct lc_store {
	char *dir;
	int loaded;   /* the packs' indices have been read */
	char **packs; /* paths */
	int npacks;
	char **bad; /* what is wrong with packs that cannot be read */
	size_t nbad;
	struct place *at;
	size_t n, cap;
	uint32_t *table; /* open addressing over at[], number + 1, by the first bytes of the id */
	size_t mask;
	/* writing */
	struct lc_pool *pool;
	struct slot *slot; /* BATCH of them */
	struct lc_tmp tmp; /* the pack being written */
	uint64_t end;	   /* its length so far; 0: there is none */
	size_t first_new;  /* at[first_new..n) are in it */
	struct lc_hasher *whole;
	const unsigned char *buf;
	size_t len;
	struct lc_err whole_err;
};

void store_chunks_release(struct lc_store *st);

#endif

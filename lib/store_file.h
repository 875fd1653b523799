/*
 * store_file: the bytes of one file of a snapshot, read where they are wanted.
 *
 * Only the chunks that hold what is asked for are read, each is checked against its hash, and a
 * bounded window of them is kept. Who is about to read up to some byte says so in `until`: then
 * several are decoded at once, on all processors.
 */
#ifndef LC_STORE_FILE_H
#define LC_STORE_FILE_H

#include "pool.h"
#include "store.h"
#include "tensor.h"

struct lc_stored {
	struct lc_store *st;	  /* borrowed, as are e and pool */
	const struct lc_entry *e; /* a file; its size is that of its chunks, or opening fails */
	struct lc_pool *pool;	  /* NULL: read by the calling thread alone */
	uint64_t *at;		  /* where each chunk starts; e->nchunks + 1 of them */
	/* the window: chunks first to first + n - 1, one after the other in raw */
	unsigned char *raw;
	size_t room, first, n;
	uint64_t until;	    /* what lies before it will be wanted; 0 at first */
	struct lc_err *err; /* for lc_stored_reader to fill, or NULL */
};

/* LC_DATA when a chunk is in no pack. Nothing is read yet. */
int lc_stored_open(struct lc_stored *f, struct lc_store *st, const struct lc_entry *e,
		   struct lc_pool *pool, struct lc_err *err);
void lc_stored_release(struct lc_stored *f);

/* len bytes at `at`, which must lie in the file. */
int lc_stored_read(struct lc_stored *f, void *buf, size_t len, uint64_t at, struct lc_err *err);

/*
 * The same, by several threads at once: ctx is a struct lc_stored, whose window is left alone. It
 * is what struct lc_input takes (store_state.h).
 */
int lc_stored_input(void *ctx, void *buf, size_t len, uint64_t at, struct lc_err *err);

/* The number of the chunk that holds byte `at`, which must lie in the file. */
size_t lc_stored_chunk(const struct lc_stored *f, uint64_t at);

/* The file as lc_spans_find takes it. */
struct lc_reader lc_stored_reader(struct lc_stored *f);

#endif

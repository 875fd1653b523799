/*
 * store_state: all files of a training state on their way into a store.
 *
 * Each byte is read once: hashed, and coded if the store does not have its chunk. Chunks are cut
 * where tensors begin, and coded by what predicts them best: the same elements of an older state,
 * or of other tensors of this one. Memory does not grow with the state, but for a record a chunk.
 */
#ifndef LC_STORE_STATE_H
#define LC_STORE_STATE_H

#include "codec_fit.h"
#include "store.h"

struct lc_input {
	const char *path;   /* where it lies; what it is called in an error */
	struct lc_entry *e; /* its path and size are given; chunks are filled in */
	/* NULL: the file at path; else what gives its bytes, to several threads at once */
	int (*read)(void *ctx, void *buf, size_t len, uint64_t at, struct lc_err *err);
	void *ctx;
	int plain; /* no tensors are looked for */
};

struct lc_state {
	const struct lc_input *in;
	size_t n;
	const struct lc_manifest *base; /* an older state in the store, to predict from; or NULL */
	int base_used;			/* result: the base gains enough, and was used */
	struct lc_hyper hyper;		/* 0 is filled in from the files */
	/*
	 * For gc: the inputs are files of the store (lc_stored_input), their chunks are given, and
	 * stay; all are coded anew, from base alone, though they are known. base must not be the
	 * state itself, and what it holds must be of no greater depth than what is coded anew is to
	 * replace: whoever drops the old copies sees to it.
	 */
	int anew;
	void (*progress)(void *ctx, uint64_t done, uint64_t total); /* or NULL */
	void *ctx;
};

/* Keep them: what lc_store_put does, for a whole state. Chunks are durable after lc_store_flush. */
int lc_store_put_state(struct lc_store *st, struct lc_state *s, struct lc_err *err);

#endif

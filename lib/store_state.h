/*
 * store_state: all files of a training state on their way into a store.
 *
 * The files are read twice: once to name their chunks, which are cut where tensors begin, and once
 * to code those that the store does not have, each by what predicts it best: the same elements of
 * an older state, or of other tensors of this one. Bytes that differ between the two are an error.
 */
#ifndef LC_STORE_STATE_H
#define LC_STORE_STATE_H

#include "codec_fit.h"
#include "store.h"

struct lc_input {
	const char *path;   /* where it lies */
	struct lc_entry *e; /* its path and size are given; chunks and hash are filled in */
};

struct lc_state {
	const struct lc_input *in;
	size_t n;
	const struct lc_manifest *base; /* an older state in the store, to predict from; or NULL */
	int base_used;			/* result: the base gains enough, and was used */
	struct lc_hyper hyper;
	void (*progress)(void *ctx, uint64_t done, uint64_t total); /* or NULL */
	void *ctx;
};

/* Keep them: what lc_store_put does, for a whole state. Chunks are durable after lc_store_flush. */
int lc_store_put_state(struct lc_store *st, struct lc_state *s, struct lc_err *err);

#endif

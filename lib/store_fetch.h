/*
 * store_fetch: many chunks of a store, each read once, on all processors.
 *
 * They are read in the order in which they lie in the packs, whatever they are wanted for: there,
 * what is predicted from one another stands together.
 */
#ifndef LC_STORE_FETCH_H
#define LC_STORE_FETCH_H

#include "store.h"

struct lc_want {
	struct lc_id id;
	size_t tag;	 /* the caller's */
	uint64_t place_; /* of store_fetch.c */
};

/* Gets the bytes of w->id; NULL, and err says why. May be called by several threads at once. */
typedef void lc_fetched(void *ctx, const struct lc_want *w, const void *raw, size_t len,
			const struct lc_err *err);

/* Sorts w. A chunk that is wanted for several is read once, and given for each. -1: no threads. */
int lc_store_fetch(struct lc_store *st, struct lc_want *w, size_t n, lc_fetched *fn, void *ctx,
		   struct lc_err *err);

/*
 * Check all copies of all chunks, or with wanted those of which wanted[i] is set, i as in
 * lc_store_chunk: fn gets its number and NULL, or what is wrong.
 */
int lc_store_check_all(struct lc_store *st, const char *wanted,
		       void (*fn)(void *ctx, size_t i, const struct lc_err *err), void *ctx,
		       struct lc_err *err);

/*
 * Is the copy whole, but of what it is predicted from no copy is there? A gc that removes chunks
 * that no snapshot needs may keep others that need those and lie in a pack that stays.
 */
int lc_store_is_leftover(struct lc_store *st, size_t i);

#endif

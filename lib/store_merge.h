/* store_merge: the trees of parts as one. Used by store_parts alone. */
#ifndef LC_STORE_MERGE_H
#define LC_STORE_MERGE_H

#include "store_parts.h"

/*
 * The tree of n parts, which need not be all, each path once. LC_DATA when two have a file of one
 * name with different bytes, or when the whole is no tree. whole is not kept yet.
 */
int lc_merge_parts(const struct lc_shard *p, size_t n, struct lc_snapshot *whole,
		   struct lc_err *err);

/* A snapshot of m's run, step and tags that holds all of m already. 1 when there is one. */
int lc_merge_find(const struct lc_store *st, const struct lc_manifest *m,
		  struct lc_snapshot *whole);

#endif

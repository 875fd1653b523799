/*
 * ref: which state of a run it goes on from: its place in the tree that its snapshots make.
 *
 * A store has one small file a run, refs/KEY.json (lc-store(5)), replaced whole. States of the run
 * that were saved before the ref was moved, other than the one it names, are of futures that were
 * left.
 */
#ifndef LC_REF_H
#define LC_REF_H

#include <stddef.h>

#include "err.h"
#include "hash.h"

struct lc_ref {
	char *run; /* owned */
	struct lc_id snapshot;
	long step;
	long seq;    /* greatest of the store when it was moved: what is above came later */
	char by[72]; /* "sha256:..." of the decision; empty: none */
};
void lc_ref_release(struct lc_ref *r);

/* Where it lies; the caller's. NULL when the hash cannot be had. */
char *lc_ref_path(const char *store, const char *run, struct lc_err *err);

/* 1, 0 when the run has none, -1. On other than 1 r is empty. */
int lc_ref_read(const char *store, const char *run, struct lc_ref *r, struct lc_err *err);

/* Its text, as it lies in the file; the caller's. And back; anything malformed is LC_DATA. */
char *lc_ref_text(const struct lc_ref *r);
int lc_ref_parse(const char *buf, size_t len, struct lc_ref *r, struct lc_err *err);

#endif

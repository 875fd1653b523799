/*
 * store_parts: a state written by many ranks, each of which keeps its part of the tree; the
 * snapshot appears when the last part is in.
 *
 * Parts of the same run, step, tags, number of parts and group belong together. A part is durable
 * like a snapshot (lc-store(5), parts/); its chunks are needed as long as it is there. Adding and
 * completing happen under one lock: of two last parts at once, the second completes.
 */
#ifndef LC_STORE_PARTS_H
#define LC_STORE_PARTS_H

#include "store.h"

#define LC_PARTS_MAX 65536

struct lc_shard {
	struct lc_snapshot s; /* its tree, when and where it was saved; its id is the part's own */
	int part, of;	      /* 0 to of - 1 */
	char *group;	      /* what the user set it apart by; "" */
	unsigned require;     /* roles that the whole must have */
};

void lc_part_release(struct lc_shard *p);

/* Read the file of a part. On failure p is empty. */
int lc_part_parse(const char *buf, size_t len, struct lc_shard *p, struct lc_err *err);

struct lc_parts { /* those that belong together stand together, by number */
	struct lc_shard *p;
	size_t n;
	size_t bad; /* that cannot be read, and are left out: they may need any chunk */
	struct lc_err why;
};

/* All parts that wait for others. A store without any is no error. */
int lc_parts_list(const struct lc_store *st, struct lc_parts *list, struct lc_err *err);
void lc_parts_release(struct lc_parts *list);

/* How many parts, from the i-th on, belong together; it is at least 1. */
size_t lc_parts_together(const struct lc_parts *list, size_t i);

/*
 * Keep a part, instead of one with its number that was there before; its chunks have been flushed.
 * 1: the state is complete, and *whole the snapshot. 0: others are missing; in, when not NULL, gets
 * those that are there. -1 and LC_DATA: another part has a file of the same name with other bytes,
 * or all are in and lack a role that is required; then they stay.
 */
int lc_parts_add(struct lc_store *st, struct lc_shard *p, struct lc_snapshot *whole,
		 struct lc_parts *in, struct lc_err *err);

/* Complete what is all there, and was killed before it said so. The first failure is reported. */
int lc_parts_settle(struct lc_store *st, struct lc_err *err);

/* Remove a part. It is no error that it is gone. */
int lc_parts_drop(struct lc_store *st, const struct lc_shard *p, struct lc_err *err);

#endif

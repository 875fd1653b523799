/*
 * store_gc: gives back the room of what no snapshot needs.
 *
 * Needed is every chunk that a snapshot or a part of one names, and every chunk that a needed one
 * is predicted from. A pack without any is removed; one of which more than a quarter is not needed
 * is written anew, and goes when the new one is durable. Snapshots that are predicted from dropped
 * ones are coded anew, from one another, where that takes less. Killed anywhere, the store is as
 * good as before. What might be needed by something damaged stays: nothing is removed while
 * anything is, unless asked.
 */
#ifndef LC_STORE_GC_H
#define LC_STORE_GC_H

#include "store.h"

struct lc_gc {
	double grace;	    /* seconds: all chunks of a pack younger than this stay */
	double parts;	    /* seconds: parts of states older than this need nothing; < 0: all do */
	int dry;	    /* only tell what would be; nothing is coded */
	int recode;	    /* code anew what dropped snapshots are kept for */
	int ignore_damaged; /* what is damaged needs nothing */
	/* one thing that is damaged, for each; id is NULL where it is no snapshot; may be NULL */
	void (*tell)(void *ctx, const struct lc_id *id, const char *why);
	void (*progress)(void *ctx, uint64_t done, uint64_t total); /* of coding; may be NULL */
	void *ctx;
	/* result */
	size_t damaged;
	uint64_t before, left;	   /* bytes of packs */
	uint64_t young;		   /* bytes of chunks that stay by their age alone */
	uint64_t held;		   /* bytes of chunks that are needed for predictions alone */
	size_t chunks;		   /* removed */
	size_t removed, rewritten; /* packs */
	size_t recoded;		   /* snapshots */
};

/*
 * The caller has the store alone (lc_store_alone), unless g->dry. LC_DATA when something is damaged
 * that is not to be ignored: then nothing has been done.
 */
int lc_store_gc(struct lc_store *st, struct lc_gc *g, struct lc_err *err);

/*
 * Drop a snapshot; one that is not there is no error. Its chunks stay until lc_store_gc.
 * lc_store_dropped makes what was dropped durable.
 */
int lc_store_drop(struct lc_store *st, const struct lc_id *id, struct lc_err *err);
int lc_store_dropped(struct lc_store *st, struct lc_err *err);

#endif

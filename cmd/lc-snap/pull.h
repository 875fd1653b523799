/*
 * pull: what fetching snapshots from another store shares.
 */
#ifndef PULL_H
#define PULL_H

#include "stage.h"
#include "transfer.h"

struct puller {
	const struct opts *o;
	struct remote r;
	struct transfer t;
	struct stage stage;
	struct lc_store *st;
	struct far_list l;
	struct packs staged, far; /* what has come; the indices of what could */
	int know_far;
	int argc; /* of the names of snapshots */
	char **argv;
	/* ids yet to be found */
	struct lc_id *need;
	size_t nneed, cap;
};

/* pull_packs.c: a chunk that is needed. For lc_refs and the like: ctx is the puller. */
int pull_need(void *ctx, const struct lc_id *id, unsigned below, struct lc_err *err);

/* Is this file in the store here? */
int pull_here(const struct puller *p, const char *name);

/* The packs that were staged are read anew. */
int pull_staged(struct puller *p, struct lc_err *err);

/* All packs that are needed, and what their chunks are predicted from, into the stage; and from
 * there, when they are whole, into the store. */
int pull_fetch(struct puller *p, struct lc_err *err);
int pull_place(struct puller *p, struct lc_err *err);

#endif

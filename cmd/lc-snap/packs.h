/*
 * packs: the packs of a directory, which chunk lies in which, and which packs need which others.
 *
 * A pack needs those that hold what its chunks are predicted from: all of its chunks, so that
 * whoever has a pack and those it needs can read every chunk of it.
 */
#ifndef LC_PACKS_H
#define LC_PACKS_H

#include "remote.h"
#include "store_body.h"
#include "store_pack.h"

#define LC_DEPTH_ANY (LC_DEPTH_MAX + 1)

struct pack {
	struct far_file f; /* its name, and bytes in all */
	char *path;	   /* where it lies; NULL: only its index is known */
	struct lc_chunk *c;
	size_t n;
	size_t seen; /* by which walk */
	int bad;     /* damaged, or needs what is missing */
	int there;   /* the other side has it, whole */
};

struct place_of {
	struct lc_id id;
	size_t pack;
	unsigned depth;
};

struct packs {
	struct pack *p;
	size_t n;
	struct place_of *at; /* ascending by id */
	size_t nat, walks;
	struct lc_err why; /* of the first pack that cannot be read */
	size_t unread;
};

/* Those in dir that can be read; names of links are passed over. */
int packs_load(struct packs *ps, const char *dir, struct lc_err *err);
void packs_add(struct packs *ps, const struct pack *p); /* takes over what p owns */
void packs_index(struct packs *ps);			/* after the last one was added */
void packs_release(struct packs *ps);

/* The pack that has a chunk, of a depth below the one given; -1: none. One that is there is
 * preferred. */
long packs_find(const struct packs *ps, const struct lc_id *id, unsigned below);

/* Call fn for each chunk of another that a body of pack p refers to, with the depth it must be
 * below. */
int packs_refs(const struct pack *p,
	       int (*fn)(void *ctx, const struct lc_id *id, unsigned below, struct lc_err *err),
	       void *ctx, struct lc_err *err);

/* The packs that a snapshot needs, each after those that it needs itself: *order is the caller's.
 */
int packs_needed(struct packs *ps, const struct lc_manifest *m, size_t **order, size_t *n,
		 struct lc_err *err);

/* Are the bodies in the pack what its index says? By checksum, where there is one. */
int packs_check(const struct pack *p, struct lc_err *err);

#endif

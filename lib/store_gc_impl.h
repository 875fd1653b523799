/* store_gc_impl: what store_gc.c, store_gc_mark.c and store_gc_code.c share. */
#ifndef LC_STORE_GC_IMPL_H
#define LC_STORE_GC_IMPL_H

#include <time.h>

#include "store_gc.h"
#include "store_impl.h"

struct gc_pack {
	char *path;
	struct lc_chunk *c; /* ascending by id, as in its index */
	unsigned char *live;
	size_t n, nlive;
	uint64_t size, dead; /* bytes of the file; of it that go */
	struct timespec mtime;
	int young, fresh, gone; /* fresh: of this gc; gone: removed by now */
};

struct gc_fresh { /* a pack of what was coded anew */
	char *path;
	int ours; /* made by this gc: else by one that was killed */
};

struct gc_copy { /* one chunk in one pack */
	uint32_t pack, at;
};

struct gc {
	struct lc_store *st;
	struct lc_gc *g;
	struct gc_pack *p;
	size_t np, open; /* the pack that fd is open on */
	int fd;
	struct gc_copy *copy; /* of all packs, ascending by id, then by preference */
	size_t n;
	unsigned char *seen; /* bits of each copy */
	size_t *pending;     /* copies whose references are still to be followed */
	size_t npending;
	size_t damaged;
	struct lc_err why;	      /* of the first of them */
	uint64_t bytes, unread, held; /* of all packs; of bad ones; as lc_gc has it */
	struct gc_fresh *fresh;	      /* packs that replace what is in others */
	size_t nfresh;
};

/* store_gc.c */
int gc_load(struct gc *gc, struct lc_err *err);
void gc_release(struct gc *gc);
void gc_damaged(struct gc *gc, const struct lc_id *id, const char *why);
struct lc_chunk *gc_chunk(const struct gc *gc, size_t copy);
int gc_body(struct gc *gc, size_t copy, size_t len, void *body, struct lc_err *err);

/* store_gc_mark.c: which copies stay. -1 for a refusal of the system; damage is counted. */
int gc_mark(struct gc *gc, struct lc_err *err);
/* The first copy of a chunk, or gc->n; *end gets the one after its last. */
size_t gc_find(const struct gc *gc, const struct lc_id *id, size_t *end);
/* Is a chunk, in a copy that stays, predicted from one that no snapshot names? */
int gc_is_stale(struct gc *gc, const struct lc_id *id);

/*
 * store_gc_code.c: code anew what is stale. The new packs are durable and checked, and in
 * gc->fresh; on failure too. gc_note then says in the snapshots what they are predicted from.
 */
struct gc_snapshot {
	struct lc_snapshot s;
	int stale, done; /* to be coded anew; coded anew */
};
int gc_snapshots(struct gc *gc, struct gc_snapshot **s, size_t *n, struct lc_err *err);
void gc_snapshots_free(struct gc_snapshot *s, size_t n);
int gc_recode(struct gc *gc, struct gc_snapshot *s, size_t n, struct lc_err *err);
int gc_note(struct gc *gc, const struct gc_snapshot *s, size_t n, struct lc_err *err);

#endif

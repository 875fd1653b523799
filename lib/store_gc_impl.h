/* store_gc_impl: what store_gc.c and store_gc_mark.c share. */
#ifndef LC_STORE_GC_IMPL_H
#define LC_STORE_GC_IMPL_H

#include "store_gc.h"
#include "store_impl.h"

struct gc_pack {
	char *path;
	struct lc_chunk *c; /* ascending by id, as in its index */
	unsigned char *live;
	size_t n, nlive;
	uint64_t size, dead; /* bytes of the file; of it that go */
	int young;
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
	struct gc_copy *copy; /* of all packs, ascending by id, then by depth, then by pack */
	size_t n;
	unsigned char *seen; /* bits of each copy */
	size_t *todo;	     /* copies whose references are still to be followed */
	size_t ntodo;
	struct lc_err why; /* of the first of them */
};

/* store_gc.c */
int gc_load(struct gc *gc, struct lc_err *err);
void gc_release(struct gc *gc);
void gc_damaged(struct gc *gc, const struct lc_id *id, const char *why);
struct lc_chunk *gc_chunk(const struct gc *gc, size_t copy);
int gc_body(struct gc *gc, size_t copy, size_t len, void *body, struct lc_err *err);

/* store_gc_mark.c: which copies stay. -1 for a refusal of the system; damage is counted. */
int gc_mark(struct gc *gc, struct lc_err *err);

#endif

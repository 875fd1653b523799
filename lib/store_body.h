/*
 * store_body: the body of a chunk that is coded as tensors (lc-store(5)): runs of elements and
 * bytes between them, and the other chunks that they are predicted from.
 *
 * A source is bytes of another chunk, known by its id. Each chunk that is so coded has a depth in
 * the index, above that of any chunk it refers to: there is no way around in a circle.
 */
#ifndef LC_STORE_BODY_H
#define LC_STORE_BODY_H

#include <stddef.h>
#include <stdint.h>

#include "codec.h"
#include "hash.h"

#define LC_REFS_MAX 64
#define LC_DEPTH_MAX 64
#define LC_BODY_HEAD 8
#define LC_BODY_SEGMENT 12

struct lc_source { /* of one run: elements from byte `at` of the chunk on */
	struct lc_id id;
	uint32_t at;
};

/* A body being written to `out`, which has room for lc_body_bound. */
struct lc_body {
	unsigned char *out;
	size_t head; /* room left for the references, before the segments */
	size_t len;  /* so far, of segments */
	unsigned segments;
	struct lc_id *refs;
	unsigned nrefs;
};

/* The most that `runs` runs and pieces of bytes, of raw bytes in all, can take. */
size_t lc_body_bound(size_t raw, size_t segments);

void lc_body_init(struct lc_body *b, unsigned char *out);
void lc_body_bytes(struct lc_body *b, struct lc_work *w, const void *x, size_t len);
void lc_body_run(struct lc_body *b, struct lc_work *w, const struct lc_model *m, const void *x,
		 size_t n, const struct lc_source *source, const void *const *src);

/* Puts the references in front; the length of the whole. Releases b. */
size_t lc_body_done(struct lc_body *b);

/* The ids that a body refers to: *n of them, 32 bytes each, at the address given; NULL: malformed.
 */
const unsigned char *lc_body_refs(const void *body, size_t len, size_t *n);

/*
 * Do the references and segments fill a body of len bytes, for raw bytes? 1, or 0; -1: the first
 * `have` of its bytes do not tell.
 */
int lc_body_fits(const void *body, size_t have, size_t len, size_t raw);

/* Decode; ref[i] are the bytes of the i-th of lc_body_refs, of reflen[i]. */
int lc_body_decode(const void *body, size_t len, struct lc_work *w, const void *const *ref,
		   const size_t *reflen, void *raw, size_t rawlen, struct lc_err *err);

#endif

/*
 * store_cut: the files of a state cut into pieces, and which pieces stand at the same elements of
 * which tensors. Used by store_state alone.
 */
#ifndef LC_STORE_CUT_H
#define LC_STORE_CUT_H

#include "store_file.h"
#include "store_pair.h"
#include "store_state.h"

#define PIECE_ELEMENTS (LC_CHUNK / 4) /* of a tensor in a piece, whatever their width */
#define OWN_BYTES (16u << 10)	      /* tensors this large do not share a piece with anything */

struct piece {
	uint32_t file;
	int32_t span; /* the tensor that it is a part of; -1: bytes, and small tensors */
	uint64_t at;
	uint32_t len;
	int pass; /* in which it is coded: after what may predict it */
	enum lc_part part;
	size_t near[LC_NEARS]; /* number of the piece at the same elements, in this state; or NONE
				*/
	struct lc_id id;       /* when it is cut again: given */
};
#define NONE LC_ALONE

/*
 * Pieces that are read, hashed and coded together: all that predict one another, in the order in
 * which they do; or some that have nothing to do with any.
 */
struct group {
	size_t first, n; /* in order[] */
	size_t bytes;
};
#define GROUP_PIECES 64
#define GROUP_BYTES ((size_t)4 << 20)	/* of the latter kind */
#define RELATED_MAX 8			/* of the former; more are no state of an optimizer */
#define RELATED_BYTES ((size_t)6 << 20) /* of two of the former, taken together */

struct older { /* a file of the base, under the same path */
	int there;
	struct lc_stored file;
	struct lc_spans spans;
};

struct cut_file {
	const struct lc_input *in;
	struct lc_spans spans;
	size_t first, n; /* its pieces */
	struct older old;
};

struct cut {
	struct cut_file *f;
	size_t nfiles;
	struct piece *p;
	size_t n;
	size_t *order; /* numbers of pieces */
	struct group *group;
	size_t ngroups;
};

int cut_state(struct cut *c, struct lc_store *st, struct lc_state *s, struct lc_err *err);
void cut_release(struct cut *c);

/* store_group.c: order and group, once the pieces and what is near each are known. */
void group_all(struct cut *c);

/* Bytes of a file: all of them, or a failure. */
int cut_read(const struct cut_file *f, void *buf, size_t len, uint64_t at, struct lc_err *err);
void cut_read_ahead(const struct cut_file *f, size_t len, uint64_t at);

/* The chunk of the base that holds all the elements of p, and where in it; NULL: there is none. */
const struct lc_id *cut_older(const struct cut *c, const struct piece *p, uint32_t *at);

#endif

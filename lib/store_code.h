/* store_code: the pieces of one group coded, each from those before it and from the older state. */
#ifndef LC_STORE_CODE_H
#define LC_STORE_CODE_H

#include "store_cut.h"
#include "store_impl.h"

/* A group at work. Its pieces are in the order of the group; those of others are not seen. */
struct job {
	const struct group *g;
	unsigned char *raw, *out; /* bytes of all pieces; bodies of those that are coded */
	size_t raw_room, out_room, out_len;
	struct coded {
		const struct piece *p;
		const unsigned char *raw;
		long number;	      /* to store_append it by; -1: known */
		struct lc_chunk c;    /* when it is coded; not where it lies, nor its depth */
		int limit;	      /* depth that it cannot exceed */
		struct cached *older; /* the older state's chunk, while it is needed */
		int older_tried;
	} piece[GROUP_PIECES];
	int ready; /* to be appended */
};

struct coder {
	struct lc_store *st;
	const struct cut *c;
	const struct lc_hyper *hyper;
	int use_base;
};

/* The depth that each piece of the job may come to, from what is known of the base alone. */
void code_limits(const struct coder *k, struct job *j);
/* Codes those pieces with a number. */
void code_job(const struct coder *k, struct job *j);

/* What a piece costs, in bits, with the base and without: added to both. */
void code_probe(const struct coder *k, const struct piece *p, double *with, double *without);

#endif

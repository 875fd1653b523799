/*
 * apart: how far two tensors of one type and shape are apart.
 *
 * Elements are fed in order, in pieces of any length. Sums are in double precision, each element
 * in one of 8 lanes by its number, lanes added to a compensated total every LC_APART_BLOCK
 * elements: the result is a function of the elements alone, not of how they were fed.
 */
#ifndef LC_APART_H
#define LC_APART_H

#include <stddef.h>
#include <stdint.h>

#include "codec.h"

#define LC_APART_LANES 8
#define LC_APART_BLOCK 4096

struct lc_sum { /* Neumaier's: Z. angew. Math. Mech. 54 (1974) 39-51 */
	double sum, lost;
};

struct lc_apart {
	enum lc_dtype type; /* LC_BYTES: elements are bytes, and only counted */
	uint64_t n;	    /* elements so far */
	uint64_t changed;   /* elements whose bits differ */
	uint64_t bytes;	    /* bytes that differ */
	uint64_t bad[2];    /* elements of a and of b that are infinite or no number */
	double max;	    /* greatest |b - a| where both are finite */
	double lane[2][LC_APART_LANES];
	struct lc_sum d2, a2; /* of (b - a)^2 and a^2 where both are finite */
};

void lc_apart_init(struct lc_apart *s, enum lc_dtype type);
void lc_apart_add(struct lc_apart *s, const void *a, const void *b, size_t n);

/* ||b - a|| / ||a||: 0 when nothing differs, infinite when a is zero. Ends the sums. */
double lc_apart_relative(struct lc_apart *s);

/* Elements of a type as doubles, exactly; not of LC_BYTES. */
void lc_apart_widen(enum lc_dtype type, const void *x, size_t n, double *out);

#endif

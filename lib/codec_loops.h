/*
 * codec_loops: the loops over elements, for several kinds of processors: codec_loops.inc, compiled
 * for each. All give the same bytes.
 */
#ifndef LC_CODEC_LOOPS_H
#define LC_CODEC_LOOPS_H

#include "codec.h"

#define CONTEXTS LC_CONTEXTS
#define RANS_BITS 12
#define RANS_TOTAL (1u << RANS_BITS)
#define RANS_LOW (1u << 16) /* a state is at least that, and is refilled by 16 bits */
#define RANS_STATES 32
#define CODED_ROOM (2 * RUN_ELEMENTS + 64) /* no byte takes more than 2; and a vector below */

struct rans_codes { /* of 256 bytes for each context: frequency less 1, start << 12; 2^44 / f */
	uint32_t code[CONTEXTS * 256];
	uint64_t inverse[CONTEXTS * 256];
};

/* What is there for several kinds of processors (codec_loops.h). */
struct loops {
	void (*load)(const void *x, size_t n, unsigned bits, uint32_t *to);
	void (*store)(const uint32_t *from, size_t n, unsigned bits, void *x);
	void (*predict)(const struct lc_model *m, const void *const *src, size_t n, uint32_t *p);
	void (*add_row)(uint32_t *p, size_t n, uint32_t row, const unsigned char *col,
			unsigned shift);
	void (*map)(const struct lc_model *m, const uint32_t *x, const uint32_t *p, size_t n,
		    uint32_t *u);
	void (*unmap)(const struct lc_model *m, const uint32_t *u, const uint32_t *p, size_t n,
		      uint32_t *x);
	uint32_t (*split)(const uint32_t *u, size_t n, unsigned bits, unsigned turn,
			  unsigned char *const *plane);
	void (*merge)(const unsigned char *const *plane, size_t n, unsigned bits, unsigned turn,
		      uint32_t *u);
	int64_t (*sum)(const uint32_t *x, const uint32_t *p, size_t n, uint32_t mask, int32_t *col);
	void (*contexts)(const struct lc_model *m, const void *src, const uint32_t *p, size_t n,
			 unsigned char *to);
	void (*pack)(const unsigned char *plane, size_t n, unsigned keep, unsigned char *out);
	void (*unpack)(const unsigned char *in, size_t n, unsigned keep, unsigned char *plane);
	unsigned char *(*push)(uint32_t *x, const unsigned char *in, const unsigned char *ctx,
			       size_t n, const struct rans_codes *t, unsigned char *p);
	size_t (*pull)(uint32_t *x, const unsigned char *ctx, const uint32_t *slot,
		       const unsigned char **in, const unsigned char *end, unsigned char *out,
		       size_t n);
};
extern const struct loops codec_v1, codec_v3, codec_v4;
const struct loops *codec_loops(int level); /* 0, 1, 2: NULL when the processor cannot */

/* For any processor, and for what is left over by vectors. */
unsigned char *rans_push(uint32_t *x, const unsigned char *in, const unsigned char *ctx, size_t n,
			 const struct rans_codes *t, unsigned char *p);
size_t rans_pull(uint32_t *x, const unsigned char *ctx, const uint32_t *slot,
		 const unsigned char **in, const unsigned char *end, unsigned char *out, size_t n);

#endif

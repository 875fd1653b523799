/* codec_impl: what the parts of the codec share: codec.c, codec_pred.c, codec_planes.c,
 * codec_fit.c. */
#ifndef LC_CODEC_IMPL_H
#define LC_CODEC_IMPL_H

#include "codec.h"

#define RUN_ELEMENTS (LC_RUN_MAX / 2) /* the most there can be */
#define RANK1_COLS 65536 /* more columns than that, and the terms cost what they gain */
#define RANK1_ZERO 128	 /* of a column's term: it has a sign */

/* Loops over elements are compiled for wider registers too, and the processor chooses: the bits are
 * the same, since nothing is contracted or reordered. Sanitizers do not know how that is linked. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) &&                             \
	!defined(__SANITIZE_ADDRESS__)
#define WIDE __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define WIDE
#endif

struct lc_work {
	uint32_t *x, *p, *u;  /* elements, predictions, what is left over */
	unsigned char *plane; /* LC_BLOCK bytes, and 8 more */
	unsigned char *side;  /* the row terms, then the column terms, of rank1 */
	struct ZSTD_CCtx_s *literals, *fast;
	struct ZSTD_DCtx_s *d;
};

static inline void put_u32(unsigned char *p, uint32_t x)
{
	for (int i = 0; i < 4; i++)
		p[i] = (unsigned char)(x >> 8 * i);
}

static inline uint32_t get_u32(const unsigned char *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint32_t bits_mask(unsigned bits)
{
	return bits == 32 ? ~(uint32_t)0 : ((uint32_t)1 << bits) - 1;
}

/* codec_pred.c: n little-endian elements as numbers; predictions of their bit patterns. */
void codec_load(const void *x, size_t n, unsigned bits, uint32_t *to);
void codec_store(const uint32_t *from, size_t n, unsigned bits, void *x);
void codec_predict(const struct lc_model *m, const void *const *src, size_t n, uint32_t *p);
size_t codec_rows(const struct lc_model *m, size_t n);
void codec_rank1(const struct lc_model *m, const unsigned char *side, size_t n, uint32_t *p);

/* What is left over of x, and back. turn is not applied. */
void codec_map(const struct lc_model *m, const uint32_t *x, const uint32_t *p, size_t n,
	       uint32_t *u);
void codec_unmap(const struct lc_model *m, const uint32_t *u, const uint32_t *p, size_t n,
		 uint32_t *x);

/* codec_planes.c: at most LC_BLOCK numbers as planes. The bytes written; or the bytes read, or -1.
 */
size_t planes_encode(struct lc_work *w, const uint32_t *u, size_t n, unsigned bits, unsigned turn,
		     int keep_turn, unsigned char *out);
long planes_decode(struct lc_work *w, const unsigned char *in, size_t len, size_t n, unsigned bits,
		   uint32_t *u);

/* codec_rans.c: the bytes written, 0 when there is no room; 0, or -1. n > 0. */
size_t rans_encode(const unsigned char *in, size_t n, unsigned char *out, size_t room);
int rans_decode(const unsigned char *in, size_t len, unsigned char *out, size_t n);

#endif

/* codec_impl: what the parts of the codec share: codec.c, codec_pred.c, codec_planes.c,
 * codec_rans.c, codec_fit.c, and the loops of codec_loops.h. */
#ifndef LC_CODEC_IMPL_H
#define LC_CODEC_IMPL_H

#include "codec.h"
#include "codec_loops.h"

#define RUN_ELEMENTS (LC_RUN_MAX / 2) /* the most there can be */
#define STRIDE 2048 /* elements that go through all loops at once, to stay near the processor */
#define RANK1_COLS 65536 /* more columns than that, and the terms cost what they gain */
#define RANK1_ZERO 128	 /* of a column's term: it has a sign */
#define PLANES_MAX 4
#define EXCEPTIONS_MOST 128 /* elements for one of those that do not fit the others' bits */

struct lc_work {
	const struct loops *loops;
	uint32_t *x, *p, *u;		  /* STRIDE elements, predictions, what is left over */
	uint32_t *told;			  /* RUN_ELEMENTS predictions that contexts are from */
	unsigned char *plane[PLANES_MAX]; /* RUN_ELEMENTS bytes each, and 64 more */
	unsigned char *ctx;		  /* as many */
	unsigned char *side;		  /* the row terms, then the column terms, of rank1 */
	unsigned char *coded;		  /* CODED_ROOM */
	unsigned char *odd;		  /* exceptions: 8 bytes each */
	uint32_t (*count)[256];		  /* for each context */
	uint32_t *slot;			  /* for each context RANS_TOTAL */
	struct rans_codes *codes;
	struct fit *fit;       /* codec_fit.c; NULL until it is used */
	struct device *device; /* codec_device.c; NULL when there is none */
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

/* codec_pred.c: n little-endian elements as numbers: in w->x, or where they are if they can be used
 * there. */
int codec_direct(const void *x, unsigned bits);
const uint32_t *codec_load(struct lc_work *w, const void *x, size_t n, unsigned bits);

/* Predictions of elements i to i + n of a run of all, with the terms in w->side, and contexts,
 * where m has them. */
size_t codec_rows(const struct lc_model *m, size_t n);
void codec_predict(struct lc_work *w, const struct lc_model *m, const void *const *src, size_t all,
		   size_t i, size_t n, uint32_t *p, unsigned char *ctx);

/* codec_planes.c: all elements of a run, or n from i on. The bytes written; or the bytes read, or
 * -1.
 */
struct planes {
	const struct lc_model *m;
	const void *const *src;
	size_t all;
	unsigned bits;
	int noise[PLANES_MAX]; /* the encoder's guess */
	int first_layout;      /* the decoder is given what version 2 wrote */
};
void planes_guess(struct lc_work *w, struct planes *pl, const void *x, unsigned turn);
size_t planes_encode(struct lc_work *w, const struct planes *pl, const void *x, unsigned char *out);
long planes_decode(struct lc_work *w, const struct planes *pl, const unsigned char *in, size_t len,
		   size_t i, size_t n, void *x);

/*
 * codec_device.c: stage a run on the device, if it is still in use; and take it from there: 1. What
 * the processor made of it in so many seconds is compared until the device is trusted.
 */
void device_stage(struct lc_work *w, const struct planes *pl, const void *x);
int device_take(struct lc_work *w, const struct planes *pl, unsigned char *const *dest,
		uint32_t *any);
void device_compare(struct lc_work *w, const struct planes *pl, unsigned char *const *plane,
		    double seconds);
void device_free(struct device *d); /* accepts NULL */

/* codec_rans.c: add to count; the bits that bytes so often seen take, and how many kinds there are.
 */
void rans_count(const unsigned char *in, const unsigned char *ctx, size_t n,
		uint32_t count[CONTEXTS][256]);
double rans_bits(const uint32_t *count, unsigned *kinds);

/* n > 0 bytes whose counts are in w->count; the bytes written, 0 when there is no room. Or 0, -1.
 */
size_t rans_encode(struct lc_work *w, const unsigned char *in, const unsigned char *ctx, size_t n,
		   unsigned char *out, size_t room);
int rans_decode(struct lc_work *w, const unsigned char *in, size_t len, const unsigned char *ctx,
		unsigned char *out, size_t n);

/* codec_rans4.c: what version 2 wrote. */
int rans4_decode(const unsigned char *in, size_t len, unsigned char *out, size_t n);

#endif

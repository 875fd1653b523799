/*
 * codec_planes: a block of numbers as planes of 8 bits, the top one first. See lc-store(5).
 *
 * A plane that is noise is copied; one whose bytes are unevenly spread goes through Zstandard.
 * Mostly only its Huffman stage is wanted: at level -50 its search for matches is all but off, and
 * the literals are compressed all the same. A plane with less than 1.5 bits a byte has runs that
 * the search does find.
 */
#define ZSTD_STATIC_LINKING_ONLY /* for ZSTD_c_literalCompressionMode */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "codec_impl.h"
#include "io.h"

enum {
	RAW = 0,
	CONSTANT = 1,
	FRAME = 2,
	RANS = 3,
	PACKED = 8 /* + 1..7, the bits of a byte that are kept */
};

#define SAMPLE 8192   /* bytes looked at to tell noise from a plane that gains */
#define NOISE 7.86    /* bits a byte, above which a plane is noise */
#define FRACTIONS 3.5 /* below which whole bits are too coarse a code */
#define SMALL 64      /* elements of a block too short to compress */
#define BYTES_LEVEL 1 /* of what is no tensor */

struct lc_work *lc_work_new(void)
{
	struct lc_work *w = lc_xalloc(1, sizeof(*w));
	ZSTD_CCtx *z;

	w->x = lc_xalloc(RUN_ELEMENTS, sizeof(*w->x));
	w->p = lc_xalloc(RUN_ELEMENTS, sizeof(*w->p));
	w->u = lc_xalloc(RUN_ELEMENTS, sizeof(*w->u));
	w->plane = lc_xalloc(LC_BLOCK + 8, 1);
	w->side = lc_xalloc(RUN_ELEMENTS + 1 + RANK1_COLS, 1);
	z = w->literals = ZSTD_createCCtx();
	w->fast = ZSTD_createCCtx();
	w->d = ZSTD_createDCtx();
	if (!z || !w->fast || !w->d)
		abort(); /* out of memory, as lc_xalloc has it */
	ZSTD_CCtx_setParameter(z, ZSTD_c_compressionLevel, -50);
	ZSTD_CCtx_setParameter(z, ZSTD_c_literalCompressionMode, ZSTD_ps_enable);
	ZSTD_CCtx_setParameter(w->fast, ZSTD_c_compressionLevel, BYTES_LEVEL);
	return w;
}

void lc_work_free(struct lc_work *w)
{
	if (!w)
		return;
	ZSTD_freeCCtx(w->literals);
	ZSTD_freeCCtx(w->fast);
	ZSTD_freeDCtx(w->d);
	free(w->x);
	free(w->p);
	free(w->u);
	free(w->plane);
	free(w->side);
	free(w);
}

WIDE static uint32_t all_bits(const uint32_t *u, size_t n)
{
	uint32_t any = 0;

	for (size_t i = 0; i < n; i++)
		any |= u[i];
	return any;
}

/* Byte `shift` of each number, turned left. */
WIDE static void split(const uint32_t *u, size_t n, unsigned bits, unsigned turn, unsigned shift,
		       unsigned char *plane)
{
	if (turn == 0) {
		for (size_t i = 0; i < n; i++)
			plane[i] = (unsigned char)(u[i] >> shift);
		return;
	}
	for (size_t i = 0; i < n; i++)
		plane[i] = (unsigned char)((u[i] << turn | u[i] >> (bits - turn)) >> shift);
}

WIDE static void merge(const unsigned char *plane, size_t n, unsigned shift, int first, uint32_t *u)
{
	if (first) {
		for (size_t i = 0; i < n; i++)
			u[i] = (uint32_t)plane[i] << shift;
		return;
	}
	for (size_t i = 0; i < n; i++)
		u[i] |= (uint32_t)plane[i] << shift;
}

WIDE static void turn_back(uint32_t *u, size_t n, unsigned bits, unsigned turn)
{
	uint32_t mask = bits_mask(bits);

	for (size_t i = 0; turn && i < n; i++)
		u[i] = (u[i] >> turn | u[i] << (bits - turn)) & mask;
}

/* Bits a byte, from bytes taken evenly. */
static double entropy(const unsigned char *plane, size_t n)
{
	unsigned count[4][256] = {{0}}, total = 0;
	size_t step = n > SAMPLE ? n / SAMPLE : 1;
	double sum = 0;
	int kinds = 0;

	for (size_t i = 0; i + 3 * step < n; i += 4 * step)
		for (unsigned k = 0; k < 4; k++)
			count[k][plane[i + k * step]]++;
	for (int c = 0; c < 256; c++) {
		unsigned x = count[0][c] + count[1][c] + count[2][c] + count[3][c];
		kinds += x > 0;
		total += x;
		sum += x > 0 ? x * log2((double)x) : 0;
	}
	if (total == 0)
		return 0;
	return log2(total) - sum / total + (kinds - 1) / (2 * total * M_LN2);
}

static size_t pack(const unsigned char *plane, size_t n, unsigned keep, unsigned char *out)
{
	unsigned char *p = out;

	for (size_t i = 0; i < n; i += 8, p += keep) {
		uint64_t acc = 0;
		for (unsigned k = 0; k < 8 && i + k < n; k++)
			acc |= (uint64_t)(plane[i + k] >> (8 - keep)) << k * keep;
		for (unsigned k = 0; k < keep; k++)
			p[k] = (unsigned char)(acc >> 8 * k);
	}
	return (size_t)(p - out);
}

static size_t packed_size(size_t n, unsigned keep)
{
	return (n + 7) / 8 * keep;
}

static void unpack(const unsigned char *in, size_t n, unsigned keep, unsigned char *plane)
{
	for (size_t i = 0; i < n; i += 8, in += keep) {
		uint64_t acc = 0;
		for (unsigned k = 0; k < keep; k++)
			acc |= (uint64_t)in[k] << 8 * k;
		for (unsigned k = 0; k < 8 && i + k < n; k++)
			plane[i + k] = (unsigned char)(acc >> k * keep << (8 - keep));
	}
}

/* any says which bits some byte of the plane has. */
static size_t plane_encode(struct lc_work *w, size_t n, unsigned char any, unsigned char *out)
{
	const unsigned char *plane = w->plane;
	unsigned keep = 8;
	double h = n < SMALL ? 8 : entropy(plane, n);
	size_t len;

	if (memcmp(plane, plane + 1, n - 1) == 0) {
		out[0] = CONSTANT;
		out[1] = plane[0];
		return 2;
	}
	while (keep > 1 && !(any >> (8 - keep) & 1))
		keep--;
	if (h < NOISE - (8 - keep)) {
		int rans = h < FRACTIONS;
		len = rans ? rans_encode(plane, n, out + 5, n)
			   : ZSTD_compress2(w->literals, out + 5, n, plane, n);
		if (len && !ZSTD_isError(len) && len + 4 < packed_size(n, keep)) {
			out[0] = rans ? RANS : FRAME;
			put_u32(out + 1, (uint32_t)len);
			return len + 5;
		}
	}
	if (keep < 8) {
		out[0] = (unsigned char)(PACKED + keep);
		return 1 + pack(plane, n, keep, out + 1);
	}
	out[0] = RAW;
	memcpy(out + 1, plane, n);
	return 1 + n;
}

size_t planes_encode(struct lc_work *w, const uint32_t *u, size_t n, unsigned bits, unsigned turn,
		     int keep_turn, unsigned char *out)
{
	uint32_t any = all_bits(u, n);
	unsigned char *p = out;

	if (!keep_turn && turn && any >> (bits - turn)) /* no room above: better whole bytes */
		turn = 0;
	if (turn)
		any = (any << turn | any >> (bits - turn)) & bits_mask(bits);
	*p++ = (unsigned char)turn;
	for (unsigned shift = bits; shift > 0;) {
		shift -= 8;
		split(u, n, bits, turn, shift, w->plane);
		p += plane_encode(w, n, (unsigned char)(any >> shift), p);
	}
	return (size_t)(p - out);
}

static long plane_decode(struct lc_work *w, const unsigned char *in, size_t len, size_t n)
{
	unsigned mode;
	size_t size;

	if (len < 1)
		return -1;
	mode = in[0];
	if (mode == RAW && len - 1 >= n) {
		memcpy(w->plane, in + 1, n);
		return (long)(1 + n);
	}
	if (mode == CONSTANT && len >= 2) {
		memset(w->plane, in[1], n);
		return 2;
	}
	if ((mode == FRAME || mode == RANS) && len >= 5 && (size = get_u32(in + 1)) <= len - 5) {
		if (mode == RANS ? rans_decode(in + 5, size, w->plane, n) < 0
				 : ZSTD_decompressDCtx(w->d, w->plane, n, in + 5, size) != n)
			return -1;
		return (long)(5 + size);
	}
	if (mode > PACKED && mode < PACKED + 8 && len - 1 >= packed_size(n, mode - PACKED)) {
		unpack(in + 1, n, mode - PACKED, w->plane);
		return (long)(1 + packed_size(n, mode - PACKED));
	}
	return -1;
}

long planes_decode(struct lc_work *w, const unsigned char *in, size_t len, size_t n, unsigned bits,
		   uint32_t *u)
{
	size_t at = 1;

	if (len < 1 || in[0] > 7)
		return -1;
	for (unsigned shift = bits; shift > 0;) {
		long used = plane_decode(w, in + at, len - at, n);
		if (used < 0)
			return -1;
		at += (size_t)used;
		shift -= 8;
		merge(w->plane, n, shift, shift + 8 == bits, u);
	}
	turn_back(u, n, bits, in[0]);
	return (long)at;
}

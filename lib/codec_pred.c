/*
 * codec_pred: predictions, and the maps from an element to what is left over. See codec.h.
 *
 * The arithmetic here is the format (lc-store(5)): each line of it is one rounding, in the order
 * written. A prediction that is a NaN counts as 0, since which NaN comes out depends on the
 * processor.
 */
#include <assert.h>
#include <endian.h>
#include <math.h>
#include <string.h>

#include "codec_impl.h"

#if !defined(__FLT_EVAL_METHOD__) || __FLT_EVAL_METHOD__ != 0
#error "predictions need single precision that is rounded at each operation"
#endif

unsigned lc_dtype_bits(enum lc_dtype type)
{
	switch (type) {
	case LC_F32:
	case LC_I32: return 32;
	case LC_BF16:
	case LC_F16:
	case LC_I16: return 16;
	default: return 0;
	}
}

unsigned lc_dtype_mantissa(enum lc_dtype type)
{
	switch (type) {
	case LC_F32: return 23;
	case LC_BF16: return 7;
	case LC_F16: return 10;
	default: return 0;
	}
}

int lc_pred_sources(enum lc_pred pred)
{
	static const unsigned char count[LC_PREDS] = {0, 1, 1, 3, 3, 5, 1};

	return count[pred];
}

unsigned lc_source_bytes(const struct lc_model *m)
{
	return m->pred == LC_PRED_BF16 ? 4 : lc_dtype_bits(m->type) / 8;
}

WIDE void codec_load(const void *x, size_t n, unsigned bits, uint32_t *to)
{
	const unsigned char *p = x;

	if (bits == 32) {
		memcpy(to, p, 4 * n);
		for (size_t i = 0; i < n; i++)
			to[i] = le32toh(to[i]);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		uint16_t h;
		memcpy(&h, p + 2 * i, 2);
		to[i] = le16toh(h);
	}
}

WIDE void codec_store(const uint32_t *from, size_t n, unsigned bits, void *x)
{
	unsigned char *p = x;

	if (bits == 32) {
		for (size_t i = 0; i < n; i++) {
			uint32_t f = htole32(from[i]);
			memcpy(p + 4 * i, &f, 4);
		}
		return;
	}
	for (size_t i = 0; i < n; i++) {
		uint16_t h = htole16((uint16_t)from[i]);
		memcpy(p + 2 * i, &h, 2);
	}
}

static inline float at(const void *src, size_t i)
{
	uint32_t b;
	float f;

	memcpy(&b, (const unsigned char *)src + 4 * i, 4);
	b = le32toh(b);
	memcpy(&f, &b, 4);
	return f;
}

static inline uint32_t pattern(float f)
{
	uint32_t b;

	memcpy(&b, &f, 4);
	return f == f ? b : 0;
}

WIDE static void predict_scale(const float *k, const void *x, size_t n, uint32_t *p)
{
	float k0 = k[0];

	for (size_t i = 0; i < n; i++)
		p[i] = pattern(k0 * at(x, i));
}

WIDE static void predict_adam(const float *k, const void *v, const void *m1, const void *m,
			      size_t n, uint32_t *p)
{
	float k0 = k[0], k1 = k[1], k2 = k[2], k3 = k[3];

	for (size_t i = 0; i < n; i++) {
		float was = k0 * at(m, i);
		float g = at(m1, i) - was;
		float old = k2 * at(v, i);
		float new;
		g = g / k1;
		new = k3 *g;
		new = new *g;
		p[i] = pattern(old + new);
	}
}

WIDE static void predict_step(const float *k, const void *w, const void *m1, const void *v1,
			      size_t n, uint32_t *p)
{
	float k0 = k[0], k1 = k[1], k2 = k[2];

	for (size_t i = 0; i < n; i++) {
		float root = sqrtf(at(v1, i)) + k2;
		float step = at(m1, i) / root;
		float kept = k0 * at(w, i);
		step = k1 * step;
		p[i] = pattern(kept - step);
	}
}

WIDE static void predict_reg(const float *k, const void *const *src, size_t n, uint32_t *p)
{
	const void *w = src[0], *m1 = src[1], *v1 = src[2], *m = src[3], *v = src[4];
	float k0 = k[0], k1 = k[1], k2 = k[2], k3 = k[3];

	for (size_t i = 0; i < n; i++) {
		float root = sqrtf(at(v1, i)) + k2, root0 = sqrtf(at(v, i)) + k2;
		float step = at(m1, i) / root, step0 = at(m, i) / root0;
		float kept = k0 * at(w, i);
		step = k1 * step;
		step0 = k3 * step0;
		kept = kept - step;
		p[i] = pattern(kept - step0);
	}
}

WIDE static void predict_bf16(const void *x, size_t n, uint32_t *p)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t b, low;
		memcpy(&b, (const unsigned char *)x + 4 * i, 4);
		b = le32toh(b);
		low = 0x7fff + (b >> 16 & 1);
		/* a NaN stays one: rounding must not carry it into infinity or zero */
		p[i] = (b & 0x7fffffff) > 0x7f800000 ? b >> 16 | 0x40 : (b + low) >> 16;
	}
}

void codec_predict(const struct lc_model *m, const void *const *src, size_t n, uint32_t *p)
{
	switch (m->pred) {
	case LC_PRED_SUB: codec_load(src[0], n, lc_dtype_bits(m->type), p); break;
	case LC_PRED_SCALE: predict_scale(m->k, src[0], n, p); break;
	case LC_PRED_ADAM: predict_adam(m->k, src[0], src[1], src[2], n, p); break;
	case LC_PRED_STEP: predict_step(m->k, src[0], src[1], src[2], n, p); break;
	case LC_PRED_REG: predict_reg(m->k, src, n, p); break;
	case LC_PRED_BF16: predict_bf16(src[0], n, p); break;
	default: memset(p, 0, n * sizeof(*p));
	}
}

size_t codec_rows(const struct lc_model *m, size_t n)
{
	return (m->phase + n + m->cols - 1) / m->cols;
}

/* The terms are in sixteenths of an octave: of the exponent's lowest bit. */
static unsigned unit_shift(const struct lc_model *m)
{
	assert(lc_dtype_mantissa(m->type) >= 4);
	return lc_dtype_mantissa(m->type) - 4;
}

WIDE static void add_row(uint32_t *p, size_t n, uint32_t row, const unsigned char *col,
			 unsigned shift)
{
	for (size_t j = 0; j < n; j++)
		p[j] += row + ((uint32_t)col[j] << shift);
}

void codec_rank1(const struct lc_model *m, const unsigned char *side, size_t n, uint32_t *p)
{
	const unsigned char *col = side + codec_rows(m, n);
	unsigned shift = unit_shift(m);
	size_t i = 0, j = m->phase;

	for (size_t r = 0; i < n; r++, j = 0) {
		size_t len = m->cols - j < n - i ? m->cols - j : n - i;
		uint32_t row =
			m->low + ((uint32_t)side[r] << shift) - ((uint32_t)RANK1_ZERO << shift);
		add_row(p + i, len, row, col + j, shift);
		i += len;
	}
}

WIDE void codec_map(const struct lc_model *m, const uint32_t *x, const uint32_t *p, size_t n,
		    uint32_t *u)
{
	unsigned bits = lc_dtype_bits(m->type);
	uint32_t mask = bits_mask(bits), half = mask >> 1, bias = m->bias;

	assert(bits > 0);
	switch (m->map) {
	case LC_MAP_ROTATE:
		for (size_t i = 0; i < n; i++)
			u[i] = x[i];
		break;
	case LC_MAP_BIAS:
		for (size_t i = 0; i < n; i++)
			u[i] = (x[i] - p[i] - bias) & mask;
		break;
	case LC_MAP_ZIGZAG:
		for (size_t i = 0; i < n; i++) {
			uint32_t d = (x[i] - p[i]) & mask, sign = d >> (bits - 1) & 1;
			u[i] = (d << 1 ^ (0 - sign)) & mask;
		}
		break;
	default:
		for (size_t i = 0; i < n; i++)
			u[i] = (((x[i] & half) - p[i] - bias) << 1 & mask) | x[i] >> (bits - 1);
	}
}

WIDE void codec_unmap(const struct lc_model *m, const uint32_t *u, const uint32_t *p, size_t n,
		      uint32_t *x)
{
	unsigned bits = lc_dtype_bits(m->type);
	uint32_t mask = bits_mask(bits), half = mask >> 1, bias = m->bias;

	assert(bits > 0);
	switch (m->map) {
	case LC_MAP_ROTATE:
		for (size_t i = 0; i < n; i++)
			x[i] = u[i];
		break;
	case LC_MAP_BIAS:
		for (size_t i = 0; i < n; i++)
			x[i] = (u[i] + p[i] + bias) & mask;
		break;
	case LC_MAP_ZIGZAG:
		for (size_t i = 0; i < n; i++)
			x[i] = ((u[i] >> 1 ^ (0 - (u[i] & 1))) + p[i]) & mask;
		break;
	default:
		for (size_t i = 0; i < n; i++)
			x[i] = (((u[i] >> 1) + p[i] + bias) & half) |
			       (u[i] << (bits - 1) & mask & ~half);
	}
}

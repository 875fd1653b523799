/* codec_pred: what elements are, what predicts them, and the loops for this processor. See codec.h.
 */
#include <assert.h>
#include <endian.h>

#include "codec_impl.h"

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
	static const unsigned char count[LC_PREDS] = {0, 1, 1, 3, 3, 5, 1, 3, 3, 2};

	return count[pred];
}

unsigned lc_source_bytes(const struct lc_model *m)
{
	return m->pred == LC_PRED_NARROW ? 4 : lc_dtype_bits(m->type) / 8;
}

const struct loops *codec_loops(int level)
{
#if defined(__x86_64__) && defined(__GNUC__)
	if (level == 2)
		return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
				       __builtin_cpu_supports("avx512dq") &&
				       __builtin_cpu_supports("avx512cd") &&
				       __builtin_cpu_supports("bmi2")
			       ? &codec_v4
			       : NULL;
	if (level == 1)
		return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") ? &codec_v3
											: NULL;
#endif
	return level == 0 ? &codec_v1 : NULL;
}

int codec_direct(const void *x, unsigned bits)
{
	return bits == 32 && (uintptr_t)x % _Alignof(uint32_t) == 0 && le32toh(1) == 1;
}

const uint32_t *codec_load(struct lc_work *w, const void *x, size_t n, unsigned bits)
{
	if (codec_direct(x, bits))
		return x;
	w->loops->load(x, n, bits, w->x);
	return w->x;
}

size_t codec_rows(const struct lc_model *m, size_t n)
{
	return (m->phase + n + m->cols - 1) / m->cols;
}

/* The terms are in sixteenths of an octave: of the exponent's lowest bit. */
static void add_terms(const struct lc_work *w, const struct lc_model *m, size_t all, size_t i,
		      size_t n, uint32_t *p)
{
	const unsigned char *col = w->side + codec_rows(m, all);
	unsigned shift = lc_dtype_mantissa(m->type) - 4;
	size_t r = (m->phase + i) / m->cols, c = (m->phase + i) % m->cols;

	assert(lc_dtype_mantissa(m->type) >= 4);
	for (size_t done = 0; done < n; r++, c = 0) {
		size_t len = m->cols - c < n - done ? m->cols - c : n - done;
		uint32_t row =
			m->low + ((uint32_t)w->side[r] << shift) - ((uint32_t)RANK1_ZERO << shift);
		w->loops->add_row(p + done, len, row, col + c, shift);
		done += len;
	}
}

void codec_predict(struct lc_work *w, const struct lc_model *m, const void *const *src, size_t all,
		   size_t i, size_t n, uint32_t *p, unsigned char *ctx)
{
	const void *at[LC_SOURCES] = {0};

	for (int k = 0; k < lc_pred_sources(m->pred); k++)
		at[k] = (const unsigned char *)src[k] + i * lc_source_bytes(m);
	w->loops->predict(m, at, n, p);
	if (m->rank1)
		add_terms(w, m, all, i, n, p);
	if (m->contexts)
		w->loops->contexts(m, at[0], p, n, ctx);
}

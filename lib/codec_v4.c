/*
 * codec_v4: the loops of the codec for AVX-512; see codec_loops.inc. Here frequencies are coded 16
 * states at a time.
 */
#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

#define LOOP                                                                                       \
	__attribute__((                                                                            \
		target("avx512f,avx512bw,avx512vl,avx512dq,avx512cd,bmi,bmi2,popcnt" WIDEST)))
#ifdef __clang__
#define WIDEST ""
#else
#define WIDEST ",prefer-vector-width=512"
#endif
#define FAST_PACK
#include "codec_loops.inc"

LOOP static __m512i numbers(const unsigned char *in, const unsigned char *ctx, int shift)
{
	__m512i s = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)in));

	if (!ctx)
		return s;
	return _mm512_or_si512(
		s, _mm512_slli_epi32(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)ctx)),
				     (unsigned)shift));
}

/*
 * x / f in single precision is off by one at most, since it is below 2^20; the remainder tells.
 * What leaves the states goes to the words just below p, the lowest state's first.
 */
LOOP static __m512i push16(__m512i x, __m512i s, const uint32_t *code, unsigned char **p)
{
	const __m512i one = _mm512_set1_epi32(1), low = _mm512_set1_epi32(RANS_TOTAL - 1);
	const __m512i iota =
		_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
	__m512i c = _mm512_i32gather_epi32(s, code, 4);
	__m512i f = _mm512_add_epi32(_mm512_and_si512(c, low), one), q, r;
	__mmask16 full = _mm512_cmpge_epu32_mask(_mm512_srli_epi32(x, 32 - RANS_BITS), f), off;
	int words = __builtin_popcount(full);
	__m512i out = _mm512_maskz_compress_epi32(full, x);

	out = _mm512_permutexvar_epi32(_mm512_add_epi32(iota, _mm512_set1_epi32(words)), out);
	_mm256_storeu_si256((__m256i *)(*p - 32), _mm512_cvtepi32_epi16(out));
	*p -= 2 * words;
	x = _mm512_mask_srli_epi32(x, full, x, 16);
	q = _mm512_cvttps_epu32(_mm512_div_ps(_mm512_cvtepu32_ps(x), _mm512_cvtepi32_ps(f)));
	r = _mm512_sub_epi32(x, _mm512_mullo_epi32(q, f));
	off = _mm512_cmplt_epi32_mask(r, _mm512_setzero_si512());
	q = _mm512_mask_sub_epi32(q, off, q, one);
	r = _mm512_mask_add_epi32(r, off, r, f);
	off = _mm512_cmpge_epi32_mask(r, f);
	q = _mm512_mask_add_epi32(q, off, q, one);
	r = _mm512_mask_sub_epi32(r, off, r, f);
	return _mm512_add_epi32(_mm512_slli_epi32(q, RANS_BITS),
				_mm512_add_epi32(r, _mm512_srli_epi32(c, RANS_BITS)));
}

LOOP static unsigned char *push(uint32_t *x, const unsigned char *in, const unsigned char *ctx,
				size_t n, const struct rans_codes *t, unsigned char *p)
{
	__m512i a = _mm512_loadu_si512(x), b = _mm512_loadu_si512(x + 16);

	for (size_t i = n; i > 0;) {
		i -= RANS_STATES;
		b = push16(b, numbers(in + i + 16, ctx ? ctx + i + 16 : NULL, 8), t->code, &p);
		a = push16(a, numbers(in + i, ctx ? ctx + i : NULL, 8), t->code, &p);
	}
	_mm512_storeu_si512(x, a);
	_mm512_storeu_si512(x + 16, b);
	return p;
}

LOOP static __m512i pull16(__m512i x, const unsigned char *ctx, const uint32_t *slot,
			   const unsigned char **p, unsigned char *out)
{
	const __m512i one = _mm512_set1_epi32(1), low = _mm512_set1_epi32(RANS_TOTAL - 1);
	__m512i s = _mm512_and_si512(x, low), e, f, more;
	__mmask16 dry;

	if (ctx)
		s = _mm512_or_si512(s, _mm512_slli_epi32(_mm512_cvtepu8_epi32(_mm_loadu_si128(
								 (const __m128i *)ctx)),
							 RANS_BITS));
	e = _mm512_i32gather_epi32(s, slot, 4);
	f = _mm512_add_epi32(_mm512_and_si512(_mm512_srli_epi32(e, 8), low), one);
	x = _mm512_add_epi32(_mm512_mullo_epi32(f, _mm512_srli_epi32(x, RANS_BITS)),
			     _mm512_srli_epi32(e, 20));
	_mm_storeu_si128((__m128i *)out, _mm512_cvtepi32_epi8(e));
	dry = _mm512_cmplt_epu32_mask(x, _mm512_set1_epi32(RANS_LOW));
	more = _mm512_maskz_expand_epi32(
		dry, _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)*p)));
	*p += 2 * __builtin_popcount(dry);
	return _mm512_mask_or_epi32(x, dry, _mm512_slli_epi32(x, 16), more);
}

LOOP static size_t pull(uint32_t *x, const unsigned char *ctx, const uint32_t *slot,
			const unsigned char **in, const unsigned char *end, unsigned char *out,
			size_t n)
{
	__m512i a = _mm512_loadu_si512(x), b = _mm512_loadu_si512(x + 16);
	const unsigned char *p = *in;
	size_t i = 0;

	for (; n - i >= RANS_STATES && end - p >= 2 * RANS_STATES; i += RANS_STATES) {
		a = pull16(a, ctx ? ctx + i : NULL, slot, &p, out + i);
		b = pull16(b, ctx ? ctx + i + 16 : NULL, slot, &p, out + i + 16);
	}
	_mm512_storeu_si512(x, a);
	_mm512_storeu_si512(x + 16, b);
	*in = p;
	return i;
}

const struct loops codec_v4 = {LOOPS, push, pull};
#endif

/*
 * vec: a register's worth of floats at once, through the compiler's vector extension.
 *
 * Sixteen with AVX-512, eight with AVX, else four; never more than a register holds, since gcc
 * passes wider ones through memory (measured: a tenth of the speed). Every array here is a multiple
 * of 16 long, and so of all three. A sum over an array goes lane by lane and is folded in a fixed
 * order: its bits depend on the processor's kind and on nothing else. Private to kernels/.
 */
#ifndef LC_VEC_H
#define LC_VEC_H

#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__)
#define LC_LANES 16
#elif defined(__AVX__)
#define LC_LANES 8
#else
#define LC_LANES 4
#endif

#pragma GCC diagnostic ignored "-Wpsabi" /* all is inline: no vector crosses a call */

typedef float lc_vec __attribute__((vector_size(4 * LC_LANES)));
typedef int32_t lc_veci __attribute__((vector_size(4 * LC_LANES)));

static inline lc_vec lc_load(const float *p)
{
	lc_vec v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline void lc_store(float *p, lc_vec v)
{
	memcpy(p, &v, sizeof(v));
}

static inline lc_vec lc_splat(float x)
{
	return x - (lc_vec){0}; /* x - 0 is x for every x, -0 and NaN too */
}

/* Lane by lane, c ? a : b, for a comparison c; C's own ?: takes no vectors. */
static inline lc_vec lc_select(lc_veci c, lc_vec a, lc_vec b)
{
	return (lc_vec)((c & (lc_veci)a) | (~c & (lc_veci)b));
}

/* Fewer than LC_LANES: the rest reads as fill, and is not written. */
static inline lc_vec lc_load_some(const float *p, int n, float fill)
{
	float t[LC_LANES];

	for (int i = 0; i < LC_LANES; i++)
		t[i] = fill;
	memcpy(t, p, (size_t)n * sizeof(*p));
	return lc_load(t);
}

static inline void lc_store_some(float *p, int n, lc_vec v)
{
	memcpy(p, &v, (size_t)n * sizeof(*p));
}

/* Sum and maximum of the lanes, folded by halves. */
static inline float lc_sum(lc_vec v)
{
	float t[LC_LANES];

	lc_store(t, v);
	for (int h = LC_LANES / 2; h; h /= 2)
		for (int i = 0; i < h; i++)
			t[i] += t[i + h];
	return t[0];
}

static inline float lc_max(lc_vec v)
{
	float t[LC_LANES];

	lc_store(t, v);
	for (int h = LC_LANES / 2; h; h /= 2)
		for (int i = 0; i < h; i++)
			t[i] = t[i + h] > t[i] ? t[i + h] : t[i];
	return t[0];
}

/*
 * e^x to 2 ulp: x = k ln 2 + r, |r| <= ln 2 / 2, a polynomial of degree 6 in r (Cephes expf), and k
 * goes into the exponent. Below -87.3 it is the least normal number, above 88.3 near the largest;
 * NaN stays.
 */
static inline lc_vec lc_exp(lc_vec x)
{
	const float round = 0x1.8p23f; /* adding it leaves the nearest integer in the low bits */
	lc_vec k, r, p;
	lc_veci e;

	x = lc_select(x > 88.3f, lc_splat(88.3f), x);
	x = lc_select(x < -87.3f, lc_splat(-87.3f), x);
	k = x * 1.44269504f + round;
	memcpy(&e, &k, sizeof(e));
	k -= round;
	r = x - k * 0.693359375f;
	r = r + k * 2.12194440e-4f;
	p = r * 1.9875691500e-4f + 1.3981999507e-3f;
	p = p * r + 8.3334519073e-3f;
	p = p * r + 4.1665795894e-2f;
	p = p * r + 1.6666665459e-1f;
	p = p * r + 5.0000001201e-1f;
	p = p * r * r + r + 1.0f;
	e = (e + 127) << 23;
	memcpy(&k, &e, sizeof(k));
	return p * k;
}

#endif

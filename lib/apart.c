/* apart: see apart.h. */
#include "apart.h"

#include <math.h>
#include <string.h>

#define ROUND 512 /* elements widened at once; divides LC_APART_BLOCK */

void lc_apart_init(struct lc_apart *s, enum lc_dtype type)
{
	memset(s, 0, sizeof(*s));
	s->type = type;
}

static double from_f32(uint32_t bits)
{
	float f;

	memcpy(&f, &bits, sizeof(f));
	return (double)f;
}

static double from_f16(uint16_t h)
{
	int e = h >> 10 & 31;
	double m = h & 1023, x;

	if (e == 31)
		x = m == 0 ? (double)INFINITY : (double)NAN;
	else
		x = e == 0 ? m * 0x1p-24 : (m + 1024) * ldexp(1, e - 25);
	return h >> 15 ? -x : x;
}

void lc_apart_widen(enum lc_dtype type, const void *x, size_t n, double *out)
{
	const unsigned char *p = x;
	uint32_t w;
	uint16_t h;

	if (lc_dtype_bits(type) == 32)
		for (size_t i = 0; i < n; i++) {
			memcpy(&w, p + 4 * i, 4);
			out[i] = type == LC_F32 ? from_f32(w) : (double)(int32_t)w;
		}
	else
		for (size_t i = 0; i < n; i++) {
			memcpy(&h, p + 2 * i, 2);
			out[i] = type == LC_BF16  ? from_f32((uint32_t)h << 16)
				 : type == LC_F16 ? from_f16(h)
						  : (double)(int16_t)h;
		}
}

static void sum_add(struct lc_sum *t, double x)
{
	double sum = t->sum + x;

	t->lost += fabs(t->sum) >= fabs(x) ? t->sum - sum + x : x - sum + t->sum;
	t->sum = sum;
}

static void fold(struct lc_apart *s)
{
	for (int k = 0; k < LC_APART_LANES; k++) {
		sum_add(&s->d2, s->lane[0][k]);
		sum_add(&s->a2, s->lane[1][k]);
		s->lane[0][k] = s->lane[1][k] = 0;
	}
}

/* At most ROUND elements, none beyond the end of a block. */
static void add_values(struct lc_apart *s, const void *pa, const void *pb, size_t n)
{
	double a[ROUND], b[ROUND];
	size_t lane = s->n % LC_APART_LANES;

	lc_apart_widen(s->type, pa, n, a);
	lc_apart_widen(s->type, pb, n, b);
	for (size_t i = 0; i < n; i++) {
		double d = b[i] - a[i];
		int fa = isfinite(a[i]) != 0, fb = isfinite(b[i]) != 0;
		s->bad[0] += !fa;
		s->bad[1] += !fb;
		d = fa && fb ? d : 0;
		a[i] = fa && fb ? a[i] : 0;
		s->max = fabs(d) > s->max ? fabs(d) : s->max;
		s->lane[0][(lane + i) % LC_APART_LANES] += d * d;
		s->lane[1][(lane + i) % LC_APART_LANES] += a[i] * a[i];
	}
}

static void count(struct lc_apart *s, const unsigned char *a, const unsigned char *b, size_t n)
{
	size_t size = s->type == LC_BYTES ? 1 : lc_dtype_bits(s->type) / 8;

	if (memcmp(a, b, n * size) == 0)
		return;
	for (size_t i = 0; i < n; i++, a += size, b += size) {
		unsigned differ = 0;
		for (size_t k = 0; k < size; k++)
			differ += a[k] != b[k];
		s->bytes += differ;
		s->changed += differ != 0;
	}
}

void lc_apart_add(struct lc_apart *s, const void *pa, const void *pb, size_t n)
{
	const unsigned char *a = pa, *b = pb;
	size_t size = s->type == LC_BYTES ? 1 : lc_dtype_bits(s->type) / 8;

	while (n > 0) {
		size_t k = ROUND - s->n % ROUND;
		k = k < n ? k : n;
		count(s, a, b, k);
		if (s->type != LC_BYTES)
			add_values(s, a, b, k);
		a += k * size;
		b += k * size;
		n -= k;
		s->n += k;
		if (s->n % LC_APART_BLOCK == 0)
			fold(s);
	}
}

double lc_apart_relative(struct lc_apart *s)
{
	double d, a;

	fold(s);
	d = s->d2.sum + s->d2.lost;
	a = s->a2.sum + s->a2.lost;
	return d == 0 ? 0 : sqrt(d) / sqrt(a);
}

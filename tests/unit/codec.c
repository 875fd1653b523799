/* codec: every model on every kind of bits comes back; what is damaged is refused, never read over.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "codec_fit.h"
#include "codec_impl.h"
#include "io.h"
#include "rng.h"
#include "store_body.h"

#define MAX 70000 /* elements: more than a block */

static struct lc_work *w;
static struct lc_rng rng;

static void begin(void)
{
	w = lc_work_new();
	rng = (struct lc_rng){.seed = 11};
}

static void end(void)
{
	lc_work_free(w);
}

TestSuite(codec, .init = begin, .fini = end);

/* Patterns that arithmetic does not keep: NaNs with payloads, both zeros, denormals, infinities. */
static uint32_t odd(unsigned i)
{
	static const uint32_t bits[] = {0x7fc00000, 0x7f800001, 0xffc12345, 0x80000000,
					0,	    1,		0x807fffff, 0x7f800000,
					0xff800000, 0x7f7fffff, 0xffffffff, 0x00800000};

	return bits[i % (sizeof(bits) / sizeof(*bits))];
}

enum kind { NOISE, ZERO, ODD, NORMAL, POSITIVE, MIXED, KINDS };

static void fill(uint32_t *x, size_t n, enum kind kind)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t r = lc_rng_u64(&rng);
		float f = (float)((double)(r >> 11) * 0x1p-53 - .5) * (1 + (float)(i % 7));
		if (kind == POSITIVE)
			f = f * f;
		memcpy(&x[i], &f, 4);
		if (kind == NOISE)
			x[i] = (uint32_t)r;
		else if (kind == ZERO)
			x[i] = 0;
		else if (kind == ODD || (kind == MIXED && r % 50 == 0))
			x[i] = odd((unsigned)(r >> 32));
	}
}

/* Encode and decode by m, by the loops of each processor that this one can stand for: the same
 * bytes. How many it took. */
static size_t there_and_back(const struct lc_model *m, const void *x, size_t n,
			     const void *const *src)
{
	size_t bytes = n * lc_dtype_bits(m->type) / 8, len, first = 0, terms;
	unsigned char *out = lc_xalloc(lc_run_bound(n), 1), *back = lc_xalloc(bytes, 1);
	unsigned char *same = lc_xalloc(lc_run_bound(n), 1), *side;
	const struct loops *own = w->loops;
	struct lc_err err = {0};

	terms = m->rank1 ? codec_rows(m, n) + m->cols : 0;
	side = lc_xalloc(terms + 1, 1);
	memcpy(side, w->side, terms);
	for (int level = 0; level < 3; level++) {
		if (!codec_loops(level))
			continue;
		w->loops = codec_loops(level);
		memcpy(w->side, side, terms);
		len = lc_run_encode(w, m, x, n, src, out);
		cr_assert(len <= lc_run_bound(n));
		if (level == 0)
			memcpy(same, out, first = len);
		cr_assert(len == first && memcmp(out, same, len) == 0, "level %d, map %d", level,
			  m->map);
		memset(w->side, 0, 100);
		memset(back, 0x5a, bytes);
		cr_assert(lc_run_decode(w, out, len, src, back, n, &err) == 0, "%s", err.text);
		cr_assert(memcmp(back, x, bytes) == 0,
			  "level %d pred %d map %d type %d turn %d n %zu", level, m->pred, m->map,
			  m->type, m->turn, n);
		for (size_t cut = 1; cut < 40 && cut < len; cut++)
			cr_assert(lc_run_decode(w, out, len - cut, src, back, n, &err) < 0);
	}
	w->loops = own;
	free(side);
	free(same);
	free(out);
	free(back);
	return first;
}

Test(codec, every_model_brings_every_bit_back)
{
	static const size_t sizes[] = {1, 2, 63, 64, 65, 1000, MAX};
	uint32_t *x[6];
	const void *src[LC_SOURCES];

	for (int i = 0; i < 6; i++)
		x[i] = lc_xalloc(MAX, 4);
	for (int kind = 0; kind < KINDS; kind++)
		for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++)
			for (int pred = 0; pred < LC_PREDS; pred++)
				for (int map = 0; map < LC_MAPS; map++)
					for (int type = LC_F32; type <= LC_I16; type++) {
						struct lc_model m = {
							.type = (uint8_t)type,
							.pred = (uint8_t)pred,
							.map = (uint8_t)map,
							.turn = (uint8_t)((s + (size_t)map) % 8),
							.k = {.9f, .1f, .95f, .05f},
							.bias = 0x3f000000,
							.contexts = type <= LC_F16 && kind != NOISE,
							.base = 120};
						if (pred == LC_PRED_NARROW
							    ? type != LC_BF16 && type != LC_F16
							    : pred > LC_PRED_SUB && type != LC_F32)
							continue;
						if (sizes[s] == MAX &&
						    (kind != MIXED || type > LC_BF16))
							continue;
						for (int i = 0; i < 6; i++)
							fill(x[i], sizes[s], (enum kind)kind);
						for (int i = 0; i < LC_SOURCES; i++)
							src[i] = x[i + 1];
						there_and_back(&m, x[0], sizes[s], src);
					}
	for (int i = 0; i < 6; i++)
		free(x[i]);
}

/* What lc_run_fit chooses for x, and the bits an element it takes. */
static double fitted(struct lc_run *r, struct lc_model *m)
{
	const void *src[LC_SOURCES];

	lc_run_fit(w, r, m, NULL);
	for (int i = 0; i < LC_SOURCES; i++)
		src[i] = r->near[lc_pred_near(m->pred)[i]];
	return 8. * (double)there_and_back(m, r->x, r->n, src) / (double)r->n;
}

/* Second moments of rows and columns of their own scale, of an uneven matrix cut anywhere. */
Test(codec, rows_and_columns_are_found)
{
	size_t cols = 300, n = 60001, phase = 17;
	uint32_t *x = lc_xalloc(n, 4);
	struct lc_run r = {
		.type = LC_F32, .part = LC_PART_V, .n = n, .cols = cols, .phase = phase, .x = x};
	struct lc_model m;
	double with, without;

	for (size_t i = 0; i < n; i++) {
		size_t row = (i + phase) / cols, col = (i + phase) % cols;
		float f = exp2f((float)(row * 7 % 13) - (float)(col * 5 % 11)) *
			  (1 + (float)(lc_rng_u64(&rng) >> 40) * 0x1p-24f);
		memcpy(&x[i], &f, 4);
	}
	with = fitted(&r, &m);
	cr_assert(m.rank1, "rank1 is chosen");
	r.cols = 0;
	without = fitted(&r, &m);
	cr_assert(with < without - 2, "%g bits with it, %g without", with, without);
	cr_assert(with < 25, "%g bits: noise is 23", with);
	free(x);
}

static void adamw(uint32_t *to[3], uint32_t *from[3], size_t n)
{
	for (size_t i = 0; i < n; i++) {
		float w0, m, v, g = (float)(int32_t)lc_rng_u64(&rng) * 0x1p-40f;
		memcpy(&w0, &from[0][i], 4);
		memcpy(&m, &from[1][i], 4);
		memcpy(&v, &from[2][i], 4);
		m = .9f * m + (1 - .9f) * g;
		v = .999f * v + (1 - .999f) * g * g;
		w0 = w0 * (1 - 1e-3f * .1f) - 1e-3f / .7f * (m / (sqrtf(v) / .6f + 1e-8f));
		memcpy(&to[0][i], &w0, 4);
		memcpy(&to[1][i], &m, 4);
		memcpy(&to[2][i], &v, 4);
	}
}

/* First moments one step later are told by the old ones and by how large gradients are here. */
Test(codec, a_moment_is_told_by_its_gradients)
{
	size_t n = 65536;
	uint32_t *m0 = lc_xalloc(n, 4), *m1 = lc_xalloc(n, 4), *v0 = lc_xalloc(n, 4);
	struct lc_run r = {.type = LC_F32, .part = LC_PART_M, .n = n, .x = m1};
	struct lc_model m;
	double bits, told;

	for (size_t i = 0; i < n; i++) {
		float size = exp2f((float)(lc_rng_u64(&rng) % 4096) / 512 - 20), f;
		float g = (float)(int32_t)lc_rng_u64(&rng) * 0x1p-31f * size;
		f = .25f * (float)(int32_t)lc_rng_u64(&rng) * 0x1p-31f * size;
		memcpy(&m0[i], &f, 4);
		f = .9f * f + .1f * g;
		memcpy(&m1[i], &f, 4);
		f = size * size / 3;
		memcpy(&v0[i], &f, 4);
	}
	for (unsigned i = 0; i < 100; i++)
		(i % 3 == 0 ? m0 : i % 3 == 1 ? m1 : v0)[lc_rng_u64(&rng) % n] = odd(i / 3);
	r.near[LC_X0] = m0;
	bits = fitted(&r, &m);
	r.near[LC_V0] = v0;
	told = fitted(&r, &m);
	cr_assert(m.pred == LC_PRED_MOMENT && told < bits - .5, "%d, %g bits, %g with v", m.pred,
		  bits, told);
	free(m0);
	free(m1);
	free(v0);
}

/* AdamW's rule is found from a step of it, in another order of operations than the codec's. */
Test(codec, a_step_of_adamw_costs_little)
{
	size_t n = 65536;
	uint32_t *old[3], *now[3];
	struct lc_model m;
	double bits;

	for (int i = 0; i < 3; i++) {
		old[i] = lc_xalloc(n, 4);
		now[i] = lc_xalloc(n, 4);
		fill(old[i], n, i == 2 ? POSITIVE : NORMAL);
		for (size_t j = 0; j < n; j++) {
			float f;
			memcpy(&f, &old[i][j], 4);
			f *= i == 0 ? .02f : i == 1 ? 1e-4f : 1e-8f;
			memcpy(&old[i][j], &f, 4);
		}
	}
	adamw(now, old, n);
	struct lc_run v = {.type = LC_F32, .part = LC_PART_V, .n = n, .x = now[2]};
	v.near[LC_X0] = old[2];
	v.near[LC_M1] = now[1];
	v.near[LC_M0] = old[1];
	bits = fitted(&v, &m);
	cr_assert((m.pred == LC_PRED_ADAM || m.pred == LC_PRED_MOVED) && bits < 9, "v: %d, %g bits",
		  m.pred, bits);
	struct lc_run x = {.type = LC_F32, .part = LC_PART_W, .n = n, .x = now[0]};
	x.near[LC_X0] = old[0];
	x.near[LC_M1] = now[1];
	x.near[LC_V1] = now[2];
	bits = fitted(&x, &m);
	cr_assert((m.pred == LC_PRED_STEP || m.pred == LC_PRED_STEP_ONCE) && bits < 2,
		  "w: %d, %g bits", m.pred, bits);
	for (int i = 0; i < 3; i++) {
		free(old[i]);
		free(now[i]);
	}
}

Test(codec, a_rounded_copy_is_free)
{
	size_t n = 5000;
	uint32_t *x = lc_xalloc(n, 4);
	unsigned char *half = lc_xalloc(n, 2);
	struct lc_run r = {.type = LC_BF16, .n = n, .x = half};
	struct lc_model m;

	fill(x, n, MIXED);
	for (size_t i = 0; i < n; i++) {
		uint32_t b = x[i], up = (b & 0x7fffffff) > 0x7f800000 ? 0 : 0x7fff + (b >> 16 & 1);
		b = ((b + up) >> 16) | (up ? 0 : 0x40);
		half[2 * i] = (unsigned char)b;
		half[2 * i + 1] = (unsigned char)(b >> 8);
	}
	r.near[LC_MASTER] = x;
	cr_assert(fitted(&r, &m) < .2 && m.pred == LC_PRED_NARROW);
	free(x);
	free(half);
}

static float of_half(unsigned h)
{
	int e = (int)(h >> 10 & 31), f = (int)(h & 1023);
	float x = e == 31  ? (f ? NAN : INFINITY)
		  : e == 0 ? ldexpf((float)f, -24)
			   : ldexpf((float)(1024 + f), e - 25);

	return h & 0x8000 ? -x : x;
}

static unsigned rounded(const struct loops *l, float x)
{
	const struct lc_model m = {.type = LC_F16, .pred = LC_PRED_NARROW};
	const void *src[] = {&x};
	uint32_t p;

	l->predict(&m, src, 1, &p);
	return p;
}

/* Every f16 comes back, and between two of them, up to infinity, the nearest or the even one. */
Test(codec, rounding_to_f16)
{
	for (int level = 0; level < 3; level++) {
		const struct loops *l = codec_loops(level);
		for (unsigned h = 0; l && h < 0x7c00; h++) {
			float low = of_half(h), high = h == 0x7bff ? 65536 : of_half(h + 1);
			float mid = (low + high) / 2;
			unsigned even = h + (h & 1);
			cr_assert(rounded(l, low) == h && rounded(l, -low) == (h | 0x8000));
			cr_assert(rounded(l, mid) == even, "between %x and the next", h);
			cr_assert(rounded(l, nextafterf(mid, 0)) == h);
			cr_assert(rounded(l, -nextafterf(mid, 1e9f)) == ((h + 1) | 0x8000));
		}
		if (!l)
			continue;
		cr_assert(rounded(l, INFINITY) == 0x7c00 && rounded(l, -3e38f) == 0xfc00);
		cr_assert(rounded(l, NAN) >> 9 == 0x7e00 >> 9 && rounded(l, -1e-44f) == 0x8000);
	}
}

Test(codec, a_copy_in_f16_is_free)
{
	size_t n = 5000;
	uint32_t *x = lc_xalloc(n, 4), *p = lc_xalloc(n, 4);
	unsigned char *half = lc_xalloc(n, 2);
	struct lc_run r = {.type = LC_F16, .n = n, .x = half};
	struct lc_model m = {.type = LC_F16, .pred = LC_PRED_NARROW};
	const void *src[] = {x};

	fill(x, n, MIXED);
	codec_loops(0)->predict(&m, src, n, p);
	for (size_t i = 0; i < n; i++) {
		half[2 * i] = (unsigned char)p[i];
		half[2 * i + 1] = (unsigned char)(p[i] >> 8);
	}
	r.near[LC_MASTER] = x;
	cr_assert(fitted(&r, &m) < .2 && m.pred == LC_PRED_NARROW);
	free(x), free(p), free(half);
}

/* Bytes of every count of kinds, from one that is nearly all to 256 alike, with contexts and
 * without; and no table that is wrong. */
Test(codec, frequencies)
{
	size_t n = 5003, room = 2 * n + 20000, len;
	unsigned char *x = lc_xalloc(n, 1), *out = lc_xalloc(room, 1), *back = lc_xalloc(n, 1);
	unsigned char *ctx = lc_xalloc(n, 1);
	const struct loops *own = w->loops;

	for (size_t i = 0; i < n; i++)
		ctx[i] = (unsigned char)(lc_rng_u64(&rng) % CONTEXTS / 2); /* half of them */
	for (unsigned kinds = 1; kinds <= 256; kinds += kinds < 8 ? 1 : 31) {
		for (size_t i = 0; i < n; i++)
			x[i] = (unsigned char)(lc_rng_u64(&rng) % 9 ? ctx[i]
								    : lc_rng_u64(&rng) % kinds);
		for (size_t some = n; some > 0; some = some * 3 / 7)
			for (int way = 0; way < 6; way++) {
				const unsigned char *c = way & 1 ? ctx : NULL;
				if (!codec_loops(way / 2))
					continue;
				w->loops = codec_loops(way / 2);
				memset(w->count, 0, CONTEXTS * sizeof(*w->count));
				rans_count(x, c, some, w->count);
				len = rans_encode(w, x, c, some, out, room);
				cr_assert(len > 0 && rans_decode(w, out, len, c, back, some) == 0,
					  "%u kinds, way %d", kinds, way);
				cr_assert(memcmp(x, back, some) == 0, "%u kinds, %zu bytes, way %d",
					  kinds, some, way);
				cr_assert(rans_decode(w, out, len - 1, c, back, some) < 0);
				for (size_t at = 0; at < len && some < 100; at++) {
					out[at] ^= 64;
					rans_decode(w, out, len, c, back, some);
					out[at] ^= 64;
				}
			}
	}
	cr_assert(rans_encode(w, x, NULL, n, out, 100) == 0, "no room");
	w->loops = own;
	free(ctx);
	free(x);
	free(out);
	free(back);
}

/* A few elements that do not fit the others' bits cost a few bytes. */
Test(codec, exceptions_are_apart)
{
	size_t n = 50000;
	uint32_t *x = lc_xalloc(n, 4);
	struct lc_run r = {.type = LC_F32, .part = LC_PART_V, .n = n, .x = x};
	struct lc_model m;
	double without, with;

	for (size_t i = 0; i < n; i++) {
		float f = 1 + (float)(lc_rng_u64(&rng) >> 40) * 0x1p-24f;
		memcpy(&x[i], &f, 4);
	}
	without = fitted(&r, &m);
	for (unsigned i = 0; i < 50; i++)
		x[lc_rng_u64(&rng) % n] = odd(i);
	with = fitted(&r, &m);
	cr_assert(with < without + .2, "%g bits, %g with exceptions", without, with);
	for (size_t i = 0; i < n; i += 3) /* too many: none */
		x[i] = odd((unsigned)(i % 7));
	fitted(&r, &m);
	free(x);
}

/* A body with a run that refers to another chunk; any byte of it changed, and any end of it gone.
 */
Test(codec, damaged_bodies_are_safe)
{
	size_t n = 600, len, raw = 4 * n + 10;
	uint32_t *x = lc_xalloc(n, 4), *base = lc_xalloc(n, 4);
	unsigned char *out = lc_xalloc(lc_body_bound(raw, 2), 1), *back = lc_xalloc(raw, 1), *body;
	struct lc_model m = {.type = LC_F32, .pred = LC_PRED_SUB, .map = LC_MAP_ZIGZAG};
	struct lc_source source = {.at = 0};
	const void *src = base, *ref = base;
	size_t reflen = 4 * n, refs = 0;
	struct lc_err err;
	struct lc_body b;

	fill(x, n, NORMAL);
	memcpy(base, x, 4 * n);
	base[5]++;
	lc_body_init(&b, out);
	lc_body_bytes(&b, w, "0123456789", 10);
	lc_body_run(&b, w, &m, x, n, &source, &src);
	len = lc_body_done(&b);
	cr_assert(len < 300 && lc_body_refs(out, len, &refs) && refs == 1);
	cr_assert(lc_body_decode(out, len, w, &ref, &reflen, back, raw, &err) == 0, "%s", err.text);
	cr_assert(memcmp(back, "0123456789", 10) == 0 && memcmp(back + 10, x, 4 * n) == 0);
	for (size_t i = 0; i <= len; i++) {
		body = lc_xalloc(i, 1); /* of just that length, for the sanitizer to see */
		memcpy(body, out, i);
		cr_assert(i == len ||
			  lc_body_decode(body, i, w, &ref, &reflen, back, raw, &err) < 0);
		for (int bit = 0; i == len && bit < 8 * (int)len; bit++) {
			body[bit / 8] ^= (unsigned char)(1 << bit % 8);
			size_t have = 0;
			if (lc_body_refs(body, i, &have) && have == 1)
				lc_body_decode(body, i, w, &ref, &reflen, back, raw, &err);
			body[bit / 8] ^= (unsigned char)(1 << bit % 8);
		}
		free(body);
	}
	reflen = 4 * n - 1;
	cr_assert(lc_body_decode(out, len, w, &ref, &reflen, back, raw, &err) < 0,
		  "a base too short");
	free(x);
	free(base);
	free(out);
	free(back);
}

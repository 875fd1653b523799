/* codec: runs of elements, coded and decoded. See codec.h; the layout is in lc-store(5). */
#include "codec.h"

#define ZSTD_STATIC_LINKING_ONLY /* for ZSTD_c_literalCompressionMode */
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "codec_impl.h"
#include "io.h"

#define BYTES_LEVEL 1 /* of what is no tensor */

struct lc_work *lc_work_new(void)
{
	struct lc_work *w = lc_xalloc(1, sizeof(*w));
	ZSTD_CCtx *z;

	for (int level = 0; level < 3; level++)
		w->loops = codec_loops(level) ? codec_loops(level) : w->loops;
	w->x = lc_xalloc(STRIDE, sizeof(*w->x));
	w->p = lc_xalloc(STRIDE, sizeof(*w->p));
	w->u = lc_xalloc(STRIDE, sizeof(*w->u));
	w->told = lc_xalloc(RUN_ELEMENTS, sizeof(*w->told));
	for (int b = 0; b < PLANES_MAX; b++)
		w->plane[b] = lc_xalloc(RUN_ELEMENTS + 64, 1);
	w->ctx = lc_xalloc(RUN_ELEMENTS + 64, 1);
	w->side = lc_xalloc(RUN_ELEMENTS + 1 + RANK1_COLS, 1);
	w->coded = lc_xalloc(CODED_ROOM, 1);
	w->odd = lc_xalloc(RUN_ELEMENTS / EXCEPTIONS_MOST, 8);
	w->count = lc_xalloc(CONTEXTS, sizeof(*w->count));
	w->slot = lc_xalloc((size_t)CONTEXTS * RANS_TOTAL, sizeof(*w->slot));
	w->codes = lc_xalloc(1, sizeof(*w->codes));
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
	for (int b = 0; b < PLANES_MAX; b++)
		free(w->plane[b]);
	free(w->x);
	free(w->p);
	free(w->u);
	free(w->told);
	free(w->ctx);
	free(w->side);
	free(w->coded);
	free(w->odd);
	free(w->count);
	free(w->slot);
	free(w->codes);
	free(w->fit);
	device_free(w->device);
	free(w);
}

/*
 * A coded run: type + SECOND, pred, map, rank1, contexts, k[0..4) (16), bias (4), base; with rank1
 * cols, phase, low and the length of the terms (16) and these as one frame. Then the planes.
 * Version 2 of the store had neither SECOND nor base.
 */
#define HEAD 26
#define HEAD_FIRST 25
#define HEAD_RANK1 16
#define SECOND 16

size_t lc_run_bound(size_t n)
{
	/* rank1 has fewer terms than elements; a plane is never kept longer than it was */
	return HEAD + HEAD_RANK1 + ZSTD_compressBound(n) + PLANES_MAX * n +
	       n / EXCEPTIONS_MOST * 8 + 5 + PLANES_MAX * (5 + 8);
}

static size_t put_model(struct lc_work *w, const struct lc_model *m, size_t n, unsigned char *out)
{
	size_t side = m->rank1 ? codec_rows(m, n) + m->cols : 0, len;

	out[0] = m->type + SECOND;
	out[1] = m->pred;
	out[2] = m->map;
	out[3] = m->rank1;
	out[4] = m->contexts;
	for (int i = 0; i < 4; i++) {
		uint32_t k;
		memcpy(&k, &m->k[i], 4);
		put_u32(out + 5 + 4 * i, k);
	}
	put_u32(out + 21, m->bias);
	out[25] = m->base;
	if (!m->rank1)
		return HEAD;
	put_u32(out + HEAD, m->cols);
	put_u32(out + HEAD + 4, m->phase);
	put_u32(out + HEAD + 8, m->low);
	len = ZSTD_compress2(w->literals, out + HEAD + HEAD_RANK1, ZSTD_compressBound(side),
			     w->side, side);
	put_u32(out + HEAD + 12, (uint32_t)len);
	return HEAD + HEAD_RANK1 + len;
}

size_t lc_run_encode(struct lc_work *w, const struct lc_model *m, const void *x, size_t n,
		     const void *const *src, unsigned char *out)
{
	struct planes pl = {.m = m, .src = src, .all = n, .bits = lc_dtype_bits(m->type)};
	size_t len = put_model(w, m, n, out);

	planes_guess(w, &pl, x, m->turn);
	device_stage(w, &pl, x);
	return len + planes_encode(w, &pl, x, out + len);
}

static int model_ok(const struct lc_model *m, size_t n)
{
	if (m->type == LC_BYTES || m->type > LC_I16 || m->pred >= LC_PREDS || m->map >= LC_MAPS ||
	    m->rank1 > 1 || m->contexts > 1 || n == 0 ||
	    n * lc_dtype_bits(m->type) / 8 > LC_RUN_MAX)
		return 0;
	if (m->pred == LC_PRED_NARROW ? m->type != LC_BF16 && m->type != LC_F16
				      : m->pred > LC_PRED_SUB && m->type != LC_F32)
		return 0;
	if (m->contexts && lc_dtype_mantissa(m->type) == 0)
		return 0;
	return !m->rank1 || (m->cols > 0 && m->cols <= RANK1_COLS && m->phase < m->cols &&
			     lc_dtype_mantissa(m->type) >= 4);
}

int lc_run_width(const unsigned char *in, size_t len)
{
	return len ? (int)lc_dtype_bits(in[0] & ~SECOND) / 8 : 0;
}

static size_t head_size(const unsigned char *in)
{
	return in[0] & SECOND ? HEAD : HEAD_FIRST;
}

int lc_run_model(const unsigned char *in, size_t len, size_t n, struct lc_model *m,
		 struct lc_err *err)
{
	size_t head;

	memset(m, 0, sizeof(*m));
	if (len < HEAD)
		return lc_fail(err, LC_DATA, "damaged: a coded run is too short");
	head = head_size(in);
	m->type = in[0] & ~SECOND;
	m->pred = in[1];
	m->map = in[2];
	m->rank1 = in[3];
	for (int i = 0; i < 4; i++) {
		uint32_t k = get_u32(in + 5 + 4 * i);
		memcpy(&m->k[i], &k, 4);
	}
	m->bias = get_u32(in + 21);
	if (in[0] & SECOND) {
		m->contexts = in[4];
		m->base = in[25];
	}
	if (m->rank1 && len >= head + HEAD_RANK1) {
		m->cols = get_u32(in + head);
		m->phase = get_u32(in + head + 4);
		m->low = get_u32(in + head + 8);
	}
	return model_ok(m, n) ? 0 : lc_fail(err, LC_DATA, "damaged: a coded run has no such model");
}

/* The terms of rank1, into w->side; the bytes of the whole head, or 0. */
static size_t get_side(struct lc_work *w, const struct lc_model *m, const unsigned char *in,
		       size_t len, size_t n)
{
	size_t side, size, head = head_size(in);

	if (!m->rank1)
		return head;
	side = codec_rows(m, n) + m->cols;
	size = get_u32(in + head + 12);
	if (size > len - head - HEAD_RANK1 ||
	    ZSTD_decompressDCtx(w->d, w->side, side, in + head + HEAD_RANK1, size) != side)
		return 0;
	return head + HEAD_RANK1 + size;
}

int lc_run_decode(struct lc_work *w, const unsigned char *in, size_t len, const void *const *src,
		  void *x, size_t n, struct lc_err *err)
{
	struct lc_model m;
	struct planes pl = {.m = &m, .src = src, .all = n};
	size_t at, step;

	if (lc_run_model(in, len, n, &m, err) < 0)
		return -1;
	pl.bits = lc_dtype_bits(m.type);
	pl.first_layout = !(in[0] & SECOND);
	step = pl.first_layout ? LC_BLOCK : n;
	at = get_side(w, &m, in, len, n);
	for (size_t i = 0; at > 0 && i < n; i += step) {
		long used =
			planes_decode(w, &pl, in + at, len - at, i, n - i < step ? n - i : step, x);
		at = used < 0 ? 0 : at + (size_t)used;
	}
	if (at != len)
		return lc_fail(err, LC_DATA, "damaged: a coded run does not decode");
	return 0;
}

/* The first byte says what follows: 0 the bytes, 1 a frame. */
size_t lc_bytes_encode(struct lc_work *w, const void *x, size_t n, unsigned char *out)
{
	size_t len = ZSTD_compress2(w->fast, out + 1, n, x, n); /* or an error: no room */

	out[0] = !ZSTD_isError(len) && len < n - n / 64;
	if (out[0])
		return 1 + len;
	memcpy(out + 1, x, n);
	return 1 + n;
}

int lc_bytes_decode(struct lc_work *w, const unsigned char *in, size_t len, void *x, size_t n,
		    struct lc_err *err)
{
	if (len == n + 1 && in[0] == 0) {
		memcpy(x, in + 1, n);
		return 0;
	}
	if (len > 1 && in[0] == 1 && ZSTD_decompressDCtx(w->d, x, n, in + 1, len - 1) == n)
		return 0;
	return lc_fail(err, LC_DATA, "damaged: bytes do not decode");
}

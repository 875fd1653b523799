/* codec: runs of elements, coded and decoded. See codec.h; the layout is in lc-store(5). */
#include "codec.h"

#include <string.h>
#include <zstd.h>

#include "codec_impl.h"

/*
 * A coded run: type, pred, map, rank1, turn (5 bytes), k[0..4) and bias (20), and with rank1 cols,
 * phase, low and the length of the terms (16) and these as one frame. Then the blocks.
 */
#define HEAD 25
#define HEAD_RANK1 16
#define PLANES_MAX 4

size_t lc_run_bound(size_t n)
{
	size_t blocks = (n + LC_BLOCK - 1) / LC_BLOCK;

	/* rank1 has fewer terms than elements; a plane is never kept longer than it was */
	return HEAD + HEAD_RANK1 + ZSTD_compressBound(n) + PLANES_MAX * n +
	       blocks * (1 + PLANES_MAX * (5 + 8));
}

static size_t put_model(struct lc_work *w, const struct lc_model *m, size_t n, unsigned char *out)
{
	size_t side = m->rank1 ? codec_rows(m, n) + m->cols : 0, len;

	out[0] = m->type;
	out[1] = m->pred;
	out[2] = m->map;
	out[3] = m->rank1;
	out[4] = m->turn;
	for (int i = 0; i < 4; i++) {
		uint32_t k;
		memcpy(&k, &m->k[i], 4);
		put_u32(out + 5 + 4 * i, k);
	}
	put_u32(out + 21, m->bias);
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
	unsigned bits = lc_dtype_bits(m->type);
	size_t len = put_model(w, m, n, out);

	codec_load(x, n, bits, w->x);
	codec_predict(m, src, n, w->p);
	if (m->rank1)
		codec_rank1(m, w->side, n, w->p);
	codec_map(m, w->x, w->p, n, w->u);
	for (size_t i = 0; i < n; i += LC_BLOCK)
		len += planes_encode(w, w->u + i, n - i < LC_BLOCK ? n - i : LC_BLOCK, bits,
				     m->turn, m->map == LC_MAP_ROTATE, out + len);
	return len;
}

static int model_ok(const struct lc_model *m, size_t n)
{
	if (m->type == LC_BYTES || m->type > LC_I16 || m->pred >= LC_PREDS || m->map >= LC_MAPS ||
	    m->rank1 > 1 || m->turn > 7 || n == 0 || n * lc_dtype_bits(m->type) / 8 > LC_RUN_MAX)
		return 0;
	if (m->pred == LC_PRED_BF16 ? m->type != LC_BF16
				    : m->pred > LC_PRED_SUB && m->type != LC_F32)
		return 0;
	return !m->rank1 || (m->cols > 0 && m->cols <= RANK1_COLS && m->phase < m->cols &&
			     lc_dtype_mantissa(m->type) >= 4);
}

int lc_run_model(const unsigned char *in, size_t len, size_t n, struct lc_model *m,
		 struct lc_err *err)
{
	memset(m, 0, sizeof(*m));
	if (len < HEAD)
		return lc_fail(err, LC_DATA, "damaged: a coded run is too short");
	m->type = in[0];
	m->pred = in[1];
	m->map = in[2];
	m->rank1 = in[3];
	m->turn = in[4];
	for (int i = 0; i < 4; i++) {
		uint32_t k = get_u32(in + 5 + 4 * i);
		memcpy(&m->k[i], &k, 4);
	}
	m->bias = get_u32(in + 21);
	if (m->rank1 && len >= HEAD + HEAD_RANK1) {
		m->cols = get_u32(in + HEAD);
		m->phase = get_u32(in + HEAD + 4);
		m->low = get_u32(in + HEAD + 8);
	}
	return model_ok(m, n) ? 0 : lc_fail(err, LC_DATA, "damaged: a coded run has no such model");
}

/* The terms of rank1, into w->side; the bytes of the whole head, or 0. */
static size_t get_side(struct lc_work *w, const struct lc_model *m, const unsigned char *in,
		       size_t len, size_t n)
{
	size_t side, size;

	if (!m->rank1)
		return HEAD;
	side = codec_rows(m, n) + m->cols;
	size = get_u32(in + HEAD + 12);
	if (size > len - HEAD - HEAD_RANK1 ||
	    ZSTD_decompressDCtx(w->d, w->side, side, in + HEAD + HEAD_RANK1, size) != side)
		return 0;
	return HEAD + HEAD_RANK1 + size;
}

int lc_run_decode(struct lc_work *w, const unsigned char *in, size_t len, const void *const *src,
		  void *x, size_t n, struct lc_err *err)
{
	struct lc_model m;
	size_t at;

	if (lc_run_model(in, len, n, &m, err) < 0)
		return -1;
	at = get_side(w, &m, in, len, n);
	for (size_t i = 0; at > 0 && i < n; i += LC_BLOCK) {
		long used = planes_decode(w, in + at, len - at, n - i < LC_BLOCK ? n - i : LC_BLOCK,
					  lc_dtype_bits(m.type), w->u + i);
		at = used < 0 ? 0 : at + (size_t)used;
	}
	if (at != len)
		return lc_fail(err, LC_DATA, "damaged: a coded run does not decode");
	codec_predict(&m, src, n, w->p);
	if (m.rank1)
		codec_rank1(&m, w->side, n, w->p);
	codec_unmap(&m, w->u, w->p, n, w->x);
	codec_store(w->x, n, lc_dtype_bits(m.type), x);
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

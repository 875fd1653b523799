/*
 * codec_fit: see codec_fit.h. Each candidate is tried on a sample of the run, in short stretches
 * spread evenly over it, and charged with the entropy of its planes.
 */
#include "codec_fit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "codec_fit_impl.h"
#include "io.h"

#define WORTH .985 /* of the bits without a source: it costs reading, and must gain this much */

const unsigned char *lc_pred_near(enum lc_pred pred)
{
	static const unsigned char near[LC_PREDS][LC_SOURCES] = {
		[LC_PRED_SUB] = {LC_X0},
		[LC_PRED_SCALE] = {LC_X0},
		[LC_PRED_ADAM] = {LC_X0, LC_M1, LC_M0},
		[LC_PRED_STEP] = {LC_X0, LC_M1, LC_V1},
		[LC_PRED_REG] = {LC_X0, LC_M1, LC_V1, LC_M0, LC_V0},
		[LC_PRED_BF16] = {LC_MASTER},
	};

	return near[pred];
}

static void sample(struct fit *f)
{
	const struct lc_run *r = f->r;
	unsigned size = lc_dtype_bits(r->type) / 8;
	size_t pieces = r->n / STRETCH, step = pieces > STRETCHES ? pieces / STRETCHES : 1;

	f->n = 0;
	for (size_t i = 0; i < r->n && f->n + STRETCH <= SAMPLE; i += step * STRETCH) {
		size_t len = r->n - i < STRETCH ? r->n - i : STRETCH;
		memcpy((char *)f->raw + f->n * size, (const char *)r->x + i * size, len * size);
		for (int k = 0; k < LC_NEARS; k++) {
			unsigned s = k == LC_MASTER ? 4 : size;
			if (r->near[k])
				memcpy((char *)f->near[k] + f->n * s,
				       (const char *)r->near[k] + i * s, len * s);
		}
		for (size_t j = 0; j < len; j++)
			f->at[f->n + j] = (uint32_t)(i + j);
		f->n += len;
	}
	codec_load(f->raw, f->n, size * 8, f->x);
}

static double plane_bits(const uint32_t *u, size_t n, unsigned shift)
{
	unsigned count[2][256] = {{0}}, kinds = 0;
	double sum = 0;

	for (size_t i = 0; i + 1 < n; i += 2) {
		count[0][u[i] >> shift & 255]++;
		count[1][u[i + 1] >> shift & 255]++;
	}
	n &= ~(size_t)1;
	for (int c = 0; n && c < 256; c++) {
		float x = (float)(count[0][c] + count[1][c]);
		kinds += x > 0;
		sum += x > 1 ? (double)(x * log2f(x)) : 0;
	}
	if (n == 0)
		return 8;
	sum = log2((double)n) - sum / (double)n + (kinds - 1.0) / (2 * (double)n * M_LN2);
	return sum < 8 ? sum : 8;
}

static double planes_bits(const uint32_t *u, size_t n, unsigned bits, unsigned turn)
{
	uint32_t turned[SAMPLE], mask = bits_mask(bits);
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		turned[i] = turn ? (u[i] << turn | u[i] >> (bits - turn)) & mask : u[i];
	for (unsigned shift = 0; shift < bits; shift += 8)
		sum += plane_bits(turned, n, shift);
	return sum;
}

/* The terms of the sampled elements, onto their predictions. */
static void sample_rank1(struct fit *f, const struct lc_model *m, const unsigned char *side)
{
	const unsigned char *col = side + codec_rows(m, f->r->n);
	unsigned shift = lc_dtype_mantissa(m->type) - 4;

	for (size_t i = 0; i < f->n; i++) {
		size_t at = f->at[i] + m->phase;
		f->p[i] += m->low + ((uint32_t)side[at / m->cols] << shift) -
			   ((uint32_t)RANK1_ZERO << shift) + ((uint32_t)col[at % m->cols] << shift);
	}
}

/* The bias that makes all differences in the sample, and some beyond them, small numbers; and the
 * turn that puts the largest at the top of a plane. */
static void set_bias(struct fit *f, struct lc_model *m)
{
	unsigned bits = lc_dtype_bits(m->type) - (m->map == LC_MAP_SIGNED);
	uint32_t half = bits_mask(lc_dtype_bits(m->type)) >> 1, mask = bits_mask(bits), lo, hi,
		 room;
	uint32_t sign = (mask >> 1) + 1;

	lo = mask;
	hi = 0;
	for (size_t i = 0; i < f->n; i++) {
		uint32_t x = m->map == LC_MAP_SIGNED ? f->x[i] & half : f->x[i];
		uint32_t d = ((x - f->p[i]) & mask) ^ sign; /* in the order of signed numbers */
		lo = d < lo ? d : lo;
		hi = d > hi ? d : hi;
	}
	room = (hi - lo) / 16 + 1;
	lo = lo > room ? lo - room : 0;
	hi = hi < mask - room ? hi + room : mask;
	m->bias = (lo ^ sign) & mask;
	m->turn = 0;
	while (m->turn < bits && !((hi - lo) >> (bits - 1 - m->turn) & 1))
		m->turn++;
	m->turn %= 8;
}

/* Charge m, whose prediction is in p (terms included), and keep it if it is the best. */
static void charge(struct fit *f, struct lc_model *m, const unsigned char *side)
{
	unsigned bits = lc_dtype_bits(m->type);
	double cost, best;
	unsigned turn;

	if (m->map == LC_MAP_BIAS || m->map == LC_MAP_SIGNED)
		set_bias(f, m);
	codec_map(m, f->x, f->p, f->n, f->u);
	turn = m->turn;
	best = planes_bits(f->u, f->n, bits, turn);
	if (turn && m->map != LC_MAP_ROTATE) {
		cost = planes_bits(f->u, f->n, bits, 0);
		turn = cost < best ? 0 : turn;
		best = cost < best ? cost : best;
	}
	if (side) /* about half of each term's byte */
		best += 4. * (double)(codec_rows(m, f->r->n) + m->cols) / (double)f->r->n;
	if (m->pred == LC_PRED_REG) /* two sources more than a step has must be worth reading */
		best *= 1.005;
	m->turn = (uint8_t)turn;
	if (m->pred == LC_PRED_NONE && best < f->alone)
		f->alone = best;
	if (best >= f->bits || (m->pred != LC_PRED_NONE && best > WORTH * f->alone))
		return;
	f->bits = best;
	f->best = *m;
	if (side)
		memcpy(f->side, side, codec_rows(m, f->r->n) + m->cols);
}

static void predict(struct fit *f, const struct lc_model *m)
{
	const unsigned char *near = lc_pred_near(m->pred);
	const void *src[LC_SOURCES];

	for (int i = 0; i < LC_SOURCES; i++)
		src[i] = f->near[near[i]];
	codec_predict(m, src, f->n, f->p);
}

void fit_try(struct fit *f, enum lc_pred pred, enum lc_map map, const float *k)
{
	struct lc_model m = {
		.type = (uint8_t)f->r->type, .pred = (uint8_t)pred, .map = (uint8_t)map};

	if (k)
		memcpy(m.k, k, sizeof(m.k));
	if (map == LC_MAP_ROTATE)
		m.turn = lc_dtype_mantissa(f->r->type) > 0;
	predict(f, &m);
	charge(f, &m, NULL);
}

static unsigned char quantised(double x)
{
	x = floor(x + .5);
	return (unsigned char)(x < 0 ? 0 : x > 255 ? 255 : x);
}

/* Means over some columns of each row, then over some rows of what is left of each column. d has
 * the differences, as signed numbers. */
static void fit_terms(struct lc_model *m, const int32_t *d, size_t n, unsigned char *side)
{
	size_t rows = codec_rows(m, n), cols = m->cols, rstep = rows / 64 + 1,
	       cstep = cols / 64 + 1;
	double unit = (double)(1u << (lc_dtype_mantissa(m->type) - 4)), all = 0, low;
	double *row = lc_xalloc(rows, sizeof(*row)), *col = lc_xalloc(cols, sizeof(*col));
	unsigned *seen = lc_xalloc(cols, sizeof(*seen));

	for (size_t r = 0; r < rows; r++) {
		size_t from = r ? 0 : m->phase, k = 0;
		for (size_t c = from + r % cstep; c < cols && r * cols + c - m->phase < n;
		     c += cstep, k++)
			row[r] += d[r * cols + c - m->phase];
		row[r] = k ? row[r] / (double)k : 0;
		all += row[r] / (double)rows;
	}
	for (size_t r = 0; r < rows; r += rstep)
		for (size_t c = r ? 0 : m->phase; c < cols && r * cols + c - m->phase < n; c++) {
			col[c] += d[r * cols + c - m->phase] - row[r];
			seen[c]++;
		}
	low = floor(all) - RANK1_ZERO * unit;
	m->low = (uint32_t)(int64_t)low;
	for (size_t r = 0; r < rows; r++)
		side[r] = quantised((row[r] - low) / unit);
	for (size_t c = 0; c < cols; c++)
		side[rows + c] = quantised((seen[c] ? col[c] / seen[c] / unit : 0) + RANK1_ZERO);
	free(row);
	free(col);
	free(seen);
}

WIDE static void differences(const uint32_t *x, const uint32_t *p, size_t n, uint32_t mask,
			     uint32_t *d)
{
	for (size_t i = 0; i < n; i++)
		d[i] = (x[i] & mask) - p[i];
}

static void try_rank1(struct fit *f, enum lc_pred pred, const float *k, int positive)
{
	const struct lc_run *r = f->r;
	unsigned bits = lc_dtype_bits(r->type);
	struct lc_model m = {.type = (uint8_t)r->type,
			     .pred = (uint8_t)pred,
			     .map = positive ? LC_MAP_BIAS : LC_MAP_SIGNED,
			     .rank1 = 1,
			     .cols = (uint32_t)r->cols,
			     .phase = (uint32_t)r->phase};
	const void *src[LC_SOURCES];
	struct lc_work *w = f->w;

	if (r->cols < 16 || r->cols > RANK1_COLS || r->n < 8 * r->cols ||
	    lc_dtype_mantissa(r->type) < 4)
		return;
	if (k)
		memcpy(m.k, k, sizeof(m.k));
	for (int i = 0; i < LC_SOURCES; i++)
		src[i] = r->near[lc_pred_near(pred)[i]];
	codec_load(r->x, r->n, bits, w->x);
	codec_predict(&m, src, r->n, w->p);
	differences(w->x, w->p, r->n, positive ? bits_mask(bits) : bits_mask(bits) >> 1, w->u);
	fit_terms(&m, (const int32_t *)w->u, r->n, w->side);
	predict(f, &m);
	sample_rank1(f, &m, w->side);
	charge(f, &m, w->side);
}

static int by_size(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return x < y ? -1 : x > y;
}

/* The median ratio to the older state; 0 when there is none. */
static float ratio(const struct fit *f)
{
	float q[SAMPLE];
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++) {
		double x0 = fit_value(f->near[LC_X0], i);
		if (x0 != 0)
			q[n++] = (float)(fit_value(f->x, i) / x0);
	}
	if (n == 0)
		return 0;
	qsort(q, n, sizeof(*q), by_size);
	return q[n / 2];
}

/* What needs no source. */
static void try_alone(struct fit *f, int positive)
{
	fit_try(f, LC_PRED_NONE, LC_MAP_ROTATE, NULL);
	if (lc_dtype_mantissa(f->r->type) == 0)
		return;
	fit_try(f, LC_PRED_NONE, positive ? LC_MAP_BIAS : LC_MAP_SIGNED, NULL);
	try_rank1(f, LC_PRED_NONE, NULL, positive);
}

static void try_older(struct fit *f, int positive)
{
	const struct lc_run *r = f->r;
	float k[4] = {0};

	fit_try(f, LC_PRED_SUB, LC_MAP_ZIGZAG, NULL);
	fit_try(f, LC_PRED_SUB, LC_MAP_BIAS, NULL);
	if (r->type != LC_F32)
		return;
	if (r->part == LC_PART_M) {
		k[0] = r->hyper.beta1 > 0 ? (float)r->hyper.beta1 : .9f;
		fit_try(f, LC_PRED_SCALE, LC_MAP_ZIGZAG, k);
	}
	if (positive && (k[0] = ratio(f)) > 0) {
		fit_try(f, LC_PRED_SCALE, LC_MAP_BIAS, k);
		try_rank1(f, LC_PRED_SCALE, k, 1);
	}
	if (r->part == LC_PART_V && r->near[LC_M1] && r->near[LC_M0])
		fit_adam(f, r->hyper.beta1 > 0 ? r->hyper.beta1 : .9);
	if (r->part == LC_PART_W && r->near[LC_M1] && r->near[LC_V1])
		fit_steps(f);
}

double lc_run_fit(struct lc_work *w, const struct lc_run *r, struct lc_model *m, double *alone)
{
	struct fit *f = lc_xalloc(1, sizeof(*f));
	unsigned bits = lc_dtype_bits(r->type);
	int positive = 1;
	double cost;

	f->w = w;
	f->r = r;
	f->bits = f->alone = INFINITY;
	f->side = lc_xalloc(RUN_ELEMENTS + 1 + RANK1_COLS, 1);
	sample(f);
	for (size_t i = 0; i < f->n; i++)
		positive &= !(f->x[i] >> (bits - 1));
	try_alone(f, positive);
	if (r->near[LC_MASTER] && r->type == LC_BF16)
		fit_try(f, LC_PRED_BF16, LC_MAP_ZIGZAG, NULL);
	if (r->near[LC_X0])
		try_older(f, positive);
	*m = f->best;
	if (m->rank1)
		memcpy(w->side, f->side, codec_rows(m, r->n) + m->cols);
	cost = f->bits;
	if (alone)
		*alone = f->alone;
	free(f->side);
	free(f);
	return cost;
}

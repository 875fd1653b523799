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

#define TOLD .03   /* bits that contexts must save */
#define SOLVED 4.  /* bits, below which no more is looked for */
#define NOISE .999 /* of the bits there are */
#define WORTH .985 /* of the bits without a source: it costs reading, and must gain this much */

const unsigned char *lc_pred_near(enum lc_pred pred)
{
	static const unsigned char near[LC_PREDS][LC_SOURCES] = {
		[LC_PRED_SUB] = {LC_X0},
		[LC_PRED_SCALE] = {LC_X0},
		[LC_PRED_ADAM] = {LC_X0, LC_M1, LC_M0},
		[LC_PRED_STEP] = {LC_X0, LC_M1, LC_V1},
		[LC_PRED_REG] = {LC_X0, LC_M1, LC_V1, LC_M0, LC_V0},
		[LC_PRED_NARROW] = {LC_MASTER},
		[LC_PRED_MOVED] = {LC_X0, LC_M1, LC_M0},
		[LC_PRED_STEP_ONCE] = {LC_X0, LC_M1, LC_V1},
		[LC_PRED_MOMENT] = {LC_X0, LC_V0},
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
	f->w->loops->load(f->raw, f->n, size * 8, f->x);
}

/* x log2 x, of counts in a sample. */
static const float *logs(void)
{
	static _Atomic int ready;
	static float table[SAMPLE + 1];

	if (ready)
		return table;
	for (int i = 2; i <= SAMPLE; i++) /* by two threads at once: the same */
		table[i] = (float)i * log2f((float)i);
	ready = 1;
	return table;
}

static double plane_bits(const unsigned char *plane, size_t n)
{
	uint32_t count[CONTEXTS][256];
	const float *x_log_x = logs();
	float kinds = 0, sum = 0;
	double bits;

	memset(count[0], 0, sizeof(count[0]));
	rans_count(plane, NULL, n, count);
	for (int c = 0; c < 256; c++) {
		kinds += (float)(count[0][c] > 0);
		sum += x_log_x[count[0][c]];
	}
	bits = log2((double)n) - (double)sum / (double)n + (kinds - 1.0) / (2 * (double)n * M_LN2);
	return bits < 8 ? bits : 8;
}

static double planes_bits(const struct fit *f, unsigned bits, unsigned turn)
{
	unsigned char *const *plane = f->w->plane;
	double sum = 0;

	f->w->loops->split(f->u, f->n, bits, turn, plane);
	for (unsigned b = 0; b < bits / 8; b++)
		sum += plane_bits(plane[b], f->n);
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
	int sized = m->map == LC_MAP_SIGNED || m->map == LC_MAP_AGAINST;
	unsigned bits = lc_dtype_bits(m->type) - (unsigned)sized;
	uint32_t half = bits_mask(lc_dtype_bits(m->type)) >> 1, mask = bits_mask(bits), room;
	uint32_t sign = (mask >> 1) + 1, lo = mask, hi = 0;

	for (size_t i = 0; i < f->n; i++) {
		uint32_t x = sized ? f->x[i] & half : f->x[i];
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

/* The exponent of the largest predictions is the last context; of moments, one that is twice its
 * gradient. */
static void set_base(const struct fit *f, struct lc_model *m)
{
	unsigned shift = lc_dtype_mantissa(m->type), seen[256] = {0};
	unsigned mask = (1u << (lc_dtype_bits(m->type) - 1 - shift)) - 1, e = mask;
	size_t above = 0;

	m->base = 32 + 2 - CONTEXTS + 1;
	if (m->pred == LC_PRED_MOMENT)
		return;
	for (size_t i = 0; i < f->n; i++)
		seen[f->p[i] >> shift & mask]++;
	for (; e > CONTEXTS && (above += seen[e]) < f->n / 256; e--)
		;
	m->base = (uint8_t)(e - CONTEXTS + 1);
}

/* Bits in all of n bytes so counted; and, as a sample shows too few, half a bit a kind. */
static double counted(const uint32_t *count, int kinds)
{
	const float *x_log_x = logs();
	uint32_t n = 0, seen = 0;
	double sum = 0;

	for (int c = 0; c < kinds; c++) {
		n += count[c];
		seen += count[c] > 0;
		sum += (double)x_log_x[count[c]];
	}
	return n ? (double)x_log_x[n] - sum + (seen - 1) / (2 * M_LN2) : 0;
}

/*
 * What contexts save of the planes, in bits an element. The planes are in the room for them. Told
 * from the top bits of their bytes: of all, there are too few in a sample.
 */
static double told(struct fit *f, const struct lc_model *m)
{
	const unsigned char *ctx = f->w->ctx, *plane;
	uint32_t one[64], each[CONTEXTS][64];
	double saved = 0, now;

	f->w->loops->contexts(m, f->near[lc_pred_near(m->pred)[0]], f->p, f->n, f->w->ctx);
	for (unsigned b = 0; b < lc_dtype_bits(m->type) / 8; b++) {
		plane = f->w->plane[b];
		memset(one, 0, sizeof(one));
		memset(each, 0, sizeof(each));
		for (size_t i = 0; i < f->n; i++) {
			one[plane[i] >> 2]++;
			each[ctx[i]][plane[i] >> 2]++;
		}
		now = counted(one, 64);
		for (int t = 0; t < CONTEXTS; t++)
			now -= counted(each[t], 64);
		saved += now > 0 ? now / (double)f->n : 0;
	}
	return saved;
}

/* Charge m, whose prediction is in p (terms included), and keep it if it is the best of its kind.
 */
static double charge(struct fit *f, struct lc_model *m, const unsigned char *side)
{
	struct choice *c = m->pred == LC_PRED_NONE ? &f->alone : &f->near_best;
	double best, saved;

	if (m->map != LC_MAP_ROTATE && m->map != LC_MAP_ZIGZAG)
		set_bias(f, m);
	f->w->loops->map(m, f->x, f->p, f->n, f->u);
	best = planes_bits(f, lc_dtype_bits(m->type), m->turn);
	if (side) /* about half of each term's byte */
		best += 4. * (double)(codec_rows(m, f->r->n) + m->cols) / (double)f->r->n;
	if (m->pred == LC_PRED_REG) /* two sources more than a step has must be worth reading */
		best *= 1.005;
	if (m->contexts) {
		set_base(f, m);
		saved = told(f, m);
		m->contexts = saved > TOLD;
		best -= m->contexts ? saved : 0;
	}
	if (best >= c->bits)
		return best;
	c->bits = best;
	c->m = *m;
	if (side)
		memcpy(c->side, side, codec_rows(m, f->r->n) + m->cols);
	return best;
}

static void predict(struct fit *f, const struct lc_model *m)
{
	const unsigned char *near = lc_pred_near(m->pred);
	const void *src[LC_SOURCES];

	for (int i = 0; i < LC_SOURCES; i++)
		src[i] = f->near[near[i]];
	f->w->loops->predict(m, src, f->n, f->p);
}

double fit_try(struct fit *f, enum lc_pred pred, enum lc_map map, const float *k)
{
	struct lc_model m = {
		.type = (uint8_t)f->r->type, .pred = (uint8_t)pred, .map = (uint8_t)map};

	if (k)
		memcpy(m.k, k, sizeof(m.k));
	if (map == LC_MAP_ROTATE)
		m.turn = lc_dtype_mantissa(f->r->type) > 0;
	m.contexts = pred != LC_PRED_NONE && (map == LC_MAP_ZIGZAG || pred == LC_PRED_MOMENT) &&
		     lc_dtype_mantissa(f->r->type) > 0;
	predict(f, &m);
	return charge(f, &m, NULL);
}

static unsigned char quantised(double x)
{
	x = floor(x + .5);
	return (unsigned char)(x < 0 ? 0 : x > 255 ? 255 : x);
}

/* Sums of differences (2^-8 of them) over each row, and over some rows of each column. */
struct sums {
	int64_t *row;
	int32_t *col;
	size_t rows, seen; /* of which rows; their differences in all */
	int64_t in_seen;
};
#define SEEN 64 /* rows, at most: 24 bits each, 30 in all */

static void add_row(struct fit *f, const struct lc_model *m, struct sums *s, size_t r,
		    uint32_t mask)
{
	const struct lc_run *run = f->r;
	unsigned size = lc_dtype_bits(run->type) / 8;
	size_t c = r ? 0 : m->phase, i = r * m->cols + c - m->phase;
	int seen = (r > 0 || s->rows == 1) && r % (s->rows / SEEN + 1) == 0 && s->seen < SEEN;
	struct lc_model plain = *m;
	const void *src[LC_SOURCES];
	const uint32_t *x;

	plain.rank1 = 0; /* the terms are what is looked for */
	for (int k = 0; k < LC_SOURCES; k++)
		src[k] = run->near[lc_pred_near(m->pred)[k]];
	for (size_t n; c < m->cols && i < run->n; c += n, i += n) {
		n = m->cols - c < STRIDE ? m->cols - c : STRIDE;
		n = run->n - i < n ? run->n - i : n;
		x = codec_load(f->w, (const char *)run->x + i * size, n, size * 8);
		codec_predict(f->w, &plain, src, run->n, i, n, f->w->p, NULL);
		s->row[r] += f->w->loops->sum(x, f->w->p, n, mask, seen ? s->col + c : NULL);
	}
	s->seen += (size_t)seen;
	s->in_seen += seen ? s->row[r] : 0;
}

/* Means over each row, then over some rows of what is left of each column. */
static void fit_terms(struct fit *f, struct lc_model *m, uint32_t mask, unsigned char *side)
{
	size_t n = f->r->n, rows = codec_rows(m, n), cols = m->cols;
	struct sums s = {.row = lc_xalloc(rows, sizeof(*s.row)),
			 .col = lc_xalloc(cols, sizeof(*s.col)),
			 .rows = rows};
	double unit = (double)(1u << (lc_dtype_mantissa(m->type) - 4)) / 256, all = 0, low, mean;

	for (size_t r = 0; r < rows; r++) {
		add_row(f, m, &s, r, mask);
		all += (double)s.row[r] / (double)n;
	}
	low = floor(all) - RANK1_ZERO * unit;
	m->low = (uint32_t)(int64_t)(low * 256);
	for (size_t r = 0; r < rows; r++) {
		size_t from = r ? 0 : m->phase, left = n + m->phase - r * cols;
		size_t len = (left < cols ? left : cols) - from;
		side[r] = quantised(((double)s.row[r] / (double)len - low) / unit);
	}
	mean = s.seen ? (double)s.in_seen / (double)s.seen / (double)cols : 0;
	for (size_t c = 0; c < cols; c++)
		side[rows + c] = quantised(
			(s.seen ? (s.col[c] / (double)s.seen - mean) / unit : 0) + RANK1_ZERO);
	free(s.row);
	free(s.col);
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
	struct lc_work *w = f->w;

	if (r->cols < 16 || r->cols > RANK1_COLS || r->n < 8 * r->cols ||
	    lc_dtype_mantissa(r->type) < 4)
		return;
	if (k)
		memcpy(m.k, k, sizeof(m.k));
	fit_terms(f, &m, positive ? bits_mask(bits) : bits_mask(bits) >> 1, w->side);
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

	for (size_t i = 0; i < f->n; i += 8) {
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
	if (lc_dtype_mantissa(f->r->type) == 0 || f->near_best.bits < SOLVED ||
	    f->alone.bits > NOISE * lc_dtype_bits(f->r->type))
		return;
	fit_try(f, LC_PRED_NONE, positive ? LC_MAP_BIAS : LC_MAP_SIGNED, NULL);
	try_rank1(f, LC_PRED_NONE, NULL, positive);
}

/* What AdamW does in one update, or in some. */
static void try_rule(struct fit *f)
{
	const struct lc_run *r = f->r;

	if (r->type != LC_F32)
		return;
	if (r->part == LC_PART_V && r->near[LC_M1] && r->near[LC_M0])
		fit_adam(f, r->hyper.beta1 > 0 ? r->hyper.beta1 : .9);
	if (r->part == LC_PART_W && r->near[LC_M1] && r->near[LC_V1])
		fit_steps(f);
}

static void try_older(struct fit *f, int positive)
{
	const struct lc_run *r = f->r;
	float k[4] = {0};

	fit_try(f, LC_PRED_SUB, LC_MAP_ZIGZAG, NULL);
	if (r->type != LC_F32)
		return;
	if (r->part == LC_PART_M) {
		k[0] = r->hyper.beta1 > 0 ? (float)r->hyper.beta1 : .9f;
		fit_try(f, LC_PRED_SCALE, LC_MAP_ZIGZAG, k);
		k[0] = 1;
		if (r->near[LC_V0])
			fit_try(f, LC_PRED_MOMENT, LC_MAP_AGAINST, k);
	}
	if (positive && (k[0] = ratio(f)) > 0) {
		fit_try(f, LC_PRED_SCALE, LC_MAP_BIAS, k);
		try_rank1(f, LC_PRED_SCALE, k, 1);
	}
}

static double try_all(struct fit *f)
{
	const struct lc_run *r = f->r;
	unsigned bits = lc_dtype_bits(r->type);
	int positive = 1;

	for (size_t i = 0; i < f->n; i++)
		positive &= !(f->x[i] >> (bits - 1));
	if (r->near[LC_MASTER] && (r->type == LC_BF16 || r->type == LC_F16))
		fit_try(f, LC_PRED_NARROW, LC_MAP_ZIGZAG, NULL);
	if (r->near[LC_X0])
		try_rule(f);
	try_alone(f, positive);
	if (r->near[LC_X0] && f->near_best.bits >= SOLVED)
		try_older(f, positive);
	return f->near_best.bits < WORTH * f->alone.bits ? f->near_best.bits : f->alone.bits;
}

double lc_run_fit(struct lc_work *w, const struct lc_run *r, struct lc_model *m, double *alone)
{
	struct fit *f = w->fit ? w->fit : lc_xalloc(1, sizeof(*f));
	const struct choice *c;
	double cost;

	w->fit = f;
	f->w = w;
	f->r = r;
	f->near_best.bits = f->alone.bits = INFINITY;
	sample(f);
	cost = try_all(f);
	c = cost == f->alone.bits ? &f->alone : &f->near_best;
	*m = c->m;
	if (m->rank1)
		memcpy(w->side, c->side, codec_rows(m, r->n) + m->cols);
	if (alone)
		*alone = f->alone.bits;
	return cost;
}

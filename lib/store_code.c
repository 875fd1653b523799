/*
 * store_code: see store_code.h.
 *
 * All of it depends on the bytes and on the base, never on which other groups are at work: so does
 * what is in a pack.
 */
#include "store_code.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "crc.h"
#include "io.h"
#include "store_body.h"

#define CHAIN_MAX 40	 /* depth that a source may have: 16 steps of an optimizer, and some */
#define RUN_MIN 256	 /* bytes of a tensor that are worth a segment of their own */
#define SEGMENTS_MAX 512 /* in a piece */

/*
 * States are nearly incompressible (the low mantissa bits are noise): level 1 gets what there is to
 * get. What gains less than 1/64 is kept raw, which restores faster than it decompresses.
 */
#define ZSTD_LEVEL 1
#define WORTH(raw) ((raw) - (raw) / 64)

/* What a piece is predicted from. */
struct nearby {
	struct lc_source source[LC_NEARS];
	const void *bytes[LC_NEARS];
};

static struct coded *find(struct job *j, const struct cut *c, size_t piece)
{
	for (size_t i = 0; piece != NONE && i < j->g->n; i++)
		if (j->piece[i].p == &c->p[piece])
			return &j->piece[i];
	return NULL;
}

/* The older state's chunk of a piece, and its depth; NULL where there is none or it is too deep. */
static const struct lc_id *older(const struct coder *k, const struct piece *p, uint32_t *at,
				 int *depth)
{
	const struct lc_id *id = k->use_base ? cut_older(k->c, p, at) : NULL;

	*depth = id ? store_depth(k->st, id) : -1;
	return *depth >= 0 && *depth < CHAIN_MAX ? id : NULL;
}

/* The second moments at the elements of x, first moments. */
static struct coded *second(struct job *j, const struct cut *c, const struct coded *x)
{
	for (size_t i = 0; i < j->g->n && x->p->part == LC_PART_M; i++)
		if (j->piece[i].p->part == LC_PART_V && j->piece[i].p->near[LC_M1] != NONE &&
		    &c->p[j->piece[i].p->near[LC_M1]] == x->p)
			return &j->piece[i];
	return NULL;
}

void code_limits(const struct coder *k, struct job *j)
{
	for (size_t i = 0; i < j->g->n; i++) {
		static const enum lc_near now[] = {LC_M1, LC_V1, LC_MASTER};
		struct coded *x = &j->piece[i], *v = second(j, k->c, x);
		uint32_t at;
		int depth;
		x->limit = older(k, x->p, &at, &depth) ? depth + 1 : 0;
		if (v && older(k, v->p, &at, &depth) && depth + 1 > x->limit)
			x->limit = depth + 1;
		for (size_t m = 0; m < 3; m++) {
			const struct coded *y = find(j, k->c, x->p->near[now[m]]);
			if (y && y->limit < CHAIN_MAX && y->limit + 1 > x->limit)
				x->limit = y->limit + 1;
		}
	}
}

/* The elements of x in the older state. What is damaged there is not used. */
static void near_older(const struct coder *k, struct coded *x, enum lc_near how, struct nearby *b)
{
	struct lc_source *s = &b->source[how];
	int depth;
	const struct lc_id *id = older(k, x->p, &s->at, &depth);

	if (!id)
		return;
	s->id = *id;
	if (!x->older_tried)
		x->older = store_hold(k->st, id, depth + 1, NULL);
	x->older_tried = 1;
	if (x->older && x->older->len >= (size_t)s->at + x->p->len)
		b->bytes[how] = x->older->raw + s->at;
}

static void near_now(const struct coded *x, enum lc_near how, struct nearby *b)
{
	if (!x || x->limit >= CHAIN_MAX)
		return;
	b->source[how] = (struct lc_source){x->p->id, 0};
	b->bytes[how] = x->raw;
}

static void find_nearby(const struct coder *k, struct job *j, struct coded *x, struct nearby *b)
{
	memset(b, 0, sizeof(*b));
	near_older(k, x, LC_X0, b);
	near_now(find(j, k->c, x->p->near[LC_MASTER]), LC_MASTER, b);
	if (!b->bytes[LC_X0]) /* the moments tell nothing without it */
		return;
	if (second(j, k->c, x))
		near_older(k, second(j, k->c, x), LC_V0, b);
	for (int v = 0; v < 2; v++) {
		struct coded *y = find(j, k->c, x->p->near[v ? LC_V1 : LC_M1]);
		if (!y)
			continue;
		near_now(y, v ? LC_V1 : LC_M1, b);
		near_older(k, y, v ? LC_V0 : LC_M0, b);
	}
}

static struct lc_run run_of(const struct coder *k, const struct lc_span *s, const struct piece *p,
			    const void *x, size_t n, uint64_t at, const struct nearby *b)
{
	uint64_t cols = s->dims > 1 ? s->shape[s->dims - 1] : 0;
	struct lc_run r = {.type = s->type,
			   .part = p->part,
			   .n = n,
			   .cols = cols,
			   .phase = cols ? (at - s->at) / (lc_dtype_bits(s->type) / 8) % cols : 0,
			   .x = x,
			   .hyper = *k->hyper};

	for (int i = 0; b && i < LC_NEARS; i++)
		r.near[i] = b->bytes[i];
	return r;
}

/* A run of n elements of tensor s, which begins at byte `at` of the file. */
static void put_run(const struct coder *k, struct lc_body *body, struct lc_work *w,
		    const struct lc_span *s, const struct piece *p, const unsigned char *x,
		    size_t n, uint64_t at, const struct nearby *b)
{
	struct lc_run r = run_of(k, s, p, x, n, at, b);
	struct lc_source source[LC_SOURCES];
	const void *src[LC_SOURCES];
	struct lc_model m;

	lc_run_fit(w, &r, &m, NULL);
	for (int i = 0; b && i < lc_pred_sources(m.pred); i++) {
		int from = lc_pred_near(m.pred)[i];
		source[i] = b->source[from];
		src[i] = b->bytes[from];
	}
	lc_body_run(body, w, &m, x, n, source, src);
}

/* Bytes, and the small tensors among them. */
static void put_mixed(const struct coder *k, struct lc_body *body, struct lc_work *w,
		      const struct piece *p, const unsigned char *raw)
{
	const struct lc_spans *t = &k->c->f[p->file].spans;
	uint64_t done = p->at, end = p->at + p->len;

	for (size_t i = 0; i < t->n && t->s[i].at < end && body->segments < SEGMENTS_MAX; i++) {
		const struct lc_span *s = &t->s[i];
		unsigned size = lc_dtype_bits(s->type) / 8;
		uint64_t from = s->at, to = s->at + s->bytes;
		if (from < done) /* its first whole element here */
			from += (done - from + size - 1) / size * size;
		if (to > end)
			to = from < end ? from + (end - from) / size * size : from;
		if (to < from + RUN_MIN || to > end)
			continue;
		if (from > done)
			lc_body_bytes(body, w, raw + (done - p->at), (size_t)(from - done));
		put_run(k, body, w, s, p, raw + (from - p->at), (size_t)(to - from) / size, from,
			NULL);
		done = to;
	}
	if (done < end)
		lc_body_bytes(body, w, raw + (done - p->at), (size_t)(end - done));
}

/* What a piece may take while it is coded. */
static size_t bound_of(const struct piece *p)
{
	size_t body = lc_body_bound(p->len, 2 * SEGMENTS_MAX + 2),
	       frame = ZSTD_compressBound(p->len);

	return body > frame ? body : frame;
}

/* Bodies that are kept are shorter than the bytes: behind them is room for any of the pieces. */
static void make_room(struct job *j)
{
	size_t want = 0;

	for (size_t i = 0; i < j->g->n; i++)
		want = bound_of(j->piece[i].p) > want ? bound_of(j->piece[i].p) : want;
	want += j->g->bytes;
	j->out_len = 0;
	if (j->out_room >= want)
		return;
	free(j->out);
	j->out = lc_xbuffer(j->out_room = want);
}

/* Bytes with no tensors among them. */
static void compress(struct context *ctx, struct coded *x, unsigned char *out)
{
	size_t n;

	if (!ctx->z && !(ctx->z = ZSTD_createCCtx()))
		abort(); /* out of memory, as lc_xalloc has it */
	n = ZSTD_compressCCtx(ctx->z, out, bound_of(x->p), x->raw, x->c.raw, ZSTD_LEVEL);
	x->c.codec = LC_CODEC_ZSTD;
	x->c.stored = !ZSTD_isError(n) && n < WORTH(x->c.raw) ? (uint32_t)n : x->c.raw;
}

static void code_tensors(const struct coder *k, struct job *j, struct context *ctx, struct coded *x,
			 unsigned char *out)
{
	const struct lc_spans *t = &k->c->f[x->p->file].spans;
	size_t stored;
	struct lc_body body;
	struct nearby b;

	lc_body_init(&body, out);
	if (x->p->span >= 0) {
		find_nearby(k, j, x, &b);
		put_run(k, &body, ctx->w, &t->s[x->p->span], x->p, x->raw,
			x->p->len / (lc_dtype_bits(t->s[x->p->span].type) / 8), x->p->at, &b);
	} else {
		put_mixed(k, &body, ctx->w, x->p, x->raw);
	}
	stored = lc_body_done(&body);
	x->c.codec = LC_CODEC_TENSOR;
	x->c.stored = stored < x->c.raw ? (uint32_t)stored : x->c.raw;
}

static void code(const struct coder *k, struct job *j, struct context *ctx, struct coded *x)
{
	unsigned char *out = j->out + j->out_len;

	x->c = (struct lc_chunk){.id = x->p->id, .raw = x->p->len};
	if (k->c->f[x->p->file].spans.n == 0 || x->p->len > LC_CHUNK)
		compress(ctx, x, out);
	else
		code_tensors(k, j, ctx, x, out);
	if (x->c.stored >= x->c.raw) { /* noise */
		x->c.codec = LC_CODEC_RAW;
		x->c.crc = lc_crc32c(x->raw, x->c.raw);
		return;
	}
	x->c.crc = lc_crc32c(out, x->c.stored);
	j->out_len += x->c.stored;
}

/* Chunks of the base are checked two at a time, where that can be. */
static void preload_older(const struct coder *k, const struct job *j)
{
	unsigned char ids[32 * GROUP_PIECES];
	size_t n = 0;

	for (size_t i = 0; i < j->g->n; i++) {
		uint32_t at;
		int depth;
		const struct lc_id *id =
			j->piece[i].number < 0 ? NULL : older(k, j->piece[i].p, &at, &depth);
		if (id)
			memcpy(ids + 32 * n++, id->b, 32);
	}
	store_preload_all(k->st, ids, n);
}

void code_job(const struct coder *k, struct job *j)
{
	struct context *ctx = store_take_context(k->st);

	make_room(j);
	preload_older(k, j);
	for (size_t i = 0; i < j->g->n; i++)
		if (j->piece[i].number >= 0)
			code(k, j, ctx, &j->piece[i]);
	for (size_t i = 0; i < j->g->n; i++)
		store_let_go(k->st, j->piece[i].older);
	store_give_context(k->st, ctx);
}

void code_probe(const struct coder *k, const struct piece *p, double *with, double *without)
{
	const struct cut_file *f = &k->c->f[p->file];
	const struct lc_span *s = &f->spans.s[p->span];
	struct context *ctx = store_take_context(k->st);
	struct coded x = {.p = p};
	unsigned char *raw = lc_xalloc(p->len, 1);
	struct nearby b = {0};
	struct lc_model m;
	double alone;

	near_older(k, &x, LC_X0, &b);
	if (b.bytes[LC_X0] && cut_read(f, raw, p->len, p->at, NULL) == 0) {
		size_t n = p->len / (lc_dtype_bits(s->type) / 8);
		struct lc_run r = run_of(k, s, p, raw, n, p->at, &b);
		*with += (double)n * lc_run_fit(ctx->w, &r, &m, &alone);
		*without += (double)n * alone;
	}
	free(raw);
	store_let_go(k->st, x.older);
	store_give_context(k->st, ctx);
}

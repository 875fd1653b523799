/*
 * store_state: see store_state.h.
 *
 * What ends up in a pack depends on the bytes alone: pieces are coded in parallel, in passes, each
 * of which refers to earlier ones only, and appended in their order.
 */
#include "store_state.h"

#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "pool.h"
#include "store_body.h"
#include "store_cut.h"
#include "store_impl.h"

#define CHAIN_MAX 40	 /* depth that this writer lets a chunk have: 16 steps of an optimizer */
#define PROBES 16	 /* pieces tried to see whether the base is of use */
#define BASE_WORTH .97	 /* of the bits without it */
#define RUN_MIN 256	 /* bytes of a tensor that are worth a segment of their own */
#define SEGMENTS_MAX 512 /* in a piece */

struct putting {
	struct lc_store *st;
	const struct lc_state *s;
	struct cut c;
	uint64_t done, total;
	/* the batch at work */
	const unsigned char *buf;
	size_t first, n, len; /* pieces; bytes of them all */
	size_t at[BATCH];     /* pieces that are coded */
};

/* Tells bytes that have changed from those that were hashed, and costs little beside it. */
static uint64_t sum_of(const unsigned char *p, size_t len)
{
	uint64_t lane[4] = {len, 1, 2, 3}, x[4] = {0}, sum = 0;

	while (len > 0) {
		size_t n = len < sizeof(x) ? len : sizeof(x);
		memcpy(x, p, n);
		for (int k = 0; k < 4; k++)
			lane[k] = ((lane[k] ^ x[k]) * 0x9e3779b97f4a7c15u) ^ lane[k] >> 32;
		p += n;
		len -= n;
	}
	for (int k = 0; k < 4; k++)
		sum = ((sum ^ lane[k]) * 0x9e3779b97f4a7c15u) ^ sum >> 29;
	return sum;
}

static void report(struct putting *q, uint64_t bytes)
{
	q->done += bytes;
	if (q->s->progress)
		q->s->progress(q->s->ctx, q->done, q->total);
}

static void name_task(void *ctx, int i)
{
	struct putting *q = ctx;
	struct piece *p = &q->c.p[q->first + (size_t)i];
	const unsigned char *raw = q->buf + (p->at - q->c.p[q->first].at);

	p->sum = sum_of(raw, p->len);
	lc_sha256(raw, p->len, &p->id, &q->st->slot[i].err);
}

static int name_batch(struct putting *q, const struct cut_file *f, unsigned char *buf,
		      struct lc_err *err)
{
	q->len = 0;
	for (size_t i = 0; i < q->n; i++) {
		q->len += q->c.p[q->first + i].len;
		q->st->slot[i].err.code = LC_OK;
	}
	if (cut_read(f, buf, q->len, q->c.p[q->first].at, err) < 0)
		return -1;
	q->buf = buf;
	lc_pool_run(q->st->pool, (int)q->n, name_task, q);
	for (size_t i = 0; i < q->n; i++)
		if (q->st->slot[i].err.code != LC_OK)
			return lc_fail(err, q->st->slot[i].err.code, "%s", q->st->slot[i].err.text);
	report(q, q->len);
	return 0;
}

static int name_file(struct putting *q, const struct cut_file *f, unsigned char *buf,
		     struct lc_err *err)
{
	struct lc_entry *e = f->in->e;
	int ret = 0;

	for (size_t i = 0; i < f->n && ret == 0; i += BATCH) {
		q->first = f->first + i;
		q->n = f->n - i < BATCH ? f->n - i : BATCH;
		ret = name_batch(q, f, buf, err);
	}
	e->chunks = lc_xalloc(f->n, sizeof(*e->chunks));
	e->nchunks = f->n;
	for (size_t i = 0; i < f->n; i++)
		e->chunks[i] = q->c.p[f->first + i].id;
	return ret;
}

static int read_piece(const struct putting *q, const struct piece *p, void *buf, struct lc_err *err)
{
	const struct cut_file *f = &q->c.f[p->file];

	if (cut_read(f, buf, p->len, p->at, err) < 0)
		return -1;
	return sum_of(buf, p->len) == p->sum
		       ? 0
		       : lc_fail(err, LC_DATA, "%s: changed while it was read", f->in->path);
}

/* What a piece is predicted from, while it is coded. */
struct nearby {
	struct lc_source source[LC_NEARS];
	const void *bytes[LC_NEARS];
	struct cached *held[LC_NEARS]; /* from the store */
	unsigned char *read[LC_NEARS]; /* from the state itself */
	int depth[LC_NEARS];
};

static void let_go(const struct putting *q, struct nearby *b)
{
	for (int k = 0; k < LC_NEARS; k++) {
		store_let_go(q->st, b->held[k]);
		free(b->read[k]);
	}
}

static int depth_of(const struct putting *q, const struct lc_id *id)
{
	const struct place *at = store_find(q->st, id);

	return at && at->c.depth < CHAIN_MAX ? at->c.depth : -1;
}

/* The elements of p in the older state. What is damaged there, or too deep, is not used. */
static void near_older(const struct putting *q, const struct piece *p, enum lc_near k,
		       struct nearby *b)
{
	struct lc_source *s = &b->source[k];
	const struct lc_id *id = cut_older(&q->c, p, &s->at);

	if (!id || (b->depth[k] = depth_of(q, id)) < 0)
		return;
	s->id = *id;
	b->held[k] = store_hold(q->st, id, LC_DEPTH_MAX, NULL);
	if (b->held[k])
		b->bytes[k] = b->held[k]->raw + s->at;
}

static int near_now(const struct putting *q, size_t piece, enum lc_near k, struct nearby *b,
		    struct lc_err *err)
{
	const struct piece *p = &q->c.p[piece];

	if ((b->depth[k] = depth_of(q, &p->id)) < 0)
		return 0;
	b->source[k] = (struct lc_source){p->id, 0};
	b->read[k] = lc_xalloc(p->len, 1);
	if (read_piece(q, p, b->read[k], err) < 0)
		return -1;
	b->bytes[k] = b->read[k];
	return 0;
}

static int find_nearby(const struct putting *q, const struct piece *p, struct nearby *b,
		       struct lc_err *err)
{
	memset(b, 0, sizeof(*b));
	near_older(q, p, LC_X0, b);
	if (p->near[LC_MASTER] != NONE && near_now(q, p->near[LC_MASTER], LC_MASTER, b, err) < 0)
		return -1;
	if (!b->bytes[LC_X0]) /* the moments tell nothing without it */
		return 0;
	for (int v = 0; v < 2; v++) {
		size_t i = p->near[v ? LC_V1 : LC_M1];
		if (i == NONE)
			continue;
		if (near_now(q, i, v ? LC_V1 : LC_M1, b, err) < 0)
			return -1;
		near_older(q, &q->c.p[i], v ? LC_V0 : LC_M0, b);
	}
	return 0;
}

static struct lc_run run_of(const struct putting *q, const struct lc_span *s, const struct piece *p,
			    const void *x, size_t n, uint64_t at, const struct nearby *b)
{
	uint64_t cols = s->dims > 1 ? s->shape[s->dims - 1] : 0;
	struct lc_run r = {.type = s->type,
			   .part = p->part,
			   .n = n,
			   .cols = cols,
			   .phase = cols ? (at - s->at) / (lc_dtype_bits(s->type) / 8) % cols : 0,
			   .x = x,
			   .hyper = q->s->hyper};

	for (int k = 0; b && k < LC_NEARS; k++)
		r.near[k] = b->bytes[k];
	return r;
}

/* What a piece costs, in bits, with the base and without; nothing when it is not in the base. */
static void probe(const struct putting *q, const struct piece *p, double *with, double *without)
{
	const struct lc_span *s = &q->c.f[p->file].spans.s[p->span];
	struct context *c = store_take_context(q->st);
	unsigned char *raw = lc_xalloc(p->len, 1);
	struct nearby b = {0};
	struct lc_model m;
	double alone;

	near_older(q, p, LC_X0, &b);
	if (b.bytes[LC_X0] && read_piece(q, p, raw, NULL) == 0) {
		size_t n = p->len / (lc_dtype_bits(s->type) / 8);
		struct lc_run r = run_of(q, s, p, raw, n, p->at, &b);
		*with += (double)n * lc_run_fit(c->w, &r, &m, &alone);
		*without += (double)n * alone;
	}
	free(raw);
	let_go(q, &b);
	store_give_context(q->st, c);
}

/* Is a base worth a longer restore? Told from pieces spread over the state. */
static int base_gains(const struct putting *q)
{
	double with = 0, without = 0;
	size_t n = 0, seen = 0, step;

	for (size_t i = 0; i < q->c.n; i++)
		n += q->c.p[i].span >= 0 && q->c.f[q->c.p[i].file].old.e != NULL;
	step = n / PROBES + 1;
	for (size_t i = 0; i < q->c.n; i++) {
		const struct piece *p = &q->c.p[i];
		if (p->span >= 0 && q->c.f[p->file].old.e && seen++ % step == step / 2)
			probe(q, p, &with, &without);
	}
	return with < BASE_WORTH * without;
}

/* A run of n elements of tensor s, which begins at byte `at` of the file. */
static void put_run(const struct putting *q, struct lc_body *body, struct lc_work *w,
		    const struct lc_span *s, const struct piece *p, const unsigned char *x,
		    size_t n, uint64_t at, const struct nearby *b, int *depth)
{
	struct lc_run r = run_of(q, s, p, x, n, at, b);
	struct lc_source source[LC_SOURCES];
	const void *src[LC_SOURCES];
	struct lc_model m;

	lc_run_fit(w, &r, &m, NULL);
	for (int i = 0; b && i < lc_pred_sources(m.pred); i++) {
		int k = lc_pred_near(m.pred)[i];
		source[i] = b->source[k];
		src[i] = b->bytes[k];
		*depth = b->depth[k] >= *depth ? b->depth[k] + 1 : *depth;
	}
	lc_body_run(body, w, &m, x, n, source, src);
}

/* Bytes, and the small tensors among them. */
static void put_mixed(const struct putting *q, struct lc_body *body, struct lc_work *w,
		      const struct piece *p, const unsigned char *raw)
{
	const struct lc_spans *t = &q->c.f[p->file].spans;
	uint64_t done = p->at, end = p->at + p->len;
	int depth = 0;

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
		put_run(q, body, w, s, p, raw + (from - p->at), (size_t)(to - from) / size, from,
			NULL, &depth);
		done = to;
	}
	if (done < end)
		lc_body_bytes(body, w, raw + (done - p->at), (size_t)(end - done));
}

static void code(struct putting *q, const struct piece *p, struct slot *s, const struct nearby *b)
{
	struct context *c = store_take_context(q->st);
	const struct cut_file *f = &q->c.f[p->file];
	struct lc_body body;
	int depth = 0;

	lc_body_init(&body, s->out);
	if (p->span >= 0)
		put_run(q, &body, c->w, &f->spans.s[p->span], p, s->raw,
			p->len / (lc_dtype_bits(f->spans.s[p->span].type) / 8), p->at, b, &depth);
	else
		put_mixed(q, &body, c->w, p, s->raw);
	s->stored = lc_body_done(&body);
	s->codec = LC_CODEC_TENSOR;
	s->depth = depth;
	if (s->stored >= s->len) { /* noise */
		s->codec = LC_CODEC_RAW;
		s->stored = s->len;
		s->depth = 0;
	}
	store_give_context(q->st, c);
}

static void code_task(void *ctx, int i)
{
	struct putting *q = ctx;
	const struct piece *p = &q->c.p[q->at[i]];
	struct slot *s = &q->st->slot[i];
	size_t room = lc_body_bound(LC_CHUNK, 2 * SEGMENTS_MAX + 2);
	struct nearby b;

	if (!s->in)
		s->in = lc_xalloc(LC_CHUNK, 1);
	if (s->room < room) {
		s->out = lc_xrealloc(s->out, s->room = room, 1);
	}
	s->raw = s->in;
	s->len = p->len;
	s->id = p->id;
	if (read_piece(q, p, s->in, &s->err) < 0)
		return;
	if (q->c.f[p->file].spans.n == 0) {
		store_compress(s);
		return;
	}
	if (find_nearby(q, p, &b, &s->err) == 0)
		code(q, p, s, &b);
	let_go(q, &b);
}

static int code_batch(struct putting *q, int n, struct lc_err *err)
{
	for (int i = 0; i < n; i++)
		q->st->slot[i].err.code = LC_OK;
	lc_pool_run(q->st->pool, n, code_task, q);
	for (int i = 0; i < n; i++) {
		struct slot *s = &q->st->slot[i];
		if (s->err.code != LC_OK)
			return lc_fail(err, s->err.code, "%s", s->err.text);
		/* the same bytes twice in one batch are known only now */
		if (!store_find(q->st, &s->id) && store_append(q->st, s, err) < 0)
			return -1;
		report(q, s->len);
	}
	return 0;
}

static int code_pass(struct putting *q, int pass, struct lc_err *err)
{
	int n = 0;

	for (size_t i = 0; i < q->c.n; i++) {
		const struct piece *p = &q->c.p[i];
		if (p->pass != pass)
			continue;
		if (store_find(q->st, &p->id))
			report(q, p->len);
		else
			q->at[n++] = i;
		if (n == BATCH) {
			if (code_batch(q, n, err) < 0)
				return -1;
			n = 0;
		}
	}
	return n ? code_batch(q, n, err) : 0;
}

int lc_store_put_state(struct lc_store *st, struct lc_state *s, struct lc_err *err)
{
	struct putting q = {.st = st, .s = s};
	unsigned char *buf;
	int ret = 0;

	if (store_start_writing(st, err) < 0)
		return -1;
	cut_state(&q.c, st, s);
	for (size_t i = 0; i < s->n; i++)
		q.total += 2 * s->in[i].e->size;
	buf = lc_xalloc((size_t)BATCH * LC_CHUNK, 1);
	for (size_t i = 0; i < q.c.nfiles && ret == 0; i++)
		ret = name_file(&q, &q.c.f[i], buf, err);
	free(buf);
	s->base_used = ret == 0 && base_gains(&q);
	for (size_t i = 0; i < q.c.nfiles && !s->base_used; i++)
		q.c.f[i].old.e = NULL;
	for (int pass = 0; pass < PASSES && ret == 0; pass++)
		ret = code_pass(&q, pass, err);
	cut_release(&q.c);
	return ret;
}

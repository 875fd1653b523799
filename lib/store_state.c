/*
 * store_state: see store_state.h.
 *
 * Threads take groups of pieces in order. Each reads its group and hashes it; in order of the
 * groups, what is new of it is registered, so that of equal chunks the first is coded; it is coded,
 * and appended to the pack, again in order. At most RING groups are between the first step and the
 * last.
 */
#include "store_state.h"

#include <stdlib.h>
#include <string.h>

#include "crc.h"
#include "io.h"
#include "pool.h"
#include "store_body.h"
#include "store_code.h"

#define PROBES 16      /* pieces tried to see whether the base is of use, at the most */
#define PROBE_EVERY 8  /* of those that have one: a small state is not worth more */
#define BASE_WORTH .97 /* of the bits without it */
#define RING (THREADS_MAX + 2)

struct putting {
	struct lc_store *st;
	struct lc_state *s;
	struct cut c;
	struct coder coder;
	int ring; /* groups at work at once */
	uint64_t done, total;
	struct job job[RING];
	pthread_mutex_t lock;
	pthread_cond_t change;
	size_t taken, named, put; /* groups */
	int appending;
	struct lc_err err; /* the first failure that was met; then everybody stops */
	/* probes */
	const struct piece *probe[PROBES];
	double with[PROBES], without[PROBES];
};

static void probe_task(void *ctx, int i)
{
	struct putting *q = ctx;

	code_probe(&q->coder, q->probe[i], &q->with[i], &q->without[i]);
}

static int has_older(const struct putting *q, const struct piece *p)
{
	return p->span >= 0 && q->c.f[p->file].old.there;
}

/* Is a base worth a longer restore? Told from pieces spread over the state. */
static int base_gains(struct putting *q)
{
	double with = 0, without = 0;
	size_t n = 0, seen = 0, want, probes = 0;

	for (size_t i = 0; i < q->c.n; i++)
		n += (size_t)has_older(q, &q->c.p[i]);
	want = (n + PROBE_EVERY - 1) / PROBE_EVERY;
	want = want < PROBES ? want : PROBES;
	for (size_t i = 0; i < q->c.n && probes < want; i++)
		if (has_older(q, &q->c.p[i]) && seen++ == (2 * probes + 1) * n / (2 * want))
			q->probe[probes++] = &q->c.p[i];
	lc_pool_run(q->st->pool, (int)probes, probe_task, q);
	for (size_t i = 0; i < probes; i++) {
		with += q->with[i];
		without += q->without[i];
	}
	return with < BASE_WORTH * without;
}

/* Stop them all. */
static int fail(struct putting *q, const struct lc_err *err)
{
	pthread_mutex_lock(&q->lock);
	if (!q->err.code)
		q->err = *err;
	pthread_cond_broadcast(&q->change);
	pthread_mutex_unlock(&q->lock);
	return -1;
}

static int read_job(struct putting *q, struct job *j, struct lc_err *err)
{
	size_t at = 0;

	if (j->raw_room < j->g->bytes) {
		free(j->raw);
		j->raw = lc_xbuffer(j->raw_room = j->g->bytes);
	}
	for (size_t i = 0; i < j->g->n; i++) {
		const struct piece *p = &q->c.p[q->c.order[j->g->first + i]];
		j->piece[i] = (struct coded){.p = p, .raw = j->raw + at, .number = -1};
		if (cut_read(&q->c.f[p->file], j->raw + at, p->len, p->at, err) < 0)
			return -1;
		at += p->len;
	}
	return 0;
}

static int hash_job(struct putting *q, struct job *j, struct lc_err *err)
{
	struct lc_id was[GROUP_PIECES], *id[GROUP_PIECES];
	const void *buf[GROUP_PIECES];
	size_t len[GROUP_PIECES];

	for (size_t i = 0; i < j->g->n; i++) {
		struct piece *p = &q->c.p[q->c.order[j->g->first + i]];
		was[i] = p->id;
		id[i] = &p->id;
		buf[i] = j->piece[i].raw;
		len[i] = p->len;
	}
	if (lc_sha256_many(buf, len, j->g->n, id, err) < 0)
		return -1;
	for (size_t i = 0; i < j->g->n; i++) {
		const struct piece *p = j->piece[i].p;
		if (q->s->anew && memcmp(&was[i], &p->id, sizeof(p->id)) != 0)
			return lc_fail(err, LC_DATA, "%s: damaged: its hash does not match",
				       q->c.f[p->file].in->path);
		if (!q->s->anew)
			store_look(q->st, &p->id);
	}
	return 0;
}

/* In order of the groups: which of its chunks are new. */
static int name_job(struct putting *q, struct job *j, size_t g)
{
	int ret = 0;

	pthread_mutex_lock(&q->lock);
	while (q->named != g && !q->err.code)
		pthread_cond_wait(&q->change, &q->lock);
	ret = q->err.code ? -1 : 0;
	pthread_mutex_unlock(&q->lock);
	if (ret < 0)
		return -1;
	for (size_t i = 0; i < j->g->n; i++)
		j->piece[i].number =
			store_register(q->st, &j->piece[i].p->id, j->piece[i].p->len, q->s->anew);
	pthread_mutex_lock(&q->lock);
	q->named++;
	pthread_cond_broadcast(&q->change);
	pthread_mutex_unlock(&q->lock);
	return 0;
}

/* One above the deepest that it needs, as they are in the end: of equal chunks, one was kept. */
static int depth_of(const struct lc_store *st, const struct lc_chunk *c, const unsigned char *body)
{
	size_t n = 0;
	const unsigned char *ids =
		c->codec == LC_CODEC_TENSOR ? lc_body_refs(body, c->stored, &n) : NULL;
	int depth = 0;

	for (size_t i = 0; ids && i < n; i++) {
		struct lc_id id;
		int below;
		memcpy(id.b, ids + 32 * i, 32);
		below = store_depth(st, &id);
		depth = below >= depth ? below + 1 : depth;
	}
	return depth;
}

static int append_job(struct putting *q, struct job *j, struct lc_err *err)
{
	const unsigned char *out = j->out;

	for (size_t i = 0; i < j->g->n; i++) {
		struct coded *x = &j->piece[i];
		const unsigned char *body = out;
		int depth;
		if (x->number < 0)
			continue;
		if (x->c.codec == LC_CODEC_RAW)
			body = x->raw;
		else
			out += x->c.stored;
		depth = depth_of(q->st, &x->c, body);
		if (depth >
		    LC_DEPTH_MAX) { /* an equal chunk, elsewhere, is at the end of a chain */
			body = x->raw;
			x->c.codec = LC_CODEC_RAW;
			x->c.stored = x->c.raw;
			x->c.crc = lc_crc32c(body, x->c.raw);
			depth = 0;
		}
		x->c.depth = (uint8_t)depth;
		if (store_append(q->st, x->number, &x->c, body, err) < 0)
			return -1;
	}
	return 0;
}

static void report(struct putting *q, uint64_t bytes)
{
	q->done += bytes;
	if (q->s->progress)
		q->s->progress(q->s->ctx, q->done, q->total);
}

/* Whoever is done with a group appends all that are ready, unless another is at it. */
static int append_ready(struct putting *q, struct job *mine)
{
	struct lc_err err;
	int ret = 0;

	pthread_mutex_lock(&q->lock);
	mine->ready = 1;
	while (!q->appending && !q->err.code) {
		struct job *j = &q->job[q->put % (size_t)q->ring];
		if (q->put >= q->taken || !j->ready)
			break;
		q->appending = 1;
		pthread_mutex_unlock(&q->lock);
		ret = append_job(q, j, &err);
		pthread_mutex_lock(&q->lock);
		q->appending = 0;
		if (ret < 0 && !q->err.code)
			q->err = err;
		j->ready = 0;
		q->put++;
		report(q, j->g->bytes);
		pthread_cond_broadcast(&q->change);
	}
	ret = q->err.code ? -1 : 0;
	pthread_mutex_unlock(&q->lock);
	return ret;
}

/* The next group, or NULL when all are taken or something has failed. */
static struct job *take(struct putting *q, size_t *g)
{
	struct job *j = NULL;

	pthread_mutex_lock(&q->lock);
	while (!q->err.code && q->taken < q->c.ngroups && q->taken >= q->put + (size_t)q->ring)
		pthread_cond_wait(&q->change, &q->lock);
	if (!q->err.code && q->taken < q->c.ngroups) {
		*g = q->taken++;
		j = &q->job[*g % (size_t)q->ring];
		j->g = &q->c.group[*g];
	}
	pthread_mutex_unlock(&q->lock);
	return j;
}

static void read_ahead(struct putting *q, size_t g)
{
	if (g >= q->c.ngroups)
		return;
	for (size_t i = 0; i < q->c.group[g].n; i++) {
		const struct piece *p = &q->c.p[q->c.order[q->c.group[g].first + i]];
		const struct lc_id *older;
		uint32_t at;
		cut_read_ahead(&q->c.f[p->file], p->len, p->at);
		older = q->coder.use_base ? cut_older(&q->c, p, &at) : NULL;
		if (older)
			store_read_ahead(q->st, older);
	}
}

static void put_task(void *ctx, int i)
{
	struct putting *q = ctx;
	struct lc_err err;
	struct job *j;
	size_t g;

	(void)i;
	while ((j = take(q, &g))) {
		read_ahead(q, g + (size_t)q->ring);
		if (read_job(q, j, &err) < 0 || hash_job(q, j, &err) < 0) {
			fail(q, &err);
			return;
		}
		if (name_job(q, j, g) < 0)
			return;
		code_limits(&q->coder, j);
		code_job(&q->coder, j);
		if (append_ready(q, j) < 0)
			return;
	}
}

static int put_groups(struct putting *q, struct lc_err *err)
{
	int threads = lc_pool_threads(q->st->pool);

	q->ring = threads + 2 < RING ? threads + 2 : RING;
	pthread_mutex_init(&q->lock, NULL);
	pthread_cond_init(&q->change, NULL);
	lc_pool_run(q->st->pool, threads, put_task, q);
	pthread_mutex_destroy(&q->lock);
	pthread_cond_destroy(&q->change);
	for (int i = 0; i < RING; i++) {
		free(q->job[i].raw);
		free(q->job[i].out);
	}
	return q->err.code ? lc_fail(err, q->err.code, "%s", q->err.text) : 0;
}

/* What the files are made of, into their entries. */
static void fill_in(struct putting *q)
{
	for (size_t i = 0; i < q->c.nfiles; i++) {
		const struct cut_file *f = &q->c.f[i];
		struct lc_entry *e = f->in->e;
		if (q->s->anew)
			continue;
		e->chunks = lc_xalloc(f->n, sizeof(*e->chunks));
		e->nchunks = f->n;
		for (size_t k = 0; k < f->n; k++)
			e->chunks[k] = q->c.p[f->first + k].id;
	}
}

int lc_store_put_state(struct lc_store *st, struct lc_state *s, struct lc_err *err)
{
	struct putting *q;
	int ret;

	if (store_load(st, err) < 0 || store_start_pool(st, err) < 0)
		return -1;
	if (st->broken)
		return lc_fail(err, LC_SYS, "%s: what was put before has failed", st->dir);
	q = lc_xalloc(1, sizeof(*q));
	q->st = st;
	q->s = s;
	ret = cut_state(&q->c, st, s, err);
	if (ret == 0) {
		q->coder = (struct coder){st, &q->c, &s->hyper, s->base != NULL};
		for (size_t i = 0; i < s->n; i++)
			q->total += s->in[i].e->size;
		q->coder.use_base = s->base_used = s->base && base_gains(q);
		ret = put_groups(q, err);
		st->broken = ret < 0;
		if (ret == 0)
			fill_in(q);
		cut_release(&q->c);
	}
	free(q);
	return ret;
}

static int read_buffer(void *ctx, void *buf, size_t len, uint64_t at, struct lc_err *err)
{
	(void)err;
	memcpy(buf, (const char *)ctx + at, len);
	return 0;
}

int lc_store_put(struct lc_store *st, const void *buf, size_t len, struct lc_id *ids,
		 struct lc_err *err)
{
	struct lc_entry e = {.kind = LC_FILE, .size = len};
	struct lc_input in = {.path = "bytes", .e = &e, .read = read_buffer, .plain = 1};
	struct lc_state s = {.in = &in, .n = 1};
	int ret;

	in.ctx = (void *)(uintptr_t)buf;
	ret = lc_store_put_state(st, &s, err);
	if (ret == 0 && e.nchunks)
		memcpy(ids, e.chunks, e.nchunks * sizeof(*ids));
	free(e.chunks);
	return ret;
}

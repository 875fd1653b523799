/* store_fetch: see store_fetch.h. */
#include "store_fetch.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "pool.h"
#include "store_body.h"
#include "store_impl.h"

#define BATCH_BYTES ((size_t)4 << 20) /* raw, of what one thread takes at a time */
#define AHEAD 4			      /* batches, that the system is told of */

/* Things to do with chunks, in order; one batch of them is one thread's. */
struct batches {
	const struct lc_store *st;
	size_t *first; /* of each batch, and the end */
	size_t n;
	size_t (*place)(const void *ctx, size_t i); /* in at[], of thing i */
	void (*fn)(void *ctx, size_t i);
	void *ctx;
};

/* Batches end where depth does not grow: there the next group of related chunks begins. */
static void cut_batches(struct batches *b, size_t n)
{
	const struct lc_chunk *c, *before = NULL;
	size_t bytes = 0;

	b->first = lc_xalloc(n + 1, sizeof(*b->first));
	for (size_t i = 0; i < n; i++, before = c) {
		size_t place = b->place(b->ctx, i);
		c = place == SIZE_MAX ? before : &b->st->at[place].c;
		if (i == 0 ||
		    (bytes >= BATCH_BYTES && (!c || !before || c->depth <= before->depth)) ||
		    bytes >= 4 * BATCH_BYTES) {
			b->first[b->n++] = i;
			bytes = 0;
		}
		bytes += c ? c->raw : 0;
	}
	b->first[b->n] = n;
}

/* The disk may begin with what a batch to come will read. */
static void read_ahead(const struct batches *b, size_t batch)
{
	const struct place *from = NULL, *to = NULL;
	size_t place;
	int fd;

	if (batch >= b->n)
		return;
	for (size_t i = b->first[batch]; i < b->first[batch + 1]; i++) {
		if ((place = b->place(b->ctx, i)) == SIZE_MAX)
			continue;
		from = from ? from : &b->st->at[place];
		if (b->st->at[place].pack == from->pack)
			to = &b->st->at[place];
	}
	if (!from || (fd = open(b->st->packs[from->pack], O_RDONLY | O_CLOEXEC)) < 0)
		return;
	posix_fadvise(fd, (off_t)from->c.at, (off_t)(to->c.at + to->c.stored - from->c.at),
		      POSIX_FADV_WILLNEED);
	close(fd);
}

/* Two are hashed in little more than the time of one. */
static void preload(const struct batches *b, size_t i)
{
	size_t one = b->place(b->ctx, i), two = b->place(b->ctx, i + 1);

	if (one != SIZE_MAX && two != SIZE_MAX)
		store_preload(b->st, (struct place[]){b->st->at[one], b->st->at[two]});
}

static void batch_task(void *ctx, int i)
{
	struct batches *b = ctx;

	read_ahead(b, (size_t)i + AHEAD);
	for (size_t k = b->first[i]; k < b->first[i + 1]; k++) {
		if ((k - b->first[i]) % 2 == 0 && k + 1 < b->first[i + 1])
			preload(b, k);
		b->fn(b->ctx, k);
	}
}

/*
 * Where nothing is predicted from anything, little need be kept: what is decoded into then is still
 * near the processor, and no new memory.
 */
static void keep_little(struct lc_store *st, const struct batches *b, size_t n)
{
	size_t most = 4 * LC_CHUNK * (size_t)lc_pool_threads(st->pool);

	for (size_t i = 0; i < n; i++) {
		size_t place = b->place(b->ctx, i);
		if (place != SIZE_MAX && st->at[place].c.depth > 0)
			return;
	}
	st->cache->most = most < CACHE_BYTES ? most : CACHE_BYTES;
}

static void run_batches(struct lc_store *st, struct batches *b, size_t n)
{
	b->st = st;
	keep_little(st, b, n);
	cut_batches(b, n);
	for (size_t i = 0; i < AHEAD; i++)
		read_ahead(b, i);
	lc_pool_run(st->pool, (int)b->n, batch_task, b);
	st->cache->most = CACHE_BYTES;
	free(b->first);
}

struct fetching {
	struct lc_store *st;
	struct lc_want *w;
	size_t *first; /* of those that want the same chunk, and the end */
	lc_fetched *fn;
	void *ctx;
};

static size_t fetch_place(const void *ctx, size_t i)
{
	const struct fetching *f = ctx;

	return (size_t)f->w[f->first[i]].place_;
}

static void fetch_one(void *ctx, size_t i)
{
	struct fetching *f = ctx;
	struct lc_err err = {0};
	struct cached *c = store_hold(f->st, &f->w[f->first[i]].id, LC_DEPTH_MAX + 1, &err);

	for (size_t k = f->first[i]; k < f->first[i + 1]; k++)
		f->fn(f->ctx, &f->w[k], c ? c->raw : NULL, c ? c->len : 0, &err);
	store_let_go(f->st, c);
}

static int by_place(const void *a, const void *b)
{
	const struct lc_want *x = a, *y = b;

	if (x->place_ != y->place_)
		return x->place_ < y->place_ ? -1 : 1;
	return memcmp(&x->id, &y->id, sizeof(x->id)); /* of those that are nowhere */
}

int lc_store_fetch(struct lc_store *st, struct lc_want *w, size_t n, lc_fetched *fn, void *ctx,
		   struct lc_err *err)
{
	struct fetching f = {.st = st, .w = w, .fn = fn, .ctx = ctx};
	struct batches b = {.place = fetch_place, .fn = fetch_one, .ctx = &f};
	struct place copy[COPIES_MAX];
	size_t number[COPIES_MAX], chunks = 0;

	if (store_load(st, err) < 0 || store_start_pool(st, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		w[i].place_ = store_copies(st, &w[i].id, copy, number) ? number[0] : SIZE_MAX;
	if (n)
		qsort(w, n, sizeof(*w), by_place);
	f.first = lc_xalloc(n + 1, sizeof(*f.first));
	for (size_t i = 0; i < n; i++)
		if (i == 0 || by_place(&w[i - 1], &w[i]) != 0)
			f.first[chunks++] = i;
	f.first[chunks] = n;
	run_batches(st, &b, chunks);
	free(f.first);
	return 0;
}

struct checking {
	const struct lc_store *st;
	size_t *number; /* of those to be checked */
	void (*fn)(void *ctx, size_t i, const struct lc_err *err);
	void *ctx;
};

static size_t check_place(const void *ctx, size_t i)
{
	return ((const struct checking *)ctx)->number[i];
}

static void check_one(void *ctx, size_t i)
{
	const struct checking *k = ctx;
	struct lc_err err;
	int ret = lc_store_check(k->st, k->number[i], &err);

	k->fn(k->ctx, k->number[i], ret < 0 ? &err : NULL);
}

int lc_store_check_all(struct lc_store *st, const char *wanted,
		       void (*fn)(void *ctx, size_t i, const struct lc_err *err), void *ctx,
		       struct lc_err *err)
{
	struct checking k = {.st = st, .fn = fn, .ctx = ctx};
	struct batches b = {.place = check_place, .fn = check_one, .ctx = &k};
	size_t n = 0;

	if (store_load(st, err) < 0 || store_start_pool(st, err) < 0)
		return -1;
	k.number = lc_xalloc(st->n, sizeof(*k.number));
	for (size_t i = 0; i < st->n; i++)
		if (!wanted || wanted[i])
			k.number[n++] = i;
	run_batches(st, &b, n);
	free(k.number);
	return 0;
}

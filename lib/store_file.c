/* store_file: see store_file.h. */
#include "store_file.h"

#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "store_body.h"
#include "store_impl.h"

#define WINDOW ((size_t)8 << 20) /* bytes decoded ahead; one chunk is always taken */
#define AHEAD 16		 /* chunks at the most */

int lc_stored_open(struct lc_stored *f, struct lc_store *st, const struct lc_entry *e,
		   struct lc_pool *pool, struct lc_err *err)
{
	*f = (struct lc_stored){.st = st, .e = e, .pool = pool};
	f->at = lc_xalloc(e->nchunks + 1, sizeof(*f->at));
	for (size_t i = 0; i < e->nchunks; i++) {
		struct lc_err why;
		size_t len;
		if (lc_store_size(st, &e->chunks[i], &len, &why) < 0) {
			lc_stored_release(f);
			return lc_fail(err, why.code, "%.100s: %.300s", e->path, why.text);
		}
		f->at[i + 1] = f->at[i] + len;
	}
	if (f->at[e->nchunks] == e->size)
		return 0;
	lc_stored_release(f);
	return lc_fail(err, LC_DATA, "%.200s: its chunks do not add up to its size", e->path);
}

void lc_stored_release(struct lc_stored *f)
{
	free(f->at);
	free(f->raw);
	memset(f, 0, sizeof(*f));
}

size_t lc_stored_chunk(const struct lc_stored *f, uint64_t at)
{
	size_t lo = 0, hi = f->e->nchunks;

	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;
		if (f->at[mid] <= at)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

struct filling {
	struct lc_stored *f;
	struct lc_err err[AHEAD];
};

static void fill_task(void *ctx, int i)
{
	struct filling *g = ctx;
	const struct lc_stored *f = g->f;
	size_t k = f->first + (size_t)i;

	g->err[i].code = LC_OK;
	lc_store_get(f->st, &f->e->chunks[k], f->raw + (f->at[k] - f->at[f->first]),
		     (size_t)(f->at[k + 1] - f->at[k]), &g->err[i]);
}

/* Move the window to chunk i on, as far as will be wanted. */
static int fill(struct lc_stored *f, size_t i, uint64_t until, struct lc_err *err)
{
	struct filling g = {.f = f};
	size_t n = 1, bytes;

	while (f->pool && n < AHEAD && i + n < f->e->nchunks && f->at[i + n] < until &&
	       f->at[i + n + 1] - f->at[i] <= WINDOW)
		n++;
	bytes = (size_t)(f->at[i + n] - f->at[i]);
	if (bytes > f->room)
		f->raw = lc_xrealloc(f->raw, f->room = bytes, 1);
	f->first = i;
	f->n = 0;
	if (n == 1)
		fill_task(&g, 0);
	else
		lc_pool_run(f->pool, (int)n, fill_task, &g);
	/* what lies behind a damaged chunk may never be asked for */
	while (f->n < n && g.err[f->n].code == LC_OK)
		f->n++;
	return f->n ? 0 : lc_fail(err, g.err[0].code, "%.100s: %.350s", f->e->path, g.err[0].text);
}

int lc_stored_read(struct lc_stored *f, void *buf, size_t len, uint64_t at, struct lc_err *err)
{
	uint64_t until = at + len > f->until ? at + len : f->until;
	char *p = buf;

	while (len > 0) {
		size_t i = lc_stored_chunk(f, at), n;
		if ((i < f->first || i >= f->first + f->n) && fill(f, i, until, err) < 0)
			return -1;
		n = (size_t)(f->at[f->first + f->n] - at);
		n = n < len ? n : len;
		memcpy(p, f->raw + (at - f->at[f->first]), n);
		p += n;
		len -= n;
		at += n;
	}
	return 0;
}

int lc_stored_input(void *ctx, void *buf, size_t len, uint64_t at, struct lc_err *err)
{
	const struct lc_stored *f = ctx;
	char *p = buf;

	if (at > f->e->size || len > f->e->size - at)
		return lc_fail(err, LC_DATA, "%.200s: no such bytes", f->e->path);
	while (len > 0) {
		size_t i = lc_stored_chunk(f, at), skip = (size_t)(at - f->at[i]), n;
		struct cached *c = store_hold(f->st, &f->e->chunks[i], LC_DEPTH_MAX + 1, err);
		if (!c)
			return -1;
		if (skip >= c->len) { /* an index that lies */
			store_let_go(f->st, c);
			return lc_fail(err, LC_DATA, "%.200s: a chunk of another length",
				       f->e->path);
		}
		n = c->len - skip < len ? c->len - skip : len;
		memcpy(p, c->raw + skip, n);
		store_let_go(f->st, c);
		p += n;
		len -= n;
		at += n;
	}
	return 0;
}

static int read_for(void *ctx, void *buf, size_t len, uint64_t at)
{
	struct lc_stored *f = ctx;

	return lc_stored_read(f, buf, len, at, f->err);
}

struct lc_reader lc_stored_reader(struct lc_stored *f)
{
	return (struct lc_reader){read_for, f, f->e->size};
}

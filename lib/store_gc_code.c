/*
 * store_gc_code: snapshots that are predicted from what was dropped, coded anew.
 *
 * The first of them becomes a keyframe, unless there is one near; the others are predicted from the
 * nearest keyframe. Ids of chunks are of their raw bytes, so ids of snapshots stay: only copies of
 * chunks change, in packs of their own, one a snapshot.
 */
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "store_fetch.h"
#include "store_file.h"
#include "store_gc_impl.h"
#include "store_state.h"

static int by_seq(const void *pa, const void *pb)
{
	const struct gc_snapshot *a = pa, *b = pb;

	if (a->s.seq != b->s.seq)
		return a->s.seq < b->s.seq ? -1 : 1;
	return memcmp(&a->s.id, &b->s.id, sizeof(a->s.id));
}

static int is_stale(struct gc *gc, const struct lc_manifest *m)
{
	for (size_t i = 0; i < m->n; i++)
		for (size_t k = 0; k < m->e[i].nchunks; k++)
			if (gc_is_stale(gc, &m->e[i].chunks[k]))
				return 1;
	return 0;
}

/* All that can be read, in the order in which they were saved. */
int gc_snapshots(struct gc *gc, struct gc_snapshot **s, size_t *n, struct lc_err *err)
{
	struct lc_id *ids;
	size_t all;

	if (lc_store_ids(gc->st, &ids, &all, err) < 0)
		return -1;
	*s = lc_xalloc(all, sizeof(**s));
	*n = 0;
	for (size_t i = 0; i < all; i++) {
		struct gc_snapshot *x = &(*s)[*n];
		if (lc_store_read(gc->st, &ids[i], &x->s, NULL) < 0)
			continue;
		x->stale = is_stale(gc, &x->s.m);
		++*n;
	}
	free(ids);
	if (*n)
		qsort(*s, *n, sizeof(**s), by_seq);
	return 0;
}

void gc_snapshots_free(struct gc_snapshot *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		lc_snapshot_release(&s[i].s);
	free(s);
}

/* The keyframe of the run that is nearest to x; of any run, if x says that it came from one. */
static const struct gc_snapshot *nearest(const struct gc_snapshot *s, size_t n,
					 const struct gc_snapshot *x)
{
	int forked = lc_manifest_get_tag(&x->s.m, "parent") != NULL;
	const struct gc_snapshot *best = NULL;
	long least = 0;

	for (size_t i = 0; i < n; i++) {
		int same = strcmp(s[i].s.m.run, x->s.m.run) == 0;
		long far = labs(s[i].s.m.step - x->s.m.step);
		if (&s[i] == x || s[i].s.links > 0 || (s[i].stale && !s[i].done) ||
		    (!same && !forked))
			continue;
		far = same ? far : far / 2 + (1L << 53);
		if (!best || far < least) {
			best = &s[i];
			least = far;
		}
	}
	return best;
}

/* Its files, as inputs that read from the store. */
static int open_files(struct gc *gc, struct lc_manifest *m, struct lc_input **in,
		      struct lc_stored **f, size_t *n, struct lc_err *err)
{
	*in = lc_xalloc(m->n, sizeof(**in));
	*f = lc_xalloc(m->n, sizeof(**f));
	*n = 0;
	for (size_t i = 0; i < m->n; i++) {
		if (m->e[i].kind != LC_FILE || m->e[i].nchunks == 0)
			continue;
		if (lc_stored_open(&(*f)[*n], gc->st, &m->e[i], NULL, err) < 0)
			return -1;
		(*in)[*n] = (struct lc_input){.path = m->e[i].path,
					      .e = &m->e[i],
					      .read = lc_stored_input,
					      .ctx = &(*f)[*n]};
		++*n;
	}
	return 0;
}

struct checking {
	pthread_mutex_t lock;
	struct lc_err err;
};

static void checked(void *ctx, size_t i, const struct lc_err *err)
{
	struct checking *c = ctx;

	(void)i;
	pthread_mutex_lock(&c->lock);
	if (err && !c->err.code)
		c->err = *err;
	pthread_mutex_unlock(&c->lock);
}

/* What takes the place of something that was good is read back first. */
static int check_pack(struct gc *gc, int pack, struct lc_err *err)
{
	struct checking c = {.lock = PTHREAD_MUTEX_INITIALIZER};
	char *wanted = lc_xalloc(gc->st->n, 1);
	int ret;

	for (size_t i = 0; i < gc->st->n; i++)
		wanted[i] = gc->st->at[i].pack == pack;
	ret = lc_store_check_all(gc->st, wanted, checked, &c, err);
	free(wanted);
	return ret == 0 && c.err.code ? lc_fail(err, c.err.code, "%s", c.err.text) : ret;
}

/* The same bytes again, as a gc that was killed had them, are no new pack, but as good as one. */
static int is_known(const struct gc *gc, const char *path)
{
	for (size_t i = 0; i < gc->np; i++)
		if (strcmp(gc->p[i].path, path) == 0)
			return 1;
	return 0;
}

static int keep_pack(struct gc *gc, struct lc_err *err)
{
	int before = gc->st->npacks;
	struct gc_fresh *f;
	uint64_t stored;

	if (lc_store_flush(gc->st, &stored, err) < 0)
		return -1;
	if (gc->st->npacks == before)
		return 0;
	gc->fresh = lc_xrealloc(gc->fresh, gc->nfresh + 1, sizeof(*gc->fresh));
	f = &gc->fresh[gc->nfresh++];
	f->path = lc_path("%s", gc->st->packs[before]);
	f->ours = !is_known(gc, f->path);
	return check_pack(gc, before, err);
}

static int recode_one(struct gc *gc, const struct gc_snapshot *s, size_t n, struct gc_snapshot *x,
		      struct lc_err *err)
{
	const struct gc_snapshot *base = nearest(s, n, x);
	struct lc_state state = {.anew = 1,
				 .base = base ? &base->s.m : NULL,
				 .progress = gc->g->progress,
				 .ctx = gc->g->ctx};
	struct lc_input *in = NULL;
	struct lc_stored *f = NULL;
	int ret = open_files(gc, &x->s.m, &in, &f, &state.n, err);

	state.in = in;
	if (ret == 0)
		ret = lc_store_put_state(gc->st, &state, err);
	if (ret == 0)
		ret = keep_pack(gc, err);
	for (size_t i = 0; i < state.n; i++)
		lc_stored_release(&f[i]);
	free(in);
	free(f);
	x->done = ret == 0;
	x->s.links = state.base_used ? base->s.links + 1 : 0;
	if (state.base_used)
		x->s.base = base->s.id;
	return ret;
}

int gc_recode(struct gc *gc, struct gc_snapshot *s, size_t n, struct lc_err *err)
{
	for (size_t i = 0; i < n; i++)
		if (s[i].stale && recode_one(gc, s, n, &s[i], err) < 0)
			return -1;
	return 0;
}

int gc_note(struct gc *gc, const struct gc_snapshot *s, size_t n, struct lc_err *err)
{
	for (size_t i = 0; i < n; i++)
		if (s[i].done && lc_store_note(gc->st, &s[i].s, err) < 0)
			return -1;
	return 0;
}

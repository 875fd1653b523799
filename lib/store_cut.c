/* store_cut: see store_cut.h. */
#include "store_cut.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"

int cut_read(const struct cut_file *f, void *buf, size_t len, uint64_t at, struct lc_err *err)
{
	int fd = open(f->in->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), ret = 0;
	char *p = buf;

	if (fd < 0)
		return lc_fail_sys(err, "open %s", f->in->path);
	while (len > 0 && ret == 0) {
		ssize_t n = pread(fd, p, len, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			ret = lc_fail_sys(err, "read %s", f->in->path);
		else if (n == 0)
			ret = lc_fail(err, LC_DATA, "%s: changed while it was read", f->in->path);
		else {
			p += n;
			len -= (size_t)n;
			at += (uint64_t)n;
		}
	}
	close(fd);
	return ret;
}

static int read_disk(void *ctx, void *buf, size_t len, uint64_t at)
{
	return cut_read(ctx, buf, len, at, NULL);
}

struct stored { /* a file of the base, to read its header from */
	struct lc_store *st;
	const struct older *o;
};

static size_t chunk_at(const struct older *o, uint64_t at)
{
	size_t lo = 0, hi = o->e->nchunks;

	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;
		if (o->at[mid] <= at)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

static int read_stored(void *ctx, void *buf, size_t len, uint64_t at)
{
	const struct stored *s = ctx;
	const struct older *o = s->o;
	char *p = buf;

	while (len > 0) {
		size_t i = chunk_at(o, at), size = (size_t)(o->at[i + 1] - o->at[i]);
		size_t skip = (size_t)(at - o->at[i]), n = size - skip < len ? size - skip : len;
		char *raw = malloc(size);
		int ret = raw ? lc_store_get(s->st, &o->e->chunks[i], raw, size, NULL) : -1;
		if (ret == 0)
			memcpy(p, raw + skip, n);
		free(raw);
		if (ret < 0)
			return -1;
		p += n;
		len -= n;
		at += n;
	}
	return 0;
}

static void older_release(struct older *o)
{
	free(o->at);
	lc_spans_release(&o->spans);
	memset(o, 0, sizeof(*o));
}

/* The file that path goes on from, in the base. A base that is damaged is as good as none. */
static void find_older(struct older *o, struct lc_store *st, const struct lc_manifest *base,
		       const char *path)
{
	struct stored s = {st, o};
	struct lc_reader r = {read_stored, &s, 0};

	o->e = lc_pair_older(base, path);
	if (!o->e || o->e->nchunks == 0)
		return;
	o->at = lc_xalloc(o->e->nchunks + 1, sizeof(*o->at));
	for (size_t i = 0; i < o->e->nchunks; i++) {
		size_t len;
		if (lc_store_size(st, &o->e->chunks[i], &len, NULL) < 0) {
			older_release(o);
			return;
		}
		o->at[i + 1] = o->at[i] + len;
	}
	r.size = o->at[o->e->nchunks];
	lc_spans_find(&r, &o->spans);
}

static struct piece *add(struct cut *c, size_t file, uint64_t at, uint64_t len)
{
	struct piece *p;

	if ((c->n & (c->n - 1)) == 0)
		c->p = lc_xrealloc(c->p, c->n ? 2 * c->n : 1, sizeof(*c->p));
	p = &c->p[c->n++];
	memset(p, 0, sizeof(*p));
	p->file = (uint32_t)file;
	p->span = -1;
	p->at = at;
	p->len = (uint32_t)len;
	for (int k = 0; k < LC_NEARS; k++)
		p->near[k] = NONE;
	c->f[file].n++;
	return p;
}

static void add_bytes(struct cut *c, size_t file, uint64_t at, uint64_t end)
{
	for (; at < end; at += LC_CHUNK)
		add(c, file, at, end - at < LC_CHUNK ? end - at : LC_CHUNK);
}

static void cut_file(struct cut *c, size_t file)
{
	struct cut_file *f = &c->f[file];
	uint64_t done = 0;

	f->first = c->n;
	for (size_t i = 0; i < f->spans.n; i++) {
		const struct lc_span *s = &f->spans.s[i];
		uint64_t piece = PIECE_ELEMENTS * (lc_dtype_bits(s->type) / 8),
			 end = s->at + s->bytes;
		if (s->bytes < OWN_BYTES)
			continue;
		add_bytes(c, file, done, s->at);
		for (uint64_t at = s->at; at < end; at += piece)
			add(c, file, at, end - at < piece ? end - at : piece)->span = (int32_t)i;
		done = end;
	}
	add_bytes(c, file, done, f->in->e->size);
}

/* The pieces of paired tensors stand at the same elements. */
static void relate_all(struct cut *c)
{
	struct lc_paired *t = lc_xalloc(c->n, sizeof(*t));
	size_t *first = lc_xalloc(c->n, sizeof(*first)), n = 0;

	for (size_t i = 0; i < c->n; i++) {
		const struct piece *p = &c->p[i];
		const struct lc_span *s = p->span < 0 ? NULL : &c->f[p->file].spans.s[p->span];
		if (!s || (n && t[n - 1].s == s))
			continue;
		t[n] = (struct lc_paired){.s = s, .file = p->file};
		first[n++] = i;
	}
	lc_pair_tensors(t, n);
	for (size_t i = 0; i < n; i++)
		for (size_t p = first[i]; p < c->n && c->p[p].span >= 0 &&
					  &c->f[c->p[p].file].spans.s[c->p[p].span] == t[i].s;
		     p++) {
			c->p[p].part = t[i].part;
			c->p[p].pass = t[i].pass;
			for (int k = 0; k < LC_NEARS; k++)
				if (t[i].near[k] != LC_ALONE)
					c->p[p].near[k] = first[t[i].near[k]] + (p - first[i]);
		}
	free(first);
	free(t);
}

/* Now, and then. */
static void see_together(struct cut *c)
{
	struct lc_spans **of = lc_xalloc(c->nfiles, sizeof(*of));

	for (size_t i = 0; i < c->nfiles; i++)
		of[i] = &c->f[i].spans;
	lc_spans_together(of, c->nfiles);
	for (size_t i = 0; i < c->nfiles; i++)
		of[i] = &c->f[i].old.spans;
	lc_spans_together(of, c->nfiles);
	free(of);
}

void cut_state(struct cut *c, struct lc_store *st, const struct lc_state *s)
{
	memset(c, 0, sizeof(*c));
	c->f = lc_xalloc(s->n, sizeof(*c->f));
	c->nfiles = s->n;
	for (size_t i = 0; i < s->n; i++) {
		struct cut_file *f = &c->f[i];
		struct lc_reader r = {read_disk, f, s->in[i].e->size};
		f->in = &s->in[i];
		lc_spans_find(&r, &f->spans);
		if (f->spans.n || f->spans.llmc.arrays)
			find_older(&f->old, st, s->base, f->in->e->path);
	}
	see_together(c);
	for (size_t i = 0; i < s->n; i++)
		cut_file(c, i);
	relate_all(c);
}

void cut_release(struct cut *c)
{
	for (size_t i = 0; i < c->nfiles; i++) {
		lc_spans_release(&c->f[i].spans);
		older_release(&c->f[i].old);
	}
	free(c->f);
	free(c->p);
}

const struct lc_id *cut_older(const struct cut *c, const struct piece *p, uint32_t *at)
{
	const struct cut_file *f = &c->f[p->file];
	const struct older *o = &f->old;
	const struct lc_span *now, *then;
	uint64_t from;
	size_t i;

	if (p->span < 0 || !o->e || !o->at)
		return NULL;
	now = &f->spans.s[p->span];
	then = lc_spans_get(&o->spans, now->name);
	if (!then || then->type != now->type || then->bytes != now->bytes)
		return NULL;
	from = then->at + (p->at - now->at);
	i = chunk_at(o, from);
	if (from + p->len > o->at[i + 1])
		return NULL;
	*at = (uint32_t)(from - o->at[i]);
	return &o->e->chunks[i];
}

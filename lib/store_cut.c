/* store_cut: see store_cut.h. */
#include "store_cut.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"

#define HOLE (64u << 10) /* bytes that are worth the question whether there are any */
#include "store_impl.h"

static int open_input(const struct cut_file *f)
{
	return open(f->in->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

/* Nothing is read where nothing lies: the page cache would fill with zeros. */
static int in_hole(int fd, size_t len, uint64_t at)
{
	off_t data = len < HOLE ? 0 : lseek(fd, (off_t)at, SEEK_DATA), end;

	if (data >= 0 && (uint64_t)data < at + len)
		return 0;
	end = data < 0 && errno != ENXIO ? -1 : lseek(fd, 0, SEEK_END);
	return end >= 0 && (uint64_t)end >= at + len; /* else it was cut short */
}

int cut_read(const struct cut_file *f, void *buf, size_t len, uint64_t at, struct lc_err *err)
{
	int fd, ret = 0;
	char *p = buf;

	if (f->in->read)
		return f->in->read(f->in->ctx, buf, len, at, err);
	fd = open_input(f);
	if (fd < 0)
		return lc_fail_sys(err, "open %s", f->in->path);
	if (in_hole(fd, len, at)) {
		memset(buf, 0, len);
		len = 0;
	}
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

void cut_read_ahead(const struct cut_file *f, size_t len, uint64_t at)
{
	int fd = f->in->read ? -1 : open_input(f);

	if (fd < 0)
		return;
	if (!in_hole(fd, len, at))
		posix_fadvise(fd, (off_t)at, (off_t)len, POSIX_FADV_WILLNEED);
	close(fd);
}

static int read_input(void *ctx, void *buf, size_t len, uint64_t at)
{
	return cut_read(ctx, buf, len, at, NULL);
}

static void older_release(struct older *o)
{
	lc_stored_release(&o->file);
	lc_spans_release(&o->spans);
	memset(o, 0, sizeof(*o));
}

/* The file that path goes on from, in the base. A base that is damaged is as good as none. */
static void find_older(struct older *o, struct lc_store *st, const struct lc_manifest *base,
		       const char *path)
{
	struct lc_reader r;
	const struct lc_entry *e = lc_pair_older(base, path);

	o->there = e && e->nchunks && lc_stored_open(&o->file, st, e, NULL, NULL) == 0;
	if (!o->there)
		return;
	r = lc_stored_reader(&o->file);
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

/* The tensor that all of a piece is elements of, or -1. */
static int32_t span_of(const struct lc_spans *t, uint64_t at, uint64_t len)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct lc_span *s = &t->s[i];
		unsigned size = lc_dtype_bits(s->type) / 8;
		if (at >= s->at && at + len <= s->at + s->bytes && s->bytes >= OWN_BYTES)
			return (at - s->at) % size || len % size ? -1 : (int32_t)i;
	}
	return -1;
}

/* Where it was cut before: its chunks stay the same ones. */
static int cut_again(struct cut *c, size_t file, struct lc_store *st, struct lc_err *err)
{
	struct cut_file *f = &c->f[file];
	struct lc_stored was;

	if (lc_stored_open(&was, st, f->in->e, NULL, err) < 0)
		return -1;
	for (size_t i = 0; i < f->in->e->nchunks; i++) {
		uint64_t at = was.at[i], len = was.at[i + 1] - at;
		struct piece *p = add(c, file, at, len);
		if (len <= LC_CHUNK) /* else of another writer: the codec takes no more */
			p->span = span_of(&f->spans, at, len);
		p->id = f->in->e->chunks[i];
	}
	lc_stored_release(&was);
	return 0;
}

static void cut_file(struct cut *c, size_t file)
{
	struct cut_file *f = &c->f[file];
	uint64_t done = 0;

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

/* Do two pieces stand at the same elements of their tensors? */
static int same_elements(const struct cut *c, const struct piece *a, const struct piece *b)
{
	const struct lc_span *s = &c->f[a->file].spans.s[a->span],
			     *t = &c->f[b->file].spans.s[b->span];
	uint64_t sa = lc_dtype_bits(s->type) / 8, sb = lc_dtype_bits(t->type) / 8;

	return (a->at - s->at) / sa == (b->at - t->at) / sb && a->len / sa == b->len / sb;
}

/* The piece of the tensor whose first is `first` that stands where p does; NONE. */
static size_t find_same(const struct cut *c, const struct piece *p, size_t first, size_t skip)
{
	size_t i = first + skip;

	if (i >= c->n || c->p[i].span != c->p[first].span || c->p[i].file != c->p[first].file)
		return NONE;
	return same_elements(c, p, &c->p[i]) ? i : NONE;
}

static int same_span(const struct piece *a, const struct piece *b)
{
	return a->span >= 0 && a->span == b->span && a->file == b->file;
}

/* The pieces of paired tensors stand at the same elements. */
static void relate_all(struct cut *c)
{
	struct lc_paired *t = lc_xalloc(c->n, sizeof(*t));
	size_t *first = lc_xalloc(c->n, sizeof(*first)), n = 0;

	for (size_t i = 0; i < c->n; i++) {
		const struct piece *p = &c->p[i];
		if (p->span < 0 || (i && same_span(p - 1, p)))
			continue;
		t[n] = (struct lc_paired){.s = &c->f[p->file].spans.s[p->span],
					  .file = p->file,
					  .ordered = c->f[p->file].spans.ordered};
		first[n++] = i;
	}
	lc_pair_tensors(t, n);
	for (size_t i = 0; i < n; i++)
		for (size_t p = first[i]; p < c->n && same_span(&c->p[first[i]], &c->p[p]); p++) {
			c->p[p].part = t[i].part;
			c->p[p].pass = t[i].pass;
			for (int k = 0; k < LC_NEARS; k++)
				if (t[i].near[k] != LC_ALONE)
					c->p[p].near[k] = find_same(
						c, &c->p[p], first[t[i].near[k]], p - first[i]);
		}
	free(first);
	free(t);
}

/* Now, and then. */
static void see_together(struct cut *c)
{
	struct lc_spans **of = lc_xalloc(c->nfiles, sizeof(*of));
	const char **path = lc_xalloc(c->nfiles, sizeof(*path));

	for (int old = 0; old < 2; old++) {
		for (size_t i = 0; i < c->nfiles; i++) {
			of[i] = old ? &c->f[i].old.spans : &c->f[i].spans;
			path[i] = c->f[i].in->e->path;
		}
		lc_spans_together(of, path, c->nfiles);
	}
	free(path);
	free(of);
}

static void look_into(struct cut_file *f, struct lc_store *st, const struct lc_manifest *base)
{
	struct lc_reader r = {read_input, f, f->in->e->size};

	if (f->in->plain)
		return;
	lc_spans_find(&r, &f->spans);
	if (f->spans.n || f->spans.nnames || f->spans.llmc.arrays)
		find_older(&f->old, st, base, f->in->e->path);
}

/* What the caller does not know, a file may say. */
static void take_hyper(const struct cut *c, struct lc_hyper *h)
{
	for (size_t i = 0; i < c->nfiles && !(h->beta1 > 0); i++)
		if (c->f[i].spans.hyper.beta1 > 0)
			*h = c->f[i].spans.hyper;
}

int cut_state(struct cut *c, struct lc_store *st, struct lc_state *s, struct lc_err *err)
{
	int ret = 0;

	memset(c, 0, sizeof(*c));
	c->f = lc_xalloc(s->n, sizeof(*c->f));
	c->nfiles = s->n;
	for (size_t i = 0; i < s->n; i++) {
		c->f[i].in = &s->in[i];
		look_into(&c->f[i], st, s->base);
	}
	see_together(c);
	take_hyper(c, &s->hyper);
	for (size_t i = 0; i < s->n && ret == 0; i++) {
		c->f[i].first = c->n;
		if (s->anew)
			ret = cut_again(c, i, st, err);
		else
			cut_file(c, i);
	}
	if (ret < 0) {
		cut_release(c);
		return -1;
	}
	relate_all(c);
	group_all(c);
	return 0;
}

void cut_release(struct cut *c)
{
	for (size_t i = 0; i < c->nfiles; i++) {
		lc_spans_release(&c->f[i].spans);
		older_release(&c->f[i].old);
	}
	free(c->f);
	free(c->p);
	free(c->order);
	free(c->group);
	memset(c, 0, sizeof(*c));
}

const struct lc_id *cut_older(const struct cut *c, const struct piece *p, uint32_t *at)
{
	const struct cut_file *f = &c->f[p->file];
	const struct older *o = &f->old;
	const struct lc_span *now, *then;
	uint64_t from;
	size_t i;

	if (p->span < 0 || !o->there)
		return NULL;
	now = &f->spans.s[p->span];
	then = lc_spans_get(&o->spans, now->name);
	if (!then || then->type != now->type || then->bytes != now->bytes)
		return NULL;
	from = then->at + (p->at - now->at);
	i = lc_stored_chunk(&o->file, from);
	if (from + p->len > o->file.at[i + 1])
		return NULL;
	*at = (uint32_t)(from - o->file.at[i]);
	return &o->file.e->chunks[i];
}

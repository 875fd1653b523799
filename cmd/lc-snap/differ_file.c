/* differ_file: what differs in two files of one path. See differ.h. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "differ.h"
#include "io.h"

#define BLOCK ((size_t)1 << 20) /* bytes compared at once */

static int read_disk(void *ctx, void *buf, size_t len, uint64_t at)
{
	struct half *h = ctx;
	char *p = buf;

	while (len > 0) {
		ssize_t n = pread(h->fd, p, len, (off_t)at);
		if (n < 0)
			return lc_fail_sys(h->err, "read %s", h->path);
		if (n == 0)
			return lc_fail(h->err, LC_DATA, "%s: changed while it was read", h->path);
		p += n;
		len -= (size_t)n;
		at += (uint64_t)n;
	}
	return 0;
}

int half_read(struct half *h, void *buf, size_t len, uint64_t at, struct lc_err *err)
{
	h->err = err;
	return h->fd >= 0 ? read_disk(h, buf, len, at) : lc_stored_read(&h->f, buf, len, at, err);
}

int half_open(struct half *h, const struct side *s, size_t i, struct lc_pool *pool,
	      struct lc_err *err)
{
	struct lc_reader r;

	*h = (struct half){.e = &s->snap.m.e[i], .fd = -1, .err = err};
	if (s->on_disk) {
		h->path = tree_path(&s->tree, i);
		h->fd = open(h->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		if (h->fd < 0)
			return lc_fail_sys(err, "open %s", h->path);
		r = (struct lc_reader){read_disk, h, h->e->size};
	} else {
		if (lc_stored_open(&h->f, s->st, h->e, pool, err) < 0)
			return -1;
		r = lc_stored_reader(&h->f);
	}
	err->code = LC_OK;
	h->f.err = err;
	lc_spans_find(&r, &h->spans);
	return err->code == LC_OK ? 0 : -1;
}

void half_release(struct half *h)
{
	if (h->fd >= 0)
		close(h->fd);
	free(h->path);
	lc_stored_release(&h->f);
	lc_spans_release(&h->spans);
}

/* Are len bytes at these places known to be equal, since they are the same parts of chunks? */
static int known_equal(const struct half h[2], const uint64_t at[2], uint64_t len)
{
	uint64_t a = at[0], b = at[1], end = a + len;

	if (h[0].fd >= 0 || h[1].fd >= 0)
		return 0;
	while (a < end) {
		size_t i = lc_stored_chunk(&h[0].f, a), j = lc_stored_chunk(&h[1].f, b);
		uint64_t left = h[0].f.at[i + 1] - a;
		if (memcmp(&h[0].e->chunks[i], &h[1].e->chunks[j], sizeof(struct lc_id)) != 0 ||
		    left != h[1].f.at[j + 1] - b)
			return 0;
		a += left;
		b += left;
	}
	return 1;
}

struct buffers {
	void *b[2];
};

static int compare_tensor(struct differ *d, struct file_fate *f, struct fate *t,
			  const struct buffers *buf, struct lc_err *err)
{
	unsigned size = lc_dtype_bits(t->a->type) / 8;
	uint64_t at[2] = {t->a->at, t->b->at};

	lc_apart_init(&t->apart, t->a->type);
	for (uint64_t done = 0, n; done < t->a->bytes; done += n) {
		n = t->a->bytes - done < BLOCK ? t->a->bytes - done : BLOCK;
		for (int k = 0; k < 2; k++) {
			f->half[k].f.until = at[k] + t->a->bytes;
			if (half_read(&f->half[k], buf->b[k], (size_t)n, at[k] + done, err) < 0)
				return -1;
		}
		lc_apart_add(&t->apart, buf->b[0], buf->b[1], (size_t)n / size);
		d->done += n;
		progress(d->o, d->done, d->total);
	}
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(const struct lc_span *const *)a)->name,
		      (*(const struct lc_span *const *)b)->name);
}

/* The spans by name; the caller's. */
static const struct lc_span **index_of(const struct lc_spans *s)
{
	const struct lc_span **x = lc_xalloc(s->n, sizeof(*x));

	for (size_t i = 0; i < s->n; i++)
		x[i] = &s->s[i];
	if (s->n)
		qsort(x, s->n, sizeof(*x), by_name);
	return x;
}

static const struct lc_span *look_up(const struct lc_span **x, size_t n, const struct lc_span *s)
{
	const struct lc_span **found = n ? bsearch(&s, x, n, sizeof(*x), by_name) : NULL;

	return found ? *found : NULL;
}

static int same_shape(const struct lc_span *a, const struct lc_span *b)
{
	return a->type == b->type && a->dims == b->dims && a->bytes == b->bytes &&
	       (a->dims == 0 ||
		memcmp(a->shape, b->shape, (size_t)a->dims * sizeof(*a->shape)) == 0);
}

/* A tensor that both have. */
static int meet(struct differ *d, struct file_fate *f, const struct lc_span *a,
		const struct lc_span *b, const struct buffers *buf, struct lc_err *err)
{
	uint64_t at[2] = {a->at, b->at};
	struct fate *t = &f->t[f->n];

	*t = (struct fate){.a = a, .b = b};
	if (!same_shape(a, b)) {
		f->n++;
		f->bytes += a->bytes > b->bytes ? a->bytes : b->bytes;
		return 0;
	}
	if (known_equal(f->half, at, a->bytes)) {
		d->done += a->bytes;
		return 0;
	}
	if (compare_tensor(d, f, t, buf, err) < 0)
		return -1;
	f->bytes += t->apart.bytes;
	f->n += t->apart.changed > 0;
	return 0;
}

static int find_tensors(struct differ *d, struct file_fate *f, const struct buffers *buf,
			struct lc_err *err)
{
	const struct lc_spans *a = &f->half[0].spans, *b = &f->half[1].spans;
	const struct lc_span **ia = index_of(a), **ib = index_of(b);
	int ret = 0;

	f->t = lc_xalloc(a->n + b->n, sizeof(*f->t));
	for (size_t i = 0; i < a->n && ret == 0; i++) {
		const struct lc_span *s = look_up(ib, b->n, &a->s[i]);
		if (s)
			ret = meet(d, f, &a->s[i], s, buf, err);
		else
			f->t[f->n++] = (struct fate){.a = &a->s[i]};
		f->bytes += s ? 0 : a->s[i].bytes;
	}
	for (size_t i = 0; i < b->n && ret == 0; i++)
		if (!look_up(ia, a->n, &b->s[i])) {
			f->t[f->n++] = (struct fate){.b = &b->s[i]};
			f->bytes += b->s[i].bytes;
		}
	free(ia);
	free(ib);
	return ret;
}

struct gaps { /* what is in no tensor, from the start of a file to its end */
	const struct lc_spans *s;
	size_t next;
	uint64_t at, size;
};

/* How many bytes lie at g->at before the next tensor; 0 at the end. */
static uint64_t gap_left(struct gaps *g)
{
	while (g->next < g->s->n && g->s->s[g->next].at == g->at) {
		g->at += g->s->s[g->next].bytes;
		g->next++;
	}
	return (g->next < g->s->n ? g->s->s[g->next].at : g->size) - g->at;
}

static int compare_rest(struct differ *d, struct file_fate *f, const struct buffers *buf,
			struct lc_err *err)
{
	struct gaps g[2];
	uint64_t left[2], n;

	for (int k = 0; k < 2; k++)
		g[k] = (struct gaps){&f->half[k].spans, 0, 0, f->half[k].e->size};
	lc_apart_init(&f->rest, LC_BYTES);
	while ((left[0] = gap_left(&g[0])) && (left[1] = gap_left(&g[1]))) {
		uint64_t at[2] = {g[0].at, g[1].at};
		n = left[0] < left[1] ? left[0] : left[1];
		n = n < BLOCK ? n : BLOCK;
		for (int k = 0; k < 2; k++) {
			f->half[k].f.until = at[k] + left[k];
			g[k].at += n;
		}
		d->done += n;
		progress(d->o, d->done, d->total);
		if (known_equal(f->half, at, n))
			continue;
		for (int k = 0; k < 2; k++)
			if (half_read(&f->half[k], buf->b[k], (size_t)n, at[k], err) < 0)
				return -1;
		lc_apart_add(&f->rest, buf->b[0], buf->b[1], (size_t)n);
	}
	for (int k = 0; k < 2; k++)
		for (; (n = gap_left(&g[k])); g[k].at += n)
			f->longer += n;
	f->bytes += f->rest.bytes + f->longer;
	return 0;
}

int file_fate_find(struct differ *d, size_t i, size_t j, struct file_fate *f, struct lc_err *err)
{
	struct buffers buf = {{lc_xalloc(BLOCK, 1), lc_xalloc(BLOCK, 1)}};
	int ret;

	memset(f, 0, sizeof(*f));
	f->half[0].fd = f->half[1].fd = -1;
	ret = half_open(&f->half[0], &d->side[0], i, d->pool, err);
	if (ret == 0)
		ret = half_open(&f->half[1], &d->side[1], j, d->pool, err);
	if (ret == 0)
		ret = find_tensors(d, f, &buf, err);
	if (ret == 0)
		ret = compare_rest(d, f, &buf, err);
	free(buf.b[0]);
	free(buf.b[1]);
	return ret;
}

void file_fate_release(struct file_fate *f)
{
	for (int k = 0; k < 2; k++)
		half_release(&f->half[k]);
	free(f->t);
}

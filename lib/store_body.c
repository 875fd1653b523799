/* store_body: see store_body.h. Little-endian. */
#include "store_body.h"

#include <stdlib.h>
#include <string.h>

#include "codec_impl.h"
#include "io.h"

/*
 * A body: references (4 bytes), segments (4), the ids. A segment: its raw bytes (4), its coded
 * bytes (4), its kind (1: 0 bytes, 1 a run), its sources (1), zero (2); a source: the number of the
 * reference (4), where in it (4); then the coded bytes.
 */
#define SEGMENT LC_BODY_SEGMENT
#define SOURCE 8
#define SEGMENTS_MAX 65536

size_t lc_body_bound(size_t raw, size_t segments)
{
	size_t each = SEGMENT + LC_SOURCES * (SOURCE + 32) + lc_run_bound(1);

	/* lc_run_bound is linear but for its first terms, and steeper the narrower elements are */
	return LC_BODY_HEAD + lc_run_bound(raw / 2) + 64 * (raw / LC_BLOCK) + segments * each;
}

void lc_body_init(struct lc_body *b, unsigned char *out)
{
	memset(b, 0, sizeof(*b));
	b->out = out;
	b->head = LC_BODY_HEAD;
}

static unsigned char *segment(struct lc_body *b, size_t raw, int kind, int sources)
{
	unsigned char *p;

	if (b->segments == 0) /* the only one, mostly: then nothing has to be moved in the end */
		b->head = LC_BODY_HEAD + 32 * (size_t)sources;
	p = b->out + b->head + b->len;
	put_u32(p, (uint32_t)raw);
	p[8] = (unsigned char)kind;
	p[9] = (unsigned char)sources;
	p[10] = p[11] = 0;
	b->segments++;
	return p;
}

void lc_body_bytes(struct lc_body *b, struct lc_work *w, const void *x, size_t len)
{
	unsigned char *p = segment(b, len, 0, 0);
	size_t n = lc_bytes_encode(w, x, len, p + SEGMENT);

	put_u32(p + 4, (uint32_t)n);
	b->len += SEGMENT + n;
}

static uint32_t reference(struct lc_body *b, const struct lc_id *id)
{
	for (unsigned i = 0; i < b->nrefs; i++)
		if (memcmp(&b->refs[i], id, sizeof(*id)) == 0)
			return i;
	b->refs = lc_xrealloc(b->refs, b->nrefs + 1, sizeof(*b->refs));
	b->refs[b->nrefs] = *id;
	return b->nrefs++;
}

void lc_body_run(struct lc_body *b, struct lc_work *w, const struct lc_model *m, const void *x,
		 size_t n, const struct lc_source *source, const void *const *src)
{
	int sources = lc_pred_sources(m->pred);
	unsigned char *p = segment(b, n * lc_dtype_bits(m->type) / 8, 1, sources), *q = p + SEGMENT;
	size_t len;

	for (int i = 0; i < sources; i++, q += SOURCE) {
		put_u32(q, reference(b, &source[i].id));
		put_u32(q + 4, source[i].at);
	}
	len = lc_run_encode(w, m, x, n, src, q);
	put_u32(p + 4, (uint32_t)len);
	b->len += (size_t)(q - p) + len;
}

size_t lc_body_done(struct lc_body *b)
{
	size_t head = LC_BODY_HEAD + 32 * (size_t)b->nrefs;

	if (head != b->head)
		memmove(b->out + head, b->out + b->head, b->len);
	put_u32(b->out, b->nrefs);
	put_u32(b->out + 4, b->segments);
	if (b->nrefs)
		memcpy(b->out + LC_BODY_HEAD, b->refs, 32 * (size_t)b->nrefs);
	free(b->refs);
	return head + b->len;
}

const unsigned char *lc_body_refs(const void *body, size_t len, size_t *n)
{
	const unsigned char *p = body;

	if (len < LC_BODY_HEAD || get_u32(p) > LC_REFS_MAX ||
	    (len - LC_BODY_HEAD) / 32 < get_u32(p) || get_u32(p + 4) > SEGMENTS_MAX)
		return NULL;
	*n = get_u32(p);
	return p + LC_BODY_HEAD;
}

int lc_body_fits(const void *body, size_t have, size_t len, size_t raw)
{
	const unsigned char *p = body;
	size_t n, at, got = 0;

	if (have < LC_BODY_HEAD || !lc_body_refs(body, len, &n))
		return 0;
	at = LC_BODY_HEAD + 32 * n;
	for (uint32_t left = get_u32(p + 4); left > 0; left--) {
		if (len - at < SEGMENT)
			return 0;
		if (have < at + SEGMENT)
			return -1;
		got += get_u32(p + at);
		at += SEGMENT + (size_t)SOURCE * p[at + 9] + get_u32(p + at + 4);
		if (at > len || got > raw)
			return 0;
	}
	return at == len && got == raw;
}

struct decoding {
	struct lc_work *w;
	const void *const *ref;
	const size_t *reflen;
	size_t nrefs;
	unsigned char *raw;
	size_t rawlen, at; /* decoded so far */
	struct lc_err *err;
};

static int bad(struct decoding *d)
{
	return lc_fail(d->err, LC_DATA, "damaged: a coded chunk is malformed");
}

/* Where source i of a run of n elements lies: inside of its reference. */
static int find_sources(struct decoding *d, const unsigned char *p, const struct lc_model *m,
			size_t n, const void **src)
{
	for (int i = 0; i < lc_pred_sources(m->pred); i++, p += SOURCE) {
		uint32_t ref = get_u32(p), at = get_u32(p + 4);
		if (ref >= d->nrefs || at > d->reflen[ref] ||
		    (d->reflen[ref] - at) / lc_source_bytes(m) < n)
			return bad(d);
		src[i] = (const unsigned char *)d->ref[ref] + at;
	}
	return 0;
}

static int decode_run(struct decoding *d, const unsigned char *p, size_t raw, size_t coded)
{
	const unsigned char *in = p + SEGMENT + SOURCE * p[9];
	size_t size = (size_t)lc_run_width(in, coded);
	const void *src[LC_SOURCES] = {NULL};
	struct lc_model m;

	if (size == 0 || raw % size || lc_run_model(in, coded, raw / size, &m, d->err) < 0)
		return bad(d);
	if (lc_pred_sources(m.pred) != p[9] ||
	    find_sources(d, p + SEGMENT, &m, raw / size, src) < 0)
		return bad(d);
	return lc_run_decode(d->w, in, coded, src, d->raw + d->at, raw / size, d->err);
}

/* One segment of the len bytes at p; what it took, or 0. */
static size_t decode_segment(struct decoding *d, const unsigned char *p, size_t len)
{
	size_t raw, coded, head;
	int ret;

	if (len < SEGMENT || (head = SEGMENT + (size_t)SOURCE * p[9]) > len)
		return 0;
	raw = get_u32(p);
	coded = get_u32(p + 4);
	if (raw == 0 || raw > d->rawlen - d->at || coded > len - head || p[8] > 1 ||
	    (p[8] == 0 && p[9] > 0))
		return 0;
	ret = p[8] == 0 ? lc_bytes_decode(d->w, p + head, coded, d->raw + d->at, raw, d->err)
			: decode_run(d, p, raw, coded);
	d->at += raw;
	return ret < 0 ? 0 : head + coded;
}

int lc_body_decode(const void *body, size_t len, struct lc_work *w, const void *const *ref,
		   const size_t *reflen, void *raw, size_t rawlen, struct lc_err *err)
{
	struct decoding d = {
		.w = w, .ref = ref, .reflen = reflen, .raw = raw, .rawlen = rawlen, .err = err};
	const unsigned char *p = lc_body_refs(body, len, &d.nrefs),
			    *end = (const unsigned char *)body + len;
	uint32_t segments;

	if (!p)
		return bad(&d);
	segments = get_u32((const unsigned char *)body + 4);
	p += 32 * d.nrefs;
	for (uint32_t i = 0; i < segments; i++) {
		size_t used = decode_segment(&d, p, (size_t)(end - p));
		if (used == 0)
			return bad(&d);
		p += used;
	}
	return p == end && d.at == rawlen ? 0 : bad(&d);
}

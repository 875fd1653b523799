/* tensor: see tensor.h. */
#include "tensor.h"

#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "tensor_impl.h"

#define HEADER_MAX (16 << 20) /* bytes of a safetensors header that are read */
#define NPY_MAX 4096	      /* bytes of an npy header: 128 of most; a zip may have very many */
#define SPANS_MAX (1u << 19)

void lc_spans_release(struct lc_spans *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->s[i].name);
	for (size_t i = 0; i < s->nnames; i++) {
		free(s->names[i].file);
		free(s->names[i].name);
	}
	free(s->names);
	free(s->s);
	free(s->named);
	memset(s, 0, sizeof(*s));
}

const struct lc_span *lc_spans_get(const struct lc_spans *s, const char *name)
{
	size_t lo = 0, hi = s->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = strcmp(s->s[s->named[mid]].name, name);
		if (c == 0)
			return &s->s[s->named[mid]];
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

uint64_t spans_little(const unsigned char *p, int bytes)
{
	uint64_t x = 0;

	for (int i = 0; i < bytes; i++)
		x |= (uint64_t)p[i] << 8 * i;
	return x;
}

void spans_add(struct lc_spans *found, const struct lc_reader *r, struct lc_span *s, char *name)
{
	uint64_t bytes = lc_dtype_bits(s->type) / 8;

	s->name = name;
	s->order = (uint32_t)found->n;
	for (int d = 0; d < s->dims; d++)
		if (__builtin_mul_overflow(bytes, s->shape[d], &bytes))
			bytes = 0;
	if (bytes == 0 || bytes != s->bytes || s->at > r->size || bytes > r->size - s->at ||
	    found->n == SPANS_MAX) {
		free(name);
		return;
	}
	if ((found->n & (found->n - 1)) == 0)
		found->s = lc_xrealloc(found->s, found->n ? 2 * found->n : 1, sizeof(*found->s));
	found->s[found->n++] = *s;
}

/* Of two at one place the larger, then the one that was named first, comes first. */
static int by_place(const void *pa, const void *pb)
{
	const struct lc_span *a = pa, *b = pb;

	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	if (a->bytes != b->bytes)
		return a->bytes > b->bytes ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

void spans_settle(struct lc_spans *found)
{
	size_t n = 0;

	if (found->n)
		qsort(found->s, found->n, sizeof(*found->s), by_place);
	for (size_t i = 0; i < found->n; i++) {
		if (n && found->s[i].at < found->s[n - 1].at + found->s[n - 1].bytes)
			free(found->s[i].name);
		else
			found->s[n++] = found->s[i];
	}
	found->n = n;
}

struct named {
	const char *name;
	size_t i;
};

static int by_name(const void *pa, const void *pb)
{
	const struct named *a = pa, *b = pb;
	int c = strcmp(a->name, b->name);

	return c ? c : a->i < b->i ? -1 : a->i > b->i;
}

void spans_index(struct lc_spans *found)
{
	struct named *of = lc_xalloc(found->n, sizeof(*of));

	free(found->named);
	found->named = lc_xalloc(found->n, sizeof(*found->named));
	for (size_t i = 0; i < found->n; i++)
		of[i] = (struct named){found->s[i].name, i};
	qsort(of, found->n, sizeof(*of), by_name);
	for (size_t i = 0; i < found->n; i++)
		found->named[i] = of[i].i;
	free(of);
}

static enum lc_dtype dtype_of(const char *word)
{
	static const struct {
		const char *word;
		enum lc_dtype type;
	} known[] = {
		{"F32", LC_F32}, {"BF16", LC_BF16}, {"F16", LC_F16}, {"I32", LC_I32},
		{"U32", LC_I32}, {"I16", LC_I16},   {"U16", LC_I16}, /* safetensors */
		{"<f4", LC_F32}, {"<f2", LC_F16},   {"<i4", LC_I32}, {"<u4", LC_I32},
		{"<i2", LC_I16}, {"<u2", LC_I16}, /* npy */
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (strcmp(known[i].word, word) == 0)
			return known[i].type;
	return LC_BYTES;
}

static int number(const json_t *v, uint64_t *x)
{
	if (!json_is_integer(v) || json_integer_value(v) < 0)
		return -1;
	*x = (uint64_t)json_integer_value(v);
	return 0;
}

static int header_entry(const json_t *e, uint64_t data, struct lc_span *s)
{
	const json_t *shape = json_object_get(e, "shape"),
		     *off = json_object_get(e, "data_offsets");
	const char *dtype = json_string_value(json_object_get(e, "dtype"));
	uint64_t from, to;

	memset(s, 0, sizeof(*s));
	if (!dtype || !json_is_array(shape) || json_array_size(shape) > LC_SPAN_DIMS ||
	    json_array_size(off) != 2 || number(json_array_get(off, 0), &from) < 0 ||
	    number(json_array_get(off, 1), &to) < 0 || from > to)
		return -1;
	s->type = dtype_of(dtype);
	s->dims = (int)json_array_size(shape);
	for (int d = 0; d < s->dims; d++)
		if (number(json_array_get(shape, (size_t)d), &s->shape[d]) < 0)
			return -1;
	s->at = data + from;
	s->bytes = to - from;
	return s->type == LC_BYTES ? -1 : 0;
}

static void find_safetensors(const struct lc_reader *r, const unsigned char head[8],
			     struct lc_spans *found)
{
	uint64_t len = spans_little(head, 8);
	const char *name;
	json_t *o, *e;
	char *text;

	if (len < 2 || len > HEADER_MAX || len > r->size - 8)
		return;
	text = lc_xalloc((size_t)len, 1);
	o = r->read(r->ctx, text, (size_t)len, 8) == 0 && text[0] == '{'
		    ? json_loadb(text, (size_t)len, JSON_REJECT_DUPLICATES, NULL)
		    : NULL;
	free(text);
	json_object_foreach(o, name, e) {
		struct lc_span s;
		if (header_entry(e, 8 + len, &s) == 0)
			spans_add(found, r, &s, lc_path("%s", name));
	}
	json_decref(o);
}

/* What follows 'key': in the header of npy, a Python literal of a fixed form. */
static const char *npy_value(const char *text, const char *key)
{
	const char *p = strstr(text, key);

	if (!p)
		return NULL;
	p += strlen(key);
	while (*p == ' ' || *p == ':')
		p++;
	return p;
}

static int npy_shape(const char *p, struct lc_span *s)
{
	if (!p || *p++ != '(')
		return -1;
	while (*p != ')') {
		char *end;
		if (!isdigit((unsigned char)*p) || s->dims == LC_SPAN_DIMS)
			return -1;
		s->shape[s->dims++] = strtoull(p, &end, 10);
		for (p = end; *p == ',' || *p == ' ';)
			p++;
	}
	return 0;
}

/* Columns first is rows first with the shape turned round. */
static int npy_header(const char *text, struct lc_span *s)
{
	const char *descr = npy_value(text, "'descr'"), *order = npy_value(text, "'fortran_order'");
	char word[4] = "";

	if (!descr || *descr != '\'' || !order || npy_shape(npy_value(text, "'shape'"), s) < 0)
		return -1;
	snprintf(word, sizeof(word), "%.3s", descr + 1);
	s->type = descr[1 + strlen(word)] == '\'' ? dtype_of(word) : LC_BYTES;
	if (strncmp(order, "True", 4) == 0)
		for (int i = 0, j = s->dims - 1; i < j; i++, j--) {
			uint64_t x = s->shape[i];
			s->shape[i] = s->shape[j];
			s->shape[j] = x;
		}
	return s->type == LC_BYTES ? -1 : 0;
}

void spans_npy(const struct lc_reader *r, uint64_t at, uint64_t size, const char *name,
	       struct lc_spans *found)
{
	struct lc_span s = {0};
	unsigned char head[12];
	uint64_t len, lead;
	char *text;

	if (size < 12 || r->read(r->ctx, head, 12, at) < 0 || memcmp(head, "\x93NUMPY", 6) != 0)
		return;
	lead = head[6] >= 2 ? 12 : 10;
	len = spans_little(head + 8, (int)lead - 8);
	if (len == 0 || len > NPY_MAX || len > size - lead)
		return;
	text = lc_xalloc((size_t)len + 1, 1);
	if (r->read(r->ctx, text, (size_t)len, at + lead) == 0 && npy_header(text, &s) == 0) {
		s.at = at + lead + len;
		s.bytes = size - lead - len;
		spans_add(found, r, &s, lc_path("%s", name));
	}
	free(text);
}

void lc_spans_find(const struct lc_reader *r, struct lc_spans *found)
{
	unsigned char head[8];
	uint64_t magic;

	memset(found, 0, sizeof(*found));
	if (r->size < 10 || r->read(r->ctx, head, sizeof(head), 0) < 0)
		return;
	magic = spans_little(head, 4);
	if (memcmp(head, "\x93NUMPY", 6) == 0)
		spans_npy(r, 0, r->size, "array", found);
	else if (memcmp(head, "PK\3\4", 4) == 0)
		spans_zip(r, found);
	else if (magic == LLMC_MODEL || magic == LLMC_STATE)
		spans_llmc(r, found);
	else if (head[0] == 0x80 && head[1] <= 5)
		spans_metadata(r, found);
	else
		find_safetensors(r, head, found);
	spans_settle(found);
	spans_index(found);
}

void lc_spans_together(struct lc_spans *const *of, const char *const *path, size_t n)
{
	llmc_together(of, n);
	dcp_together(of, path, n);
}

/* tensor: see tensor.h. */
#include "tensor.h"

#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"

#define HEADER_MAX (16 << 20) /* bytes of a safetensors header that are read */
#define NPY_MAX 65536
#define LLMC_WORDS 256 /* of 32 bits, an llm.c header */
#define LLMC_MODEL 20240326
#define LLMC_STATE 20240527

void lc_spans_release(struct lc_spans *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->s[i].name);
	free(s->s);
	memset(s, 0, sizeof(*s));
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const struct lc_span *lc_spans_get(const struct lc_spans *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (by_name(&s->s[i].name, &name) == 0)
			return &s->s[i];
	return NULL;
}

static uint64_t little(const unsigned char *p, int bytes)
{
	uint64_t x = 0;

	for (int i = 0; i < bytes; i++)
		x |= (uint64_t)p[i] << 8 * i;
	return x;
}

/* Adds one that fits in the file; takes name. */
static void add(struct lc_spans *found, const struct lc_reader *r, struct lc_span *s, char *name)
{
	unsigned size = lc_dtype_bits(s->type) / 8;
	uint64_t bytes = size;

	s->name = name;
	for (int d = 0; d < s->dims; d++)
		if (__builtin_mul_overflow(bytes, s->shape[d], &bytes))
			bytes = 0;
	if (bytes == 0 || bytes != s->bytes || s->at > r->size || bytes > r->size - s->at) {
		free(name);
		return;
	}
	if ((found->n & (found->n - 1)) == 0)
		found->s = lc_xrealloc(found->s, found->n ? 2 * found->n : 1, sizeof(*found->s));
	found->s[found->n++] = *s;
}

static int by_place(const void *pa, const void *pb)
{
	const struct lc_span *a = pa, *b = pb;

	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	return a->bytes < b->bytes ? -1 : a->bytes > b->bytes;
}

/* Order them, and drop what overlaps one before it. */
static void settle(struct lc_spans *found)
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
	uint64_t len = little(head, 8);
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
			add(found, r, &s, lc_path("%s", name));
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

static void find_npy(const struct lc_reader *r, const unsigned char head[8], struct lc_spans *found)
{
	int wide = head[6] >= 2, lead = wide ? 12 : 10;
	const char *descr, *order;
	struct lc_span s = {0};
	unsigned char size[4];
	uint64_t len;
	char *text, word[4] = "";

	if (r->size < 12 || r->read(r->ctx, size, 4, 8) < 0)
		return;
	len = little(size, wide ? 4 : 2);
	if (len == 0 || len > NPY_MAX || len > r->size - (uint64_t)lead)
		return;
	text = lc_xalloc((size_t)len + 1, 1);
	if (r->read(r->ctx, text, (size_t)len, (uint64_t)lead) == 0 &&
	    (descr = npy_value(text, "'descr'")) && *descr == '\'' &&
	    (order = npy_value(text, "'fortran_order'")) && strncmp(order, "False", 5) == 0 &&
	    npy_shape(npy_value(text, "'shape'"), &s) == 0) {
		snprintf(word, sizeof(word), "%.3s", descr + 1);
		s.type = descr[1 + strlen(word)] == '\'' ? dtype_of(word) : LC_BYTES;
		s.at = (uint64_t)lead + len;
		s.bytes = r->size - s.at;
		if (s.type != LC_BYTES)
			add(found, r, &s, lc_path("array"));
	}
	free(text);
}

static uint64_t word_at(const unsigned char *head, int i)
{
	return little(head + 4 * i, 4);
}

static void add_flat(struct lc_spans *found, const struct lc_reader *r, enum lc_dtype type,
		     const char *name, uint64_t at, uint64_t n)
{
	uint64_t size = lc_dtype_bits(type) / 8;
	struct lc_span s = {.type = type, .dims = 1, .shape = {n}, .at = at, .bytes = n * size};

	add(found, r, &s, lc_path("%s", name));
}

static void find_llmc(const struct lc_reader *r, struct lc_spans *found)
{
	uint64_t data = 4 * LLMC_WORDS, n;
	unsigned char head[4 * LLMC_WORDS];

	if (r->size <= data || r->read(r->ctx, head, sizeof(head), 0) < 0)
		return;
	if (word_at(head, 0) == LLMC_MODEL) { /* all parameters, in the order of the moments */
		enum lc_dtype type = word_at(head, 1) == 3 ? LC_F32 : LC_BF16;
		if (type == LC_F32 || word_at(head, 1) == 5)
			add_flat(found, r, type, "params", data,
				 (r->size - data) * 8 / lc_dtype_bits(type));
		return;
	}
	/* first moments, second moments and, if kept, masters; with what a shuffled loader adds,
	 * the number of parameters cannot be told */
	n = (r->size - data) / 4 / (word_at(head, 4) == 1 ? 3 : 2);
	if (word_at(head, 0) != LLMC_STATE || word_at(head, 5) != 0)
		return;
	add_flat(found, r, LC_F32, "params.exp_avg", data, n);
	add_flat(found, r, LC_F32, "params.exp_avg_sq", data + 4 * n, n);
	if (word_at(head, 4) == 1)
		add_flat(found, r, LC_F32, "params.master", data + 8 * n, n);
}

void lc_spans_find(const struct lc_reader *r, struct lc_spans *found)
{
	unsigned char head[8];
	uint64_t magic;

	memset(found, 0, sizeof(*found));
	if (r->size < 10 || r->read(r->ctx, head, sizeof(head), 0) < 0)
		return;
	magic = little(head, 4);
	if (memcmp(head, "\x93NUMPY", 6) == 0)
		find_npy(r, head, found);
	else if (magic == LLMC_MODEL || magic == LLMC_STATE)
		find_llmc(r, found);
	else
		find_safetensors(r, head, found);
	settle(found);
}

/* safetensors: see safetensors.h. */
#include "safetensors.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"

#define HEADER_MAX ((size_t)100 << 20) /* the reference reader's own limit */

static char *make_header(const struct lc_tensor *t, int n, size_t *len)
{
	char *buf = NULL;
	size_t at = 0;
	FILE *f = open_memstream(&buf, len);

	if (!f)
		abort();
	fputc('{', f);
	for (int i = 0; i < n; i++) {
		fprintf(f, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[", i ? "," : "", t[i].name,
			t[i].dtype);
		for (int d = 0; d < t[i].dims; d++)
			fprintf(f, "%s%zu", d ? "," : "", t[i].shape[d]);
		fprintf(f, "],\"data_offsets\":[%zu,%zu]}", at, at + t[i].bytes);
		at += t[i].bytes;
	}
	fputc('}', f);
	while (ftell(f) % 8)
		fputc(' ', f);
	if (fclose(f) == EOF)
		abort();
	return buf;
}

int lc_safetensors_write(const char *path, const struct lc_tensor *t, int n, struct lc_err *err)
{
	FILE *f = fopen(path, "wbe");
	unsigned char size[8];
	size_t len;
	char *header;
	int ret = 0;

	if (!f)
		return lc_fail_sys(err, "create %s", path);
	header = make_header(t, n, &len);
	for (int i = 0; i < 8; i++)
		size[i] = (unsigned char)((uint64_t)len >> 8 * i);
	fwrite(size, 1, 8, f);
	fwrite(header, 1, len, f);
	for (int i = 0; i < n; i++)
		fwrite(t[i].data, 1, t[i].bytes, f);
	free(header);
	if (fflush(f) == EOF || ferror(f) || fsync(fileno(f)) < 0)
		ret = lc_fail_sys(err, "write %s", path);
	if (fclose(f) == EOF && ret == 0)
		ret = lc_fail_sys(err, "write %s", path);
	return ret;
}

static size_t dtype_size(const char *dtype)
{
	static const struct {
		const char *name;
		size_t size;
	} known[] = {
		{"BOOL", 1}, {"U8", 1},	 {"I8", 1},  {"F8_E4M3", 1}, {"F8_E5M2", 1},
		{"U16", 2},  {"I16", 2}, {"F16", 2}, {"BF16", 2},    {"U32", 4},
		{"I32", 4},  {"F32", 4}, {"U64", 8}, {"I64", 8},     {"F64", 8},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (strcmp(known[i].name, dtype) == 0)
			return known[i].size;
	return 0;
}

/* 0 and *x, or -1 when v is no integer in [0, max]. */
static int get_size(const json_t *v, size_t max, size_t *x)
{
	if (!json_is_integer(v) || json_integer_value(v) < 0 ||
	    (uint64_t)json_integer_value(v) > max)
		return -1;
	*x = (size_t)json_integer_value(v);
	return 0;
}

/* Fill t from one entry of the header; -1 when the entry is malformed or points outside. */
static int get_entry(const struct lc_safetensors *st, const json_t *e, struct lc_tensor *t)
{
	const json_t *shape = json_object_get(e, "shape"),
		     *off = json_object_get(e, "data_offsets");
	size_t max = st->len - st->data, from, to, want;

	t->dtype = json_string_value(json_object_get(e, "dtype"));
	if (!t->dtype || !json_is_array(shape) || json_array_size(shape) > LC_TENSOR_DIMS ||
	    json_array_size(off) != 2)
		return -1;
	want = dtype_size(t->dtype);
	t->dims = (int)json_array_size(shape);
	for (int d = 0; d < t->dims; d++)
		if (get_size(json_array_get(shape, (size_t)d), max, &t->shape[d]) < 0 ||
		    __builtin_mul_overflow(want, t->shape[d], &want))
			return -1;
	if (get_size(json_array_get(off, 0), max, &from) < 0 ||
	    get_size(json_array_get(off, 1), max, &to) < 0 || from > to || to - from != want ||
	    dtype_size(t->dtype) == 0)
		return -1;
	t->data = st->buf + st->data + from;
	t->bytes = to - from;
	return 0;
}

static int by_address(const void *a, const void *b)
{
	const struct lc_tensor *x = a, *y = b;

	if (x->data != y->data)
		return (const char *)x->data < (const char *)y->data ? -1 : 1;
	return x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}

/* Every entry is well-formed, and together they cover the data without a gap or an overlap. */
static int check_entries(const struct lc_safetensors *st, struct lc_err *err)
{
	struct lc_tensor *t = lc_xalloc(json_object_size(st->header) + 1, sizeof(*t));
	const char *name, *at = st->buf + st->data;
	json_t *e;
	size_t n = 0;
	int ret = 0;

	json_object_foreach(st->header, name, e) {
		if (strcmp(name, "__metadata__") == 0)
			continue;
		if (get_entry(st, e, &t[n++]) < 0) {
			ret = lc_fail(err, LC_DATA,
				      "%s: tensor %s does not fit the file: truncated or corrupt",
				      st->path, name);
			goto out;
		}
	}
	qsort(t, n, sizeof(*t), by_address);
	for (size_t i = 0; i < n && at; i++)
		at = t[i].data == at ? at + t[i].bytes : NULL;
	if (at != st->buf + st->len)
		ret = lc_fail(err, LC_DATA, "%s: tensors overlap or leave bytes unaccounted for",
			      st->path);
out:
	free(t);
	return ret;
}

static int parse_header(struct lc_safetensors *st, struct lc_err *err)
{
	json_error_t je;
	uint64_t n = 0;

	if (st->len < 8)
		return lc_fail(err, LC_DATA, "%s: %zu bytes are no safetensors file", st->path,
			       st->len);
	for (int i = 0; i < 8; i++)
		n |= (uint64_t)(unsigned char)st->buf[i] << 8 * i;
	if (n > HEADER_MAX || n > st->len - 8)
		return lc_fail(err, LC_DATA,
			       "%s: header is longer than the file: truncated or corrupt",
			       st->path);
	st->data = 8 + (size_t)n;
	st->header = json_loadb(st->buf + 8, (size_t)n, JSON_REJECT_DUPLICATES, &je);
	if (!json_is_object(st->header))
		return lc_fail(err, LC_DATA, "%s: header is no JSON object: corrupt", st->path);
	return check_entries(st, err);
}

int lc_safetensors_read(struct lc_safetensors *st, const char *path, struct lc_err *err)
{
	memset(st, 0, sizeof(*st));
	if (lc_read_file(path, &st->buf, &st->len, err) < 0)
		return -1;
	st->path = lc_path("%s", path);
	if (parse_header(st, err) < 0) {
		lc_safetensors_release(st);
		return -1;
	}
	return 0;
}

int lc_safetensors_get(const struct lc_safetensors *st, const char *name, struct lc_tensor *t,
		       struct lc_err *err)
{
	json_t *e = json_object_get(st->header, name);

	memset(t, 0, sizeof(*t));
	if (!e || get_entry(st, e, t) < 0)
		return lc_fail(err, LC_DATA, "%s: no tensor %s", st->path, name);
	t->name = name;
	return 0;
}

void lc_safetensors_release(struct lc_safetensors *st)
{
	free(st->path);
	free(st->buf);
	json_decref(st->header);
	memset(st, 0, sizeof(*st));
}

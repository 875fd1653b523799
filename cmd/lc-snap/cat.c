/* cat: one file of a snapshot, or one tensor of a file, on stdout; or which tensors there are. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apart.h"
#include "file.h"
#include "io.h"
#include "json.h"

#define BLOCK ((size_t)1 << 20) /* bytes read and written at once */

struct catter {
	const struct opts *o;
	struct lc_store *st;
	struct lc_pool *pool;
	struct lc_snapshot s;
};

/* PATH, or PATH:TENSOR where no file has all of it for its name. *tensor is NULL or in `word`. */
static const struct lc_entry *find(const struct catter *c, char *word, const char **tensor,
				   struct lc_err *err)
{
	const struct lc_entry *e = file_find(&c->s.m, word);

	*tensor = c->o->tensor;
	for (char *colon = strchr(word, ':'); !e && !*tensor && colon;
	     colon = strchr(colon + 1, ':')) {
		*colon = '\0';
		e = file_find(&c->s.m, word);
		if (e)
			*tensor = colon + 1;
		else
			*colon = ':';
	}
	if (e && e->kind == LC_FILE)
		return e;
	lc_fail(err, LC_DATA, e ? "%.300s: not a file" : "%.300s: not in the snapshot", word);
	return NULL;
}

static void to_f32(enum lc_dtype type, void *buf, size_t n, float *out)
{
	double x[256];
	unsigned size = lc_dtype_bits(type) / 8;

	for (size_t i = 0; i < n; i += 256) {
		size_t k = n - i < 256 ? n - i : 256;
		lc_apart_widen(type, (char *)buf + i * size, k, x);
		for (size_t j = 0; j < k; j++)
			out[i + j] = (float)x[j];
	}
}

/* Bytes from to to - 1 of a file; as f32 when they are of another type that is wanted so. */
static int copy(struct lc_stored *f, uint64_t from, uint64_t to, enum lc_dtype narrow,
		struct lc_err *err)
{
	void *buf = lc_xalloc(BLOCK, 1);
	float *wide = narrow ? lc_xalloc(BLOCK / 2, sizeof(*wide)) : NULL;
	int ret = 0;

	f->until = to;
	while (ret == 0 && from < to) {
		size_t n = to - from < BLOCK ? (size_t)(to - from) : BLOCK;
		ret = lc_stored_read(f, buf, n, from, err);
		if (ret == 0 && narrow)
			to_f32(narrow, buf, n / 2, wide);
		if (ret == 0)
			ret = narrow ? lc_write_all(STDOUT_FILENO, wide, 2 * n, "stdout", err)
				     : lc_write_all(STDOUT_FILENO, buf, n, "stdout", err);
		from += n;
	}
	free(wide);
	free(buf);
	return ret;
}

/* The header of a .npy of version 1.0, its end at a multiple of 64. */
static int write_npy(const struct lc_span *s, enum lc_dtype type, struct lc_err *err)
{
	static const char *const descr[] = {
		[LC_F32] = "<f4", [LC_BF16] = "<u2", [LC_F16] = "<f2",
		[LC_I32] = "<i4", [LC_I16] = "<i2",
	};
	char dict[512], head[640];
	size_t n, len;
	int ret;

	n = (size_t)snprintf(dict, sizeof(dict),
			     "{'descr': '%s', 'fortran_order': False, "
			     "'shape': (",
			     descr[type]);
	for (int d = 0; d < s->dims; d++)
		n += (size_t)snprintf(dict + n, sizeof(dict) - n, "%llu,%s",
				      (unsigned long long)s->shape[d], d + 1 < s->dims ? " " : "");
	n += (size_t)snprintf(dict + n, sizeof(dict) - n, "), }");
	len = (10 + n + 1 + 63) / 64 * 64 - 10;
	ret = snprintf(head, sizeof(head), "\x93NUMPY\x01%c%c%c%-*s\n", 0, (int)(len & 255),
		       (int)(len >> 8), (int)len - 1, dict);
	return lc_write_all(STDOUT_FILENO, head, (size_t)ret, "stdout", err);
}

static int cat_tensor(const struct catter *c, struct lc_stored *f, const char *name,
		      struct lc_err *err)
{
	struct lc_reader r = lc_stored_reader(f);
	struct lc_spans spans;
	const struct lc_span *s;
	enum lc_dtype narrow = LC_BYTES;
	int ret = 0;

	err->code = LC_OK;
	f->err = err;
	lc_spans_find(&r, &spans);
	s = err->code == LC_OK ? file_tensor(&spans, name) : NULL;
	if (!s && err->code == LC_OK)
		lc_fail(err, LC_DATA, "%.200s: no tensor %.200s in it", f->e->path, name);
	if (s && c->o->f32 && (s->type == LC_I32 || s->type == LC_I16))
		lc_fail(err, LC_USAGE, "%.200s: of integers, --f32 is for bf16 and f16", name);
	if (!s || err->code != LC_OK) {
		lc_spans_release(&spans);
		return -1;
	}
	if (c->o->f32 && s->type != LC_F32)
		narrow = s->type;
	if (c->o->npy && s->type == LC_BF16 && !narrow && !c->o->quiet)
		lc_warn("%s: npy knows no bf16: written as uint16 (--f32 converts)", name);
	if (c->o->npy)
		ret = write_npy(s, narrow ? LC_F32 : s->type, err);
	if (ret == 0)
		ret = copy(f, s->at, s->at + s->bytes, narrow, err);
	lc_spans_release(&spans);
	return ret;
}

static int print_tensor(const struct catter *c, const char *path, const struct lc_span *s,
			int whole, struct lc_err *err)
{
	char *shape, *name, *file;
	json_t *o;
	int ret;

	if (c->o->json) {
		o = json_pack("{s:s,s:i,s:o,s:o,s:s,s:o,s:I,s:I}", "type", "tensor", "v", 1, "path",
			      file_text(path), "name", file_text(s->name), "dtype",
			      file_dtype(s->type), "shape", file_shape_json(s), "at",
			      (json_int_t)s->at, "bytes", (json_int_t)s->bytes);
		ret = lc_json_emit(stdout, o, err);
		json_decref(o);
		return ret;
	}
	shape = file_shape(s);
	name = lc_path_encode(s->name);
	file = lc_path_encode(path);
	printf("%-5s  %-18s %12llu  %s%s%s\n", file_dtype(s->type), shape,
	       (unsigned long long)s->bytes, whole ? "" : file, whole ? "" : ":", name);
	free(shape);
	free(name);
	free(file);
	return 0;
}

/* whole: only this file is listed, its name goes without saying. */
static int list_file(const struct catter *c, const struct lc_entry *e, int whole,
		     struct lc_err *err)
{
	struct lc_reader r;
	struct lc_stored f;
	struct lc_spans spans;
	int ret = lc_stored_open(&f, c->st, e, c->pool, err);

	if (ret < 0)
		return -1;
	err->code = LC_OK;
	f.err = err;
	r = lc_stored_reader(&f);
	lc_spans_find(&r, &spans);
	if (err->code != LC_OK)
		ret = -1;
	for (size_t i = 0; i < spans.n && ret == 0; i++)
		ret = print_tensor(c, e->path, &spans.s[i], whole, err);
	lc_spans_release(&spans);
	lc_stored_release(&f);
	return ret;
}

static int list(const struct catter *c, const struct lc_entry *only, struct lc_err *err)
{
	int ret = 0;

	if (!c->o->json)
		printf("%-5s  %-18s %12s  %s\n", "DTYPE", "SHAPE", "BYTES", "NAME");
	if (only)
		return list_file(c, only, 1, err);
	for (size_t i = 0; i < c->s.m.n && ret == 0; i++)
		if (c->s.m.e[i].kind == LC_FILE)
			ret = list_file(c, &c->s.m.e[i], 0, err);
	return ret;
}

static int cat(const struct catter *c, char *word, struct lc_err *err)
{
	const char *tensor = c->o->tensor;
	const struct lc_entry *e = NULL;
	struct lc_stored f;
	int ret;

	if (word && !(e = find(c, word, &tensor, err)))
		return -1;
	if (c->o->list)
		return list(c, e, err);
	if (!tensor && (c->o->npy || c->o->f32))
		return lc_fail(err, LC_USAGE, "--npy and --f32 are for one tensor: say which");
	if (lc_stored_open(&f, c->st, e, c->pool, err) < 0)
		return -1;
	ret = tensor ? cat_tensor(c, &f, tensor, err) : copy(&f, 0, e->size, LC_BYTES, err);
	lc_stored_release(&f);
	return ret;
}

int verb_cat(const struct opts *o, int argc, char **argv)
{
	int by_step = o->step >= 0 || o->before >= 0, least = !by_step;
	struct catter c = {.o = o};
	struct lc_err err;
	int ret = -1;

	if (argc != least + 1 && !(o->list && argc == least))
		lc_usage("cat takes a snapshot and a PATH");
	c.st = lc_store_open(o->store, 0, &err);
	c.pool = lc_pool_open(lc_cpu_count());
	if (c.st && snap_pick(c.st, by_step ? NULL : argv[0], o, &c.s, &err) == 0) {
		ret = cat(&c, argc > least ? argv[least] : NULL, &err);
		lc_snapshot_release(&c.s);
	}
	lc_pool_close(c.pool);
	lc_store_close(c.st);
	if (ret < 0)
		lc_die(&err);
	return LC_OK;
}

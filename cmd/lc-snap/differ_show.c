/* differ_show: what differs, as a table or as records. See differ.h. */
#include <stdio.h>
#include <stdlib.h>

#include "differ.h"
#include "io.h"
#include "json.h"

static json_t *record(const char *change, const char *path)
{
	json_t *o = lc_record_new("difference", 1);

	json_object_set_new(o, "change", json_string(change));
	json_object_set_new(o, "path", file_text(path));
	return o;
}

static int emit(json_t *o, struct lc_err *err)
{
	int ret = lc_json_emit(stdout, o, err);

	json_decref(o);
	return ret;
}

/* A line of the table; values is NULL where there are no elements. */
static void row(struct differ *d, const char *change, uint64_t bytes, const char *values,
		const char *path, const char *tensor, const char *more)
{
	char *file = lc_path_encode(path), *name = tensor ? lc_path_encode(tensor) : NULL;

	if (!d->headed)
		printf("%-8s %12s  %8s %9s %9s %11s  %s\n", "CHANGE", "BYTES", "SHARE", "REL.L2",
		       "MAX", "NONFINITE", "WHAT");
	d->headed = 1;
	printf("%-8s %12llu  %s  %s%s%s%s\n", change, (unsigned long long)bytes,
	       values ? values : "       -         -         -           -", file, name ? ":" : "",
	       name ? name : "", more);
	free(file);
	free(name);
}

int show_entry(struct differ *d, const char *change, const struct lc_entry *a,
	       const struct lc_entry *b, uint64_t bytes, struct lc_err *err)
{
	static const char *const kind[] = {"file", "dir", "link"};
	const struct lc_entry *e = a ? a : b;
	char modes[32] = "";
	json_t *o;

	if (a && b && a->mode != b->mode)
		snprintf(modes, sizeof(modes), " (%04o, was %04o)", b->mode, a->mode);
	if (!d->o->json) {
		row(d, change, bytes, NULL, e->path, NULL, modes);
		return 0;
	}
	o = record(change, e->path);
	json_object_set_new(o, "kind", json_string(kind[e->kind]));
	json_object_set_new(o, "bytes", json_integer((json_int_t)bytes));
	if (e->kind == LC_FILE)
		json_object_set_new(o, "sizes",
				    json_pack("[I,I]", (json_int_t)(a ? a->size : 0),
					      (json_int_t)(b ? b->size : 0)));
	return emit(o, err);
}

static int tensor_record(const char *change, const char *path, struct fate *t, double relative,
			 struct lc_err *err)
{
	const struct lc_span *s = t->b ? t->b : t->a;
	json_t *o = record(change, path);

	json_object_set_new(o, "tensor", file_text(s->name));
	json_object_set_new(o, "dtype", json_string(file_dtype(s->type)));
	json_object_set_new(o, "shape", file_shape_json(s));
	if (t->apart.n > 0) {
		json_object_set_new(o, "bytes", json_integer((json_int_t)t->apart.bytes));
		json_object_set_new(o, "elements", json_integer((json_int_t)t->apart.n));
		json_object_set_new(o, "changed", json_integer((json_int_t)t->apart.changed));
		json_object_set_new(o, "relative_l2", lc_json_num(relative));
		json_object_set_new(o, "max", lc_json_num(t->apart.max));
		json_object_set_new(o, "nonfinite",
				    json_pack("[I,I]", (json_int_t)t->apart.bad[0],
					      (json_int_t)t->apart.bad[1]));
	} else {
		json_object_set_new(o, "bytes", json_integer((json_int_t)s->bytes));
	}
	return emit(o, err);
}

static int show_tensor(struct differ *d, const char *path, struct fate *t, struct lc_err *err)
{
	const struct lc_span *s = t->b ? t->b : t->a;
	const char *change = !t->a ? "added" : !t->b ? "removed" : t->apart.n ? "tensor" : "shape";
	double relative = lc_apart_relative(&t->apart);
	char *shape, *more, values[128], bad[48];

	if (d->o->json)
		return tensor_record(t->apart.n ? "changed" : change, path, t, relative, err);
	snprintf(bad, sizeof(bad), "%llu/%llu", (unsigned long long)t->apart.bad[0],
		 (unsigned long long)t->apart.bad[1]);
	snprintf(values, sizeof(values), "%7.3f%% %9.3g %9.3g %11s",
		 t->apart.n ? 100.0 * (double)t->apart.changed / (double)t->apart.n : 0.0, relative,
		 t->apart.max, bad);
	shape = file_shape(s);
	more = lc_path(" (%s %s)", file_dtype(s->type), shape);
	row(d, change, t->apart.n ? t->apart.bytes : s->bytes, t->apart.n ? values : NULL, path,
	    s->name, more);
	free(shape);
	free(more);
	return 0;
}

/* The file first, then its tensors, then what is in none of them. */
int show_file(struct differ *d, struct file_fate *f, struct lc_err *err)
{
	const struct lc_entry *a = f->half[0].e, *b = f->half[1].e;
	uint64_t rest = f->rest.bytes + f->longer;
	json_t *o;

	d->tensors += f->n;
	if (show_entry(d, "changed", a, b, f->bytes, err) < 0)
		return -1;
	for (size_t i = 0; i < f->n; i++)
		if (show_tensor(d, a->path, &f->t[i], err) < 0)
			return -1;
	if (rest == 0 || f->half[0].spans.n + f->half[1].spans.n == 0)
		return 0;
	if (!d->o->json) {
		row(d, "rest", rest, NULL, a->path, NULL, " (in no tensor)");
		return 0;
	}
	o = record("rest", a->path);
	json_object_set_new(o, "bytes", json_integer((json_int_t)rest));
	return emit(o, err);
}

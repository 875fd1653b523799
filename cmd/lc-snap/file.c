/* file: see file.h. */
#include "file.h"

#include <stdlib.h>
#include <string.h>

#include "io.h"

const struct lc_entry *file_find(const struct lc_manifest *m, const char *path)
{
	const struct lc_entry *found = NULL;
	char *decoded;

	for (size_t i = 0; i < m->n && !found; i++)
		if (strcmp(m->e[i].path, path) == 0)
			found = &m->e[i];
	decoded = found ? NULL : lc_path_decode(path);
	for (size_t i = 0; decoded && i < m->n && !found; i++)
		if (strcmp(m->e[i].path, decoded) == 0)
			found = &m->e[i];
	free(decoded);
	return found;
}

const struct lc_span *file_tensor(const struct lc_spans *spans, const char *name)
{
	const struct lc_span *found = lc_spans_get(spans, name);
	char *decoded = found ? NULL : lc_path_decode(name);

	if (decoded)
		found = lc_spans_get(spans, decoded);
	free(decoded);
	return found;
}

const char *file_dtype(enum lc_dtype type)
{
	switch (type) {
	case LC_F32: return "f32";
	case LC_BF16: return "bf16";
	case LC_F16: return "f16";
	case LC_I32: return "i32";
	case LC_I16: return "i16";
	default: return "bytes";
	}
}

char *file_shape(const struct lc_span *s)
{
	char *text = lc_path("%s", s->dims ? "" : "-");

	for (int d = 0; d < s->dims; d++) {
		char *more =
			lc_path("%s%s%llu", text, d ? "x" : "", (unsigned long long)s->shape[d]);
		free(text);
		text = more;
	}
	return text;
}

json_t *file_shape_json(const struct lc_span *s)
{
	json_t *shape = json_array();

	for (int d = 0; d < s->dims; d++)
		json_array_append_new(shape, json_integer((json_int_t)s->shape[d]));
	return shape;
}

json_t *file_text(const char *bytes)
{
	json_t *v = json_string(bytes);
	char *encoded;

	if (v)
		return v;
	encoded = lc_path_encode(bytes);
	v = json_string(encoded);
	free(encoded);
	return v;
}

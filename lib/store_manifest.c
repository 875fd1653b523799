/* store_manifest: see store_manifest.h. */
#include "store_manifest.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "json.h"

#define PATH_LEN 4095 /* bytes of a path, and of a link's target */
#define NAME_LEN 255
#define VERSION 2 /* 1 had the hash of each file besides */
#define STEP_MAX (1L << 53)
#define SIZE_MAX_FILE ((uint64_t)1 << 52)

void lc_manifest_release(struct lc_manifest *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->e[i].path);
		free(m->e[i].chunks);
		free(m->e[i].target);
	}
	for (size_t i = 0; i < m->ntags; i++) {
		free(m->tags[i].key);
		free(m->tags[i].value);
	}
	free(m->e);
	free(m->tags);
	free(m->run);
	memset(m, 0, sizeof(*m));
}

int lc_manifest_plain(const char *s)
{
	json_t *v = json_string(s); /* NULL when it is not UTF-8 */
	int ok = v != NULL;

	for (; ok && *s; s++)
		ok = (unsigned char)*s >= 0x20 && *s != 0x7f;
	json_decref(v);
	return ok;
}

static int is_key(const char *s)
{
	size_t n = strlen(s);

	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)s[i]) && !strchr("_.-", s[i]))
			return 0;
	return n > 0 && n <= NAME_LEN;
}

int lc_manifest_tag(struct lc_manifest *m, const char *key, const char *value, struct lc_err *err)
{
	size_t i;

	if (!is_key(key))
		return lc_fail(err, LC_USAGE, "tag %s: a key is letters, digits and _.-", key);
	if (!lc_manifest_plain(value))
		return lc_fail(err, LC_USAGE, "tag %s: its value is no plain text", key);
	for (i = 0; i < m->ntags && strcmp(m->tags[i].key, key) < 0; i++)
		;
	if (i < m->ntags && strcmp(m->tags[i].key, key) == 0) {
		free(m->tags[i].value);
	} else {
		m->tags = lc_xrealloc(m->tags, m->ntags + 1, sizeof(*m->tags));
		memmove(m->tags + i + 1, m->tags + i, (m->ntags - i) * sizeof(*m->tags));
		m->ntags++;
		m->tags[i].key = lc_path("%s", key);
	}
	m->tags[i].value = lc_path("%s", value);
	return 0;
}

const char *lc_manifest_get_tag(const struct lc_manifest *m, const char *key)
{
	for (size_t i = 0; i < m->ntags; i++)
		if (strcmp(m->tags[i].key, key) == 0)
			return m->tags[i].value;
	return NULL;
}

uint64_t lc_manifest_bytes(const struct lc_manifest *m)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < m->n; i++)
		sum += m->e[i].size;
	return sum;
}

unsigned lc_manifest_roles(const struct lc_manifest *m)
{
	unsigned roles = 0;

	for (size_t i = 0; i < m->n; i++)
		roles |= m->e[i].roles;
	return roles;
}

static int is_literal(unsigned char c)
{
	return c > 0x20 && c < 0x7f && c != '%';
}

char *lc_path_encode(const char *path)
{
	char *out = lc_xalloc(strlen(path) * 3 + 1, 1), *p = out;

	for (; *path; path++) {
		unsigned char c = (unsigned char)*path;
		if (is_literal(c))
			*p++ = (char)c;
		else
			p += sprintf(p, "%%%02x", c);
	}
	return out;
}

char *lc_path_decode(const char *text)
{
	static const char hex[] = "0123456789abcdef";
	char *out = lc_xalloc(strlen(text) + 1, 1), *p = out;

	while (*text) {
		unsigned char c = (unsigned char)*text++;
		if (c == '%') {
			const char *hi = *text ? strchr(hex, text[0]) : NULL;
			const char *lo = hi && text[1] ? strchr(hex, text[1]) : NULL;
			c = lo ? (unsigned char)((hi - hex) << 4 | (lo - hex)) : 'x';
			text += lo ? 2 : 0;
			if (c == 0 || is_literal(c)) /* one spelling only; 'x' stands for broken */
				goto bad;
		} else if (!is_literal(c)) {
			goto bad;
		}
		*p++ = (char)c;
	}
	return out;
bad:
	free(out);
	return NULL;
}

static json_t *hex_json(const struct lc_id *id)
{
	char hex[LC_HEX_LEN + 1];

	lc_id_hex(id, hex);
	return json_string(hex);
}

static json_t *entry_json(const struct lc_entry *e)
{
	static const char *const kind[] = {"file", "dir", "link"};
	char *path = lc_path_encode(e->path);
	json_t *o = json_pack("{s:s,s:s}", "path", path, "kind", kind[e->kind]), *chunks;
	char mode[8];

	free(path);
	if (e->kind == LC_LINK) {
		path = lc_path_encode(e->target);
		json_object_set_new(o, "target", json_string(path));
		free(path);
		return o;
	}
	snprintf(mode, sizeof(mode), "%04o", e->mode & 0777);
	json_object_set_new(o, "mode", json_string(mode));
	if (e->kind == LC_DIR)
		return o;
	json_object_set_new(o, "size", json_integer((json_int_t)e->size));
	json_object_set_new(o, "roles", lc_role_names(e->roles));
	json_object_set_new(o, "chunks", chunks = json_array());
	for (size_t i = 0; i < e->nchunks; i++)
		json_array_append_new(chunks, hex_json(&e->chunks[i]));
	return o;
}

char *lc_manifest_text(const struct lc_manifest *m)
{
	json_t *tags = json_object(), *tree = json_array(), *o;
	char *text;

	for (size_t i = 0; i < m->ntags; i++)
		json_object_set_new(tags, m->tags[i].key, json_string(m->tags[i].value));
	for (size_t i = 0; i < m->n; i++)
		json_array_append_new(tree, entry_json(&m->e[i]));
	o = json_pack("{s:s,s:i,s:s,s:I,s:o,s:o}", "type", "manifest", "v", VERSION, "run", m->run,
		      "step", (json_int_t)m->step, "tags", tags, "tree", tree);
	text = lc_json_text(o);
	json_decref(o);
	return text;
}

/* "." alone, or parts that are neither empty nor "." nor "..", between single slashes. */
static int path_ok(const char *p)
{
	if (strlen(p) > PATH_LEN)
		return 0;
	if (strcmp(p, ".") == 0)
		return 1;
	for (;;) {
		size_t n = strcspn(p, "/");
		if (n == 0 || n > NAME_LEN || (n == 1 && p[0] == '.') ||
		    (n == 2 && !strncmp(p, "..", 2)))
			return 0;
		if (!p[n])
			return 1;
		p += n + 1;
	}
}

static int by_path(const void *key, const void *elem)
{
	return strcmp(key, ((const struct lc_entry *)elem)->path);
}

/* Entry i comes after all before it, and below a directory that is one of them. */
static int place_ok(const struct lc_manifest *m, size_t i)
{
	const struct lc_entry *up;
	const char *path = m->e[i].path, *slash = strrchr(path, '/');
	char *dir;

	if (i > 0 && strcmp(m->e[i - 1].path, path) >= 0)
		return 0;
	if (!slash)
		return 1;
	dir = lc_path("%.*s", (int)(slash - path), path);
	up = bsearch(dir, m->e, i, sizeof(*m->e), by_path);
	free(dir);
	return up && up->kind == LC_DIR;
}

static int parse_mode(const char *s, unsigned *mode)
{
	if (!s || strlen(s) != 4 || s[0] != '0' || strspn(s, "01234567") != 4)
		return -1;
	*mode = (unsigned)strtoul(s, NULL, 8);
	return 0;
}

static int parse_file(const json_t *o, struct lc_entry *e)
{
	const json_t *size = json_object_get(o, "size"), *chunks = json_object_get(o, "chunks");
	int roles = lc_role_parse(json_object_get(o, "roles"));
	json_int_t n = json_is_integer(size) ? json_integer_value(size) : -1;
	json_t *v;
	size_t i;

	if (n < 0 || (uint64_t)n > SIZE_MAX_FILE || roles < 0 || !json_is_array(chunks))
		return -1;
	e->size = (uint64_t)n;
	e->roles = (unsigned)roles;
	e->nchunks = json_array_size(chunks);
	if ((e->size == 0) != (e->nchunks == 0) || e->nchunks > e->size)
		return -1;
	e->chunks = lc_xalloc(e->nchunks, sizeof(*e->chunks));
	json_array_foreach(chunks, i, v) {
		const char *hex = json_string_value(v);
		if (!hex || lc_id_parse(hex, &e->chunks[i]) < 0)
			return -1;
	}
	return 0;
}

static int parse_entry(const json_t *o, struct lc_entry *e)
{
	const char *kind = lc_json_get_str(o, "kind", "");
	const char *mode = lc_json_get_str(o, "mode", NULL);

	e->path = lc_path_decode(lc_json_get_str(o, "path", ""));
	if (!e->path || !path_ok(e->path))
		return -1;
	if (strcmp(kind, "link") == 0) {
		e->kind = LC_LINK;
		e->target = lc_path_decode(lc_json_get_str(o, "target", ""));
		return e->target && *e->target && strlen(e->target) <= PATH_LEN &&
				       strcmp(e->path, ".") != 0
			       ? 0
			       : -1;
	}
	if (parse_mode(mode, &e->mode) < 0)
		return -1;
	if (strcmp(kind, "dir") == 0) {
		e->kind = LC_DIR;
		return 0;
	}
	e->kind = LC_FILE;
	return strcmp(kind, "file") == 0 && strcmp(e->path, ".") != 0 ? parse_file(o, e) : -1;
}

static int parse_tree(const json_t *tree, struct lc_manifest *m, struct lc_err *err)
{
	size_t i;
	json_t *v;
	uint64_t sum = 0;

	if (!json_is_array(tree))
		return lc_fail(err, LC_DATA, "manifest: no tree");
	m->e = lc_xalloc(json_array_size(tree), sizeof(*m->e));
	json_array_foreach(tree, i, v) {
		m->n = i + 1;
		if (parse_entry(v, &m->e[i]) < 0)
			return lc_fail(err, LC_DATA, "manifest: entry %zu is malformed", i);
		if (!place_ok(m, i))
			return lc_fail(err, LC_DATA, "manifest: entry %zu is out of place", i);
		sum += m->e[i].size;
		if (sum > SIZE_MAX_FILE)
			return lc_fail(err, LC_DATA, "manifest: entry %zu is too large", i);
	}
	return 0;
}

static int parse_tags(const json_t *tags, struct lc_manifest *m, struct lc_err *err)
{
	const char *key;
	json_t *v;

	if (!json_is_object(tags))
		return lc_fail(err, LC_DATA, "manifest: no tags");
	json_object_foreach((json_t *)tags, key, v)
		if (!json_is_string(v) || lc_manifest_tag(m, key, json_string_value(v), err) < 0)
			return lc_fail(err, LC_DATA, "manifest: malformed tag");
	return 0;
}

static int parse_head(const json_t *o, struct lc_manifest *m, struct lc_err *err)
{
	const json_t *v = json_object_get(o, "v"), *step = json_object_get(o, "step");
	const char *run = lc_json_get_str(o, "run", NULL);

	if (strcmp(lc_json_get_str(o, "type", ""), "manifest") != 0 || !json_is_integer(v))
		return lc_fail(err, LC_DATA, "manifest: not a manifest");
	if (json_integer_value(v) < 1 || json_integer_value(v) > VERSION)
		return lc_fail(err, LC_DATA,
			       "manifest: of version %lld: this program knows 1 and 2",
			       (long long)json_integer_value(v));
	m->step = json_is_integer(step) ? (long)json_integer_value(step) : -1;
	if (m->step < 0 || m->step > STEP_MAX || !run || !lc_manifest_plain(run))
		return lc_fail(err, LC_DATA, "manifest: no run or step");
	m->run = lc_path("%s", run);
	return 0;
}

int lc_manifest_parse(const char *buf, size_t len, struct lc_manifest *m, struct lc_err *err)
{
	json_error_t je;
	json_t *o = NULL;
	int ret = -1;

	memset(m, 0, sizeof(*m));
	if (len > LC_MANIFEST_MAX)
		return lc_fail(err, LC_DATA, "manifest: too large");
	o = json_loadb(buf, len, JSON_REJECT_DUPLICATES, &je);
	if (!o)
		return lc_fail(err, LC_DATA, "manifest: %s", je.text);
	if (parse_head(o, m, err) == 0 && parse_tags(json_object_get(o, "tags"), m, err) == 0 &&
	    parse_tree(json_object_get(o, "tree"), m, err) == 0)
		ret = 0;
	json_decref(o);
	if (ret < 0)
		lc_manifest_release(m);
	return ret;
}

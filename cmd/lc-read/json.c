/*
 * json: JSON-lines of any shape. Objects in objects give names with a slash: {"train":{"loss":2}}
 * is train/loss.
 */
#include <stdlib.h>
#include <string.h>

#include "read.h"
#include "scan.h"

#define DEPTH_MAX 8

static int member(struct out *o, struct lc_scan *s, const char *prefix, size_t prefix_len,
		  int depth)
{
	char name[OUT_NAME];
	struct lc_text key;
	struct lc_value v;
	size_t len = prefix_len;
	const char *full = name;

	if (s->p == s->end || *s->p != '"')
		return lc_scan_broken(s);
	s->p++;
	if (lc_scan_string(s, &key))
		return -1;
	if (prefix_len || key.odd) {
		memcpy(name, prefix, prefix_len);
		len += lc_text_copy(&key, name + len, sizeof(name) - len - 1);
	} else {
		full = key.s;
		len = key.len;
	}
	lc_scan_space(s);
	if (s->p == s->end || *s->p != ':')
		return lc_scan_broken(s);
	s->p++;
	lc_scan_space(s);
	if (s->p < s->end && *s->p == '{' && depth < DEPTH_MAX && len < sizeof(name) - 2) {
		s->p++;
		memmove(name, full, len);
		name[len] = '/';
		return json_members(o, s, name, len + 1, depth + 1);
	}
	if (lc_scan_value(s, &v))
		return -1;
	out_value(o, full, len, &v);
	return 0;
}

/* s->p behind an opening brace; afterwards behind the closing one. */
int json_members(struct out *o, struct lc_scan *s, const char *prefix, size_t prefix_len, int depth)
{
	lc_scan_space(s);
	if (s->p < s->end && *s->p == '}')
		return s->p++, 0;
	for (;;) {
		lc_scan_space(s);
		if (member(o, s, prefix, prefix_len, depth))
			return -1;
		lc_scan_space(s);
		if (s->p == s->end || (*s->p != ',' && *s->p != '}'))
			return lc_scan_broken(s);
		if (*s->p++ == '}')
			return 0;
	}
}

int json_object_row(struct out *o, const char *text, size_t len, struct lc_err *err)
{
	struct lc_scan s = {text, text, text + len, err};

	lc_scan_space(&s);
	if (s.p == s.end || *s.p++ != '{')
		return 0;
	lc_scan_space(&s);
	if (s.p < s.end && *s.p != '"' && *s.p != '}')
		return 0; /* some other text that opens with a brace */
	out_begin(o);
	if (json_members(o, &s, "", 0, 0))
		return -1;
	lc_scan_space(&s);
	if (s.p != s.end)
		return lc_scan_broken(&s);
	if (o->row.other_type)
		return out_line(o, text, len, err) < 0 ? -1 : 0;
	if (o->row.version > 1)
		return lc_fail(err, LC_DATA, "step record of version %g; this reader knows 1",
			       o->row.version);
	return out_end(o, err);
}

static int line(struct reader *r, const char *text, size_t len, struct lc_err *err)
{
	return json_object_row(r->out, text, len, err);
}

const struct format format_json = {"json", "JSON lines, one object each", line, NULL, NULL};

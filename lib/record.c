/*
 * record: step records, read fast and forgivingly (lc-record(5)).
 *
 * One pass over the line, no allocation. Where two names in one line mean the same metric, the
 * plainer one wins (names.h); of the same name twice, the later.
 */
#include "record.h"

#include <math.h>
#include <string.h>

#include "names.h"
#include "num.h"

#define DEPTH_MAX 2048
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The line and where we are in it. */
struct scan {
	const char *start, *p, *end;
	struct lc_err *err;
};

/* A string as it lies in the line, between its quotes. */
struct text {
	const char *s;
	size_t len;
	int odd; /* has a backslash or an ESC: copy it out before use */
};

static int broken(const struct scan *s)
{
	if (s->p >= s->end)
		return lc_fail(s->err, LC_DATA, "object broken off after %zu bytes",
			       (size_t)(s->end - s->start));
	return lc_fail(s->err, LC_DATA, "object malformed at byte %zu",
		       (size_t)(s->p - s->start) + 1);
}

/* p at an ESC: behind its sequence (ECMA-48: ESC [ parameters, then a final byte; else ESC and one
 * byte). */
static const char *skip_escape(const char *p, const char *end)
{
	if (++p < end && *p == '[') {
		for (p++; p < end && ((unsigned char)*p < 0x40 || (unsigned char)*p > 0x7e); p++)
			;
	}
	return p < end ? p + 1 : end;
}

static inline void skip_space(struct scan *s)
{
	while (s->p < s->end) {
		char c = *s->p;

		if (c == '\033')
			s->p = skip_escape(s->p, s->end);
		else if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
			s->p++;
		else
			return;
	}
}

/* s->p behind an opening quote; afterwards behind the closing one. */
static inline int scan_string(struct scan *s, struct text *t)
{
	const char *p = s->p, *end = s->end;

	t->s = p;
	t->odd = 0;
	for (; p < end && *p != '"'; p++) {
		if (*p == '\\') {
			t->odd = 1;
			if (++p == end)
				break;
		} else if (*p == '\033') {
			t->odd = 1;
		}
	}
	if (p >= end) {
		s->p = end;
		return broken(s);
	}
	t->len = (size_t)(p - t->s);
	s->p = p + 1;
	return 0;
}

/* s->p behind the opening bracket of kind; afterwards behind its closing one. Contents are only
 * balanced. */
static int skip_nested(struct scan *s, char kind)
{
	unsigned char open[DEPTH_MAX / 8]; /* bit d: level d is an object */
	struct text t;
	size_t depth = 0;

	open[0] = kind == '{';
	while (s->p < s->end) {
		char c = *s->p++;
		unsigned bit = 1u << depth % 8;

		if (c == '"') {
			if (scan_string(s, &t))
				return -1;
		} else if (c == '{' || c == '[') {
			if (++depth == DEPTH_MAX)
				return lc_fail(s->err, LC_DATA, "object nested too deep");
			bit = 1u << depth % 8;
			open[depth / 8] = (unsigned char)((open[depth / 8] & (bit - 1)) |
							  (c == '{' ? bit : 0));
		} else if (c == '}' || c == ']') {
			if (!(open[depth / 8] & bit) != (c == ']')) {
				s->p--;
				return broken(s);
			}
			if (depth-- == 0)
				return 0;
		}
	}
	return broken(s);
}

/* Four hex digits to a code unit, or -1. */
static int hex4(const char *p, const char *end)
{
	int u = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int c = p[i] | 0x20;

		if (p[i] >= '0' && p[i] <= '9')
			u = u * 16 + (p[i] - '0');
		else if (c >= 'a' && c <= 'f')
			u = u * 16 + (c - 'a' + 10);
		else
			return -1;
	}
	return u;
}

static int put_utf8(char out[4], unsigned u)
{
	if (u < 0x80)
		return out[0] = (char)u, 1;
	if (u < 0x800)
		return out[0] = (char)(0xc0 | u >> 6), out[1] = (char)(0x80 | (u & 0x3f)), 2;
	if (u < 0x10000)
		return out[0] = (char)(0xe0 | u >> 12), out[1] = (char)(0x80 | (u >> 6 & 0x3f)),
		       out[2] = (char)(0x80 | (u & 0x3f)), 3;
	return out[0] = (char)(0xf0 | u >> 18), out[1] = (char)(0x80 | (u >> 12 & 0x3f)),
	       out[2] = (char)(0x80 | (u >> 6 & 0x3f)), out[3] = (char)(0x80 | (u & 0x3f)), 4;
}

/* *p behind a backslash: what it stands for to out, *p behind it. A broken escape stands for
 * itself. */
static int unescape(const char **p, const char *end, char out[4])
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	char c = *(*p)++;
	const char *at = c ? strchr(from, c) : NULL;
	int u, low;

	if (at)
		return out[0] = to[at - from], 1;
	u = c == 'u' ? hex4(*p, end) : -1;
	if (u <= 0)
		return out[0] = c, 1;
	*p += 4;
	if (u >= 0xd800 && u < 0xdc00 && end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u') {
		low = hex4(*p + 2, end);
		if (low >= 0xdc00 && low < 0xe000) {
			*p += 6;
			return put_utf8(out, 0x10000u + ((unsigned)(u - 0xd800) << 10) +
						     (unsigned)(low - 0xdc00));
		}
	}
	return put_utf8(out, u >= 0xd800 && u < 0xe000 ? 0xfffd : (unsigned)u);
}

/* The text with escapes resolved and colours gone, cut to cap - 1 bytes. Returns the length. */
static size_t copy_text(const struct text *t, char *out, size_t cap)
{
	const char *p = t->s, *end = t->s + t->len;
	size_t n = 0;
	char piece[4];

	if (!t->odd) {
		n = t->len < cap ? t->len : cap - 1;
		memcpy(out, t->s, n);
		out[n] = '\0';
		return n;
	}
	while (p < end) {
		size_t k = 1;

		if (*p == '\033') {
			p = skip_escape(p, end);
			continue;
		}
		piece[0] = *p++;
		if (piece[0] == '\\' && p < end)
			k = (size_t)unescape(&p, end, piece);
		if (n + k >= cap)
			break;
		memcpy(out + n, piece, k);
		n += k;
	}
	out[n] = '\0';
	return n;
}

/* What a key means. The user's names come first, and a metric named by the user has no other name.
 */
static int key_of(const struct text *t, const struct lc_names *names, int *rank)
{
	char copy[128];
	const char *s = t->s;
	size_t len = t->len;
	int key;

	if (t->odd) {
		len = copy_text(t, copy, sizeof(copy));
		s = copy;
	}
	*rank = 100;
	for (int i = 0; names && i < names->n; i++)
		if (strlen(names->map[i].name) == len && memcmp(names->map[i].name, s, len) == 0)
			return names->map[i].metric < 0 ? LC_KEY_STEP : names->map[i].metric;
	key = lc_name_key(s, len, rank);
	for (int i = 0; names && i < names->n && key >= 0; i++)
		if (key == (names->map[i].metric < 0 ? LC_KEY_STEP : names->map[i].metric))
			return LC_KEY_NONE;
	return key;
}

/* A value: a number, a string, or neither (null, true, false, nested). */
struct value {
	enum { OTHER, NUMBER, STRING } kind;
	double x;
	struct text text; /* as it is in the line, for both kinds */
};

/* null, true and false, in any case: Python's None is some loggers' null. */
static int scan_word(struct scan *s)
{
	static const struct {
		const char *word;
		size_t len;
	} words[] = {{"null", 4}, {"true", 4}, {"false", 5},
		     {"None", 4}, {"True", 4}, {"False", 5}};

	for (size_t i = 0; i < COUNT(words); i++)
		if ((size_t)(s->end - s->p) >= words[i].len &&
		    memcmp(s->p, words[i].word, words[i].len) == 0) {
			s->p += words[i].len;
			return 0;
		}
	return broken(s);
}

static int scan_value(struct scan *s, struct value *v)
{
	size_t n;

	v->kind = OTHER;
	v->text = (struct text){"", 0, 0};
	if (s->p == s->end)
		return broken(s);
	if (*s->p == '"') {
		s->p++;
		v->kind = STRING;
		return scan_string(s, &v->text);
	}
	if (*s->p == '{' || *s->p == '[')
		return s->p++, skip_nested(s, s->p[-1]);
	n = lc_num_parse(s->p, (size_t)(s->end - s->p), &v->x);
	if (n == 0)
		return scan_word(s);
	v->kind = NUMBER;
	v->text = (struct text){s->p, n, 0};
	s->p += n;
	return 0;
}

/* The value as a number: 1, or 0 when it is none. */
static int number_of(const struct value *v, double *x)
{
	char copy[64];
	const char *p = copy;
	size_t n, len;

	if (v->kind == NUMBER)
		return *x = v->x, 1;
	if (v->kind != STRING || v->text.len >= sizeof(copy))
		return 0;
	len = copy_text(&v->text, copy, sizeof(copy));
	for (; len && *p == ' '; len--)
		p++;
	while (len && p[len - 1] == ' ')
		len--;
	n = lc_num_parse(p, len, x);
	return n > 0 && n == len;
}

/* What a line says beyond the struct lc_step. */
struct findings {
	short rank[LC_KEYS]; /* 0: not seen */
	int has_step, other_type, typed;
	double v;
};

static void put_string(const struct value *v, char *out, size_t cap)
{
	if (v->kind == OTHER)
		out[0] = '\0';
	else
		copy_text(&v->text, out, cap);
}

static void put(struct lc_step *st, struct findings *f, int key, const struct value *v)
{
	double x;

	if (key < LC_METRICS) {
		int is = number_of(v, &x);

		st->v[key] = is ? x : NAN;
		st->has = is ? st->has | 1u << key : st->has & ~(1u << key);
	} else if (key == LC_KEY_STEP) {
		f->has_step =
			number_of(v, &x) && x >= 0 && x <= 9007199254740992.0 && x == floor(x);
		st->step = f->has_step ? (long)x : 0;
	} else if (key == LC_KEY_BATCH) {
		put_string(v, st->batch, sizeof(st->batch));
	} else if (key == LC_KEY_RUN) {
		put_string(v, st->run, sizeof(st->run));
	} else if (key == LC_KEY_BRANCH) {
		put_string(v, st->branch, sizeof(st->branch));
	} else if (key == LC_KEY_TYPE) {
		f->typed =
			v->kind == STRING && v->text.len == 4 && memcmp(v->text.s, "step", 4) == 0;
		f->other_type = !f->typed;
	} else if (!number_of(v, &f->v)) {
		f->v = 0;
	}
}

/* s->p behind the opening brace: all members, and nothing but space after the closing one. */
static int scan_members(struct scan *s, const struct lc_names *names, struct lc_step *st,
			struct findings *f)
{
	struct value v;
	struct text name;
	int key, rank;

	for (;;) {
		skip_space(s);
		if (s->p == s->end || *s->p != '"')
			return broken(s);
		s->p++;
		if (scan_string(s, &name))
			return -1;
		skip_space(s);
		if (s->p == s->end || *s->p != ':')
			return broken(s);
		s->p++;
		skip_space(s);
		if (scan_value(s, &v))
			return -1;
		key = key_of(&name, names, &rank);
		if (key >= 0 && rank >= f->rank[key]) {
			f->rank[key] = (short)rank;
			put(st, f, key, &v);
		}
		skip_space(s);
		if (s->p == s->end || (*s->p != ',' && *s->p != '}'))
			return broken(s);
		if (*s->p++ == '}')
			return 0;
	}
}

int lc_step_parse(const char *line, size_t len, const struct lc_names *names, struct lc_step *st,
		  struct lc_err *err)
{
	struct scan s = {line, line, line + len, err};
	struct findings f = {0};

	st->step = 0;
	st->has = 0;
	for (int m = 0; m < LC_METRICS; m++)
		st->v[m] = NAN;
	st->batch[0] = st->run[0] = st->branch[0] = '\0';
	skip_space(&s);
	if (s.p == s.end || *s.p++ != '{')
		return 0;
	skip_space(&s);
	if (s.p == s.end)
		return broken(&s);
	if (*s.p == '}')
		s.p++;
	else if (*s.p != '"')
		return 0; /* some other text that opens with a brace */
	else if (scan_members(&s, names, st, &f))
		return -1;
	skip_space(&s);
	if (s.p != s.end)
		return broken(&s);
	if (f.typed && f.v > 1)
		return lc_fail(err, LC_DATA, "step record of version %g; this reader knows 1", f.v);
	return f.has_step && !f.other_type;
}

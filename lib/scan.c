/* scan: see scan.h. */
#include "scan.h"

#include <string.h>

#include "num.h"

#define DEPTH_MAX 2048
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

int lc_scan_broken(const struct lc_scan *s)
{
	if (s->p >= s->end)
		return lc_fail(s->err, LC_DATA, "object broken off after %zu bytes",
			       (size_t)(s->end - s->start));
	return lc_fail(s->err, LC_DATA, "object malformed at byte %zu",
		       (size_t)(s->p - s->start) + 1);
}

/* p at an ESC: behind its sequence (ECMA-48: ESC [ parameters, then a final byte; else ESC and one
 * byte). */
const char *lc_scan_escape(const char *p, const char *end)
{
	if (++p < end && *p == '[') {
		for (p++; p < end && ((unsigned char)*p < 0x40 || (unsigned char)*p > 0x7e); p++)
			;
	}
	return p < end ? p + 1 : end;
}

/* s->p behind the opening bracket of kind; afterwards behind its closing one. Contents are only
 * balanced. */
int lc_scan_nested(struct lc_scan *s, char kind)
{
	unsigned char open[DEPTH_MAX / 8]; /* bit d: level d is an object */
	struct lc_text t;
	size_t depth = 0;

	open[0] = kind == '{';
	while (s->p < s->end) {
		char c = *s->p++;
		unsigned bit = 1u << depth % 8;

		if (c == '"') {
			if (lc_scan_string(s, &t))
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
				return lc_scan_broken(s);
			}
			if (depth-- == 0)
				return 0;
		}
	}
	return lc_scan_broken(s);
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
size_t lc_text_copy(const struct lc_text *t, char *out, size_t cap)
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
			p = lc_scan_escape(p, end);
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

/* null, true and false, in any case: Python's None is some loggers' null. */
static int scan_word(struct lc_scan *s)
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
	return lc_scan_broken(s);
}

int lc_scan_value(struct lc_scan *s, struct lc_value *v)
{
	size_t n;

	v->kind = LC_VALUE_OTHER;
	v->text = (struct lc_text){"", 0, 0};
	if (s->p == s->end)
		return lc_scan_broken(s);
	if (*s->p == '"') {
		s->p++;
		v->kind = LC_VALUE_STR;
		return lc_scan_string(s, &v->text);
	}
	if (*s->p == '{' || *s->p == '[')
		return s->p++, lc_scan_nested(s, s->p[-1]);
	n = lc_num_parse(s->p, (size_t)(s->end - s->p), &v->x);
	if (n == 0)
		return scan_word(s);
	v->kind = LC_VALUE_NUM;
	v->text = (struct lc_text){s->p, n, 0};
	s->p += n;
	return 0;
}

/* The value as a number: 1, or 0 when it is none. */
int lc_value_num(const struct lc_value *v, double *x)
{
	char copy[64];
	const char *p = copy;
	size_t n, len;

	if (v->kind == LC_VALUE_NUM)
		return *x = v->x, 1;
	if (v->kind != LC_VALUE_STR || v->text.len >= sizeof(copy))
		return 0;
	len = lc_text_copy(&v->text, copy, sizeof(copy));
	for (; len && *p == ' '; len--)
		p++;
	while (len && p[len - 1] == ' ')
		len--;
	n = lc_num_parse(p, len, x);
	return n > 0 && n == len;
}

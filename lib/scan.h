/*
 * scan: the pieces of a JSON text, read as forgivingly as logs need (lc-record(5)).
 *
 * Nothing is copied or allocated: a string is a place in the text until lc_text_copy(). Where a
 * value, a key or a bracket may stand, ANSI colours are passed over like space.
 */
#ifndef LC_SCAN_H
#define LC_SCAN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "err.h"

/* The text and where we are in it. */
struct lc_scan {
	const char *start, *p, *end;
	struct lc_err *err;
};

/* A string as it lies in the text, between its quotes; or a number. */
struct lc_text {
	const char *s;
	size_t len;
	int odd; /* has a backslash or an ESC: copy it out before use */
};

/* A value: a number, a string, or neither (null, true, false, nested). */
struct lc_value {
	enum { LC_VALUE_OTHER, LC_VALUE_NUM, LC_VALUE_STR } kind;
	double x;
	struct lc_text text; /* as it is in the line, for both kinds */
};

/* Says where the text breaks off or is malformed; -1. */
int lc_scan_broken(const struct lc_scan *s);

/* p at an ESC: behind its sequence (ECMA-48: ESC [ parameters, then a final byte; else ESC and one
 * byte). */
const char *lc_scan_escape(const char *p, const char *end);

/* s->p behind the opening bracket of kind; afterwards behind its closing one. Contents are only
 * balanced. */
int lc_scan_nested(struct lc_scan *s, char kind);

/* Any one value; a nested one is passed over and has kind LC_VALUE_OTHER. */
int lc_scan_value(struct lc_scan *s, struct lc_value *v);

/* The text with escapes resolved and colours gone, cut to cap - 1 bytes. Returns the length. */
size_t lc_text_copy(const struct lc_text *t, char *out, size_t cap);

/* The value as a number, also one that stands in a string: 1, or 0 when it is none. */
int lc_value_num(const struct lc_value *v, double *x);

static inline void lc_scan_space(struct lc_scan *s)
{
	while (s->p < s->end) {
		char c = *s->p;

		if (c == '\033')
			s->p = lc_scan_escape(s->p, s->end);
		else if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
			s->p++;
		else
			return;
	}
}

/* The first quote, backslash or ESC from p on, or end. Eight bytes at a time where there are as
 * many: in each of the three words a byte that was zero has its high bit, the lowest one surely. */
static inline const char *lc_scan_special(const char *p, const char *end)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	const uint64_t ones = 0x0101010101010101, highs = 0x8080808080808080;

	for (; end - p >= 8; p += 8) {
		uint64_t w, quote, slash, esc, found;

		memcpy(&w, p, 8);
		quote = w ^ ones * '"';
		slash = w ^ ones * '\\';
		esc = w ^ ones * '\033';
		found = (((quote - ones) & ~quote) | ((slash - ones) & ~slash) |
			 ((esc - ones) & ~esc)) &
			highs;
		if (found)
			return p + __builtin_ctzll(found) / 8;
	}
#endif
	while (p < end && *p != '"' && *p != '\\' && *p != '\033')
		p++;
	return p;
}

/* s->p behind an opening quote; afterwards behind the closing one. */
static inline int lc_scan_string(struct lc_scan *s, struct lc_text *t)
{
	const char *p = s->p, *end = s->end;

	t->s = p;
	t->odd = 0;
	while ((p = lc_scan_special(p, end)) < end && *p != '"') {
		t->odd = 1;
		p += *p == '\\' && p + 1 < end ? 2 : 1;
	}
	if (p >= end) {
		s->p = end;
		return lc_scan_broken(s);
	}
	t->len = (size_t)(p - t->s);
	s->p = p + 1;
	return 0;
}

#endif

/*
 * shorten: a decimal number as a log has it, rewritten in the fewest digits.
 *
 * Up to 15 digits are kept as they are, since no shorter text reads back as the same double; only
 * their zeros, sign and exponent are put in order. More digits go by the double's own shortest
 * text.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "out.h"

#define DIGITS 15

/* d[0].d[1]d[2]... x 10^exp10, nothing but zeros behind. */
struct decimal {
	char d[DIGITS + 1];
	int n, exp10, negative;
};

/* The digits of a number that lc_num_parse() has taken. 0 when there are too many. */
static int digits_of(const char *s, const char *end, struct decimal *dec)
{
	int point = 0, e = 0, negative = 0, zeros = 0;

	*dec = (struct decimal){.exp10 = -1};
	if (*s == '-' || *s == '+')
		dec->negative = *s++ == '-';
	for (; s < end && (*s | 0x20) != 'e'; s++) {
		if (*s == '.') {
			point = 1;
			continue;
		}
		if (*s == '0' && dec->n == 0) {
			dec->exp10 -= point;
			continue;
		}
		dec->exp10 += !point;
		if (*s == '0') { /* it counts when another digit follows */
			zeros++;
			continue;
		}
		if (dec->n + zeros >= DIGITS)
			return 0;
		for (; zeros > 0; zeros--)
			dec->d[dec->n++] = '0';
		dec->d[dec->n++] = *s;
	}
	if (s == end)
		return 1;
	s++;
	if (*s == '-' || *s == '+')
		negative = *s++ == '-';
	for (; s < end && e < 10000; s++)
		e = 10 * e + (*s - '0');
	dec->exp10 += negative ? -e : e;
	return 1;
}

/* As printf's %g would, but with all integers below 10^15 written out. */
static void write_decimal(const struct decimal *dec, char *out)
{
	const char *d = dec->d;
	int n = dec->n, e = dec->exp10;

	if (dec->negative)
		*out++ = '-';
	if (n == 0) {
		memcpy(out, "0", 2);
		return;
	}
	if (e < -4 || e >= DIGITS) {
		*out++ = *d;
		if (n > 1) {
			*out++ = '.';
			memcpy(out, d + 1, (size_t)n - 1);
			out += n - 1;
		}
		snprintf(out, 8, "e%+03d", e);
		return;
	}
	if (e < 0) {
		memcpy(out, "0.0000", 6);
		out += 1 - e;
	}
	for (int i = 0; i < n || i <= e; i++) {
		if (e >= 0 && i == e + 1)
			*out++ = '.';
		*out++ = i < n ? d[i] : '0';
	}
	*out = '\0';
}

/* Is it written as write_decimal() would? Most numbers in JSON are. */
static int is_short(const char *s, size_t len)
{
	const char *p = s + (*s == '-'), *end = s + len, *point = NULL, *first = p;

	if (len > DIGITS + 1 || (*p == '0' && p + 1 < end && p[1] != '.'))
		return 0;
	for (; p < end; p++) {
		if (*p == '.')
			point = p;
		else if (*p < '0' || *p > '9') /* a sign or an exponent */
			return 0;
	}
	if (!point)
		return end > first && end - first <= DIGITS;
	if (end[-1] == '0' || end[-1] == '.' || point == first)
		return 0;
	return *first != '0' || point + 4 >= end || memcmp(point + 1, "0000", 4) != 0;
}

size_t num_shorten(const char *s, size_t len, double x, char out[OUT_NUM])
{
	struct decimal dec;

	if (is_short(s, len)) {
		memcpy(out, s, len);
		out[len] = '\0';
		return len;
	}
	if (!isfinite(x) || !digits_of(s, s + len, &dec) || (x == 0 && dec.n > 0))
		lc_num(out, x);
	else
		write_decimal(&dec, out);
	return strlen(out);
}

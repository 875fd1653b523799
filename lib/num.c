/*
 * num: see num.h.
 *
 * Short numbers are exact in one division (Clinger 1990). Most others take one 64x64-bit product
 * with a truncated power of ten, in the manner of Eisel and Lemire (Lemire, "Number parsing at a
 * gigabyte per second", 2021); where the truncation could change the rounding, strtod decides.
 */
#include "num.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* 10^e for e in [-38, 0] is POW10[e + 38] x 2^k, k = (e * 217706 >> 16) - 63; rounded down to 64
 * bits. */
#define POW10_MIN (-38)
static const uint64_t POW10[] = {
	0xd9c7dced53c72255, 0x881cea14545c7575, 0xaa242499697392d2, 0xd4ad2dbfc3d07787,
	0x84ec3c97da624ab4, 0xa6274bbdd0fadd61, 0xcfb11ead453994ba, 0x81ceb32c4b43fcf4,
	0xa2425ff75e14fc31, 0xcad2f7f5359a3b3e, 0xfd87b5f28300ca0d, 0x9e74d1b791e07e48,
	0xc612062576589dda, 0xf79687aed3eec551, 0x9abe14cd44753b52, 0xc16d9a0095928a27,
	0xf1c90080baf72cb1, 0x971da05074da7bee, 0xbce5086492111aea, 0xec1e4a7db69561a5,
	0x9392ee8e921d5d07, 0xb877aa3236a4b449, 0xe69594bec44de15b, 0x901d7cf73ab0acd9,
	0xb424dc35095cd80f, 0xe12e13424bb40e13, 0x8cbccc096f5088cb, 0xafebff0bcb24aafe,
	0xdbe6fecebdedd5be, 0x89705f4136b4a597, 0xabcc77118461cefc, 0xd6bf94d5e57a42bc,
	0x8637bd05af6c69b5, 0xa7c5ac471b478423, 0xd1b71758e219652b, 0x83126e978d4fdf3b,
	0xa3d70a3d70a3d70a, 0xcccccccccccccccc, 0x8000000000000000,
};

static const double EXACT10[] = {1e0,  1e1,  1e2,  1e3,	 1e4,  1e5,  1e6,  1e7,
				 1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
				 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* 2^k, exactly; the range of exponents above keeps k far from subnormal and overflow. */
static double power2(int k)
{
	uint64_t bits = (uint64_t)(k + 1023) << 52;
	double x;

	memcpy(&x, &bits, sizeof(x));
	return x;
}

/* m x 10^e to *x when that can be rounded with certainty here: 1, else 0. */
static int scale(uint64_t m, int e, double *x)
{
	unsigned __int128 product;
	uint64_t high, low_bits, half;
	int shift, drop;

	if (m < (uint64_t)1 << 53 && e >= -22 && e <= 22) {
		*x = e < 0 ? (double)m / EXACT10[-e] : (double)m * EXACT10[e];
		return 1;
	}
	if (m == 0 || e < POW10_MIN || e > 0) {
		*x = 0;
		return m == 0;
	}
	shift = __builtin_clzll(m);
	product = (unsigned __int128)(m << shift) * POW10[e - POW10_MIN];
	high = (uint64_t)(product >> 64); /* the true value is in [high, high + 2) */
	drop = 11 - __builtin_clzll(high);
	half = (uint64_t)1 << (drop - 1);
	low_bits = high & (2 * half - 1);
	if (low_bits + 1 >= half && low_bits <= half)
		return 0;
	high = (high >> drop) + (low_bits > half);
	*x = (double)high * power2(drop + 64 - shift + (e * 217706 >> 16) - 63);
	return 1;
}

/* What is hard to round goes to strtod, as a copy, since s ends with no NUL. 0 when it is too long
 * for that. */
static size_t by_strtod(const char *s, size_t len, double *x)
{
	char copy[1024];

	if (len >= sizeof(copy))
		return 0;
	memcpy(copy, s, len);
	copy[len] = '\0';
	*x = strtod(copy, NULL);
	return len;
}

static size_t parse_word(const char *s, size_t len, double *x)
{
	static const struct {
		const char *word;
		size_t len;
		double value;
	} words[] = {{"nan", 3, NAN}, {"infinity", 8, INFINITY}, {"inf", 3, INFINITY}};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (len >= words[i].len && strncasecmp(s, words[i].word, words[i].len) == 0) {
			*x = words[i].value;
			return words[i].len;
		}
	return 0;
}

/* The exponent at (s, end), which starts with e or E: its value, clamped, and how many bytes; 0
 * bytes when none. */
static size_t parse_exponent(const char *s, const char *end, int *e)
{
	const char *p = s + 1;
	int negative = 0, value = 0;

	if (p < end && (*p == '-' || *p == '+'))
		negative = *p++ == '-';
	if (p == end || *p < '0' || *p > '9')
		return 0;
	for (; p < end && *p >= '0' && *p <= '9'; p++)
		if (value < 100000)
			value = value * 10 + (*p - '0');
	*e = negative ? -value : value;
	return (size_t)(p - s);
}

/* Eight digits, the first in the lowest byte, to their value: pairs, then fours, then all. */
static uint32_t eight_digits(uint64_t d)
{
	d = (d * 2561) >> 8;
	d = ((d & 0x00ff00ff00ff00ff) * 6553601) >> 16;
	return (uint32_t)(((d & 0x0000ffff0000ffff) * 42949672960001) >> 32);
}

/* The digits at p, behind those that are *m already: behind them. Eight at a time where eight bytes
 * are there to be read. Meaningless in *m past 19 digits. */
static const char *parse_digits(const char *p, const char *end, uint64_t *m)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	static const uint32_t power[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000};

	while (end - p >= 8) {
		uint64_t d, other;
		int n;

		memcpy(&d, p, 8);
		d ^= 0x3030303030303030;
		other = (((d & 0x7f7f7f7f7f7f7f7f) + 0x7676767676767676) | d) & 0x8080808080808080;
		if (other == 0) {
			*m = *m * 100000000 + eight_digits(d);
			p += 8;
			continue;
		}
		n = __builtin_ctzll(other) / 8; /* digits before the first byte that is none */
		if (n > 0)
			*m = *m * power[n] + eight_digits(d << (64 - 8 * n));
		return p + n;
	}
#endif
	for (; p < end && (unsigned char)(*p - '0') <= 9; p++)
		*m = *m * 10 + (unsigned)(*p - '0');
	return p;
}

size_t lc_num_parse(const char *s, size_t len, double *x)
{
	const char *p = s, *end = s + len, *first;
	int negative = 0, e = 0;
	uint64_t m = 0;
	size_t digits, fraction = 0, n;

	if (p < end && (*p == '-' || *p == '+'))
		negative = *p++ == '-';
	first = p;
	p = parse_digits(p, end, &m);
	digits = (size_t)(p - first);
	if (p < end && *p == '.') {
		const char *point = p++;

		p = parse_digits(p, end, &m);
		fraction = (size_t)(p - point - 1);
		digits += fraction;
		if (digits == 0)
			return 0;
	}
	if (digits == 0) {
		n = parse_word(p, (size_t)(end - p), x);
		if (negative && n)
			*x = -*x;
		return n ? n + (size_t)(p - s) : 0;
	}
	if (p < end && (*p | 0x20) == 'e')
		p += parse_exponent(p, end, &e);
	if (digits > 19 || !scale(m, e - (int)fraction, x))
		return by_strtod(s, (size_t)(p - s), x);
	if (negative)
		*x = -*x;
	return (size_t)(p - s);
}

/* Where the exact value is too near a tie to tell, or printf would use an exponent. */
static size_t slowly(char *buf, double x)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%.6g", x);

	memcpy(buf, text, (size_t)n);
	return (size_t)n;
}

/*
 * Six digits n of the value n 10^(d - 5), d in [-4, 5], without zeros at the end of the fraction.
 * Up to 12 bytes at p are written, some of them behind the number.
 */
static size_t place_digits(char *p, unsigned n, int d)
{
	static const char pair[] = "00010203040506070809101112131415161718192021222324"
				   "25262728293031323334353637383940414243444546474849"
				   "50515253545556575859606162636465666768697071727374"
				   "75767778798081828384858687888990919293949596979899";
	char digit[12] = {0}, *start = p;
	int last = 5;

	memcpy(digit, pair + n / 10000 * 2, 2);
	memcpy(digit + 2, pair + n / 100 % 100 * 2, 2);
	memcpy(digit + 4, pair + n % 100 * 2, 2);
	while (last > d && last > 0 && digit[last] == '0')
		last--;
	if (d < 0) {
		memcpy(p, "0.0000", 6);
		p += 1 - d;
		memcpy(p, digit, 6);
		return (size_t)(p + last + 1 - start);
	}
	memcpy(p, digit, 6); /* and what is behind the point once more, behind it */
	p += d + 1;
	if (last > d) {
		*p++ = '.';
		memcpy(p, digit + d + 1, 5);
		p += last - d;
	}
	return (size_t)(p - start);
}

size_t lc_num_6(char buf[LC_NUM_6_LEN], double x)
{
	static const double ten[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};
	double a = fabs(x), v, over;
	int d, sign = x < 0;
	unsigned n;

	if (!(a >= 1e-4 && a < 999999))
		return slowly(buf, x);
	d = (a >= 1e1) + (a >= 1e2) + (a >= 1e3) + (a >= 1e4) + (a >= 1e5);
	if (a < 1)
		for (d = -1; a * ten[-d] < 1; d--)
			;
	if (d < -4) /* 1e-4 and what rounds below it */
		return slowly(buf, x);
	v = a * ten[5 - d]; /* off by 1e-10 at most */
	n = (unsigned)v;
	over = v - n;
	if (fabs(over - .5) < 1e-9)
		return slowly(buf, x);
	n += over > .5;
	if (n == 1000000) {
		n = 100000;
		d++;
	}
	buf[0] = '-';
	return (size_t)sign + place_digits(buf + sign, n, d);
}

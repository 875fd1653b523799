/*
 * codec_rans: bytes by their frequencies alone, with a fraction of a bit each where they deserve no
 * more.
 *
 * Range asymmetric numeral systems (Duda 2013), with frequencies that add up to 4096 and four
 * states that take turns, so that a processor works at four at once. The layout is in lc-store(5).
 */
#include <string.h>

#include "codec_impl.h"

#define BITS 12
#define TOTAL (1u << BITS)
#define LOW (1u << 16) /* a state is at least that, and is refilled by 16 bits */
#define STATES 4
#define HEAD (32 + 4 * STATES) /* which bytes there are, and the states; frequencies apart */

/* Frequencies in proportion to count, none of them lost, that add up to TOTAL. */
static void normalise(const uint32_t *count, size_t n, uint32_t *freq)
{
	uint32_t sum = 0;

	for (int c = 0; c < 256; c++) {
		freq[c] = (uint32_t)(((uint64_t)count[c] * TOTAL + n / 2) / n);
		if (count[c] && !freq[c])
			freq[c] = 1;
		sum += freq[c];
	}
	while (sum != TOTAL) {
		int most = 0;
		for (int c = 1; c < 256; c++)
			most = freq[c] > freq[most] ? c : most;
		if (sum < TOTAL) {
			freq[most] += TOTAL - sum;
			return;
		}
		/* what was lifted to 1 is taken from the largest, which has it */
		freq[most]--;
		sum--;
	}
}

static size_t put_table(const uint32_t *freq, unsigned char *out)
{
	unsigned char *p = out + 32;

	memset(out, 0, 32);
	for (int c = 0; c < 256; c++)
		if (freq[c]) {
			out[c / 8] |= (unsigned char)(1 << c % 8);
			*p++ = (unsigned char)freq[c];
			*p++ = (unsigned char)(freq[c] >> 8);
		}
	return (size_t)(p - out);
}

/*
 * x is below 2^20 f when it is divided by f: with 2^44 / f rounded up, the product stays below 2^64
 * and its upper bits are the quotient, exactly.
 */
struct symbol {
	uint64_t inverse;
	uint32_t freq, start;
};

static void make_symbols(const uint32_t *freq, struct symbol *s)
{
	uint32_t sum = 0;

	for (int c = 0; c < 256; c++) {
		uint64_t f = freq[c] ? freq[c] : 1;
		s[c] = (struct symbol){(((uint64_t)1 << 44) + f - 1) / f, freq[c], sum};
		sum += freq[c];
	}
}

/* Put a byte into state x; 16 bits may go to *p, downwards. */
static inline uint32_t push(uint32_t x, const struct symbol *s, unsigned char **p)
{
	int full = x >> (32 - BITS) >= s->freq;

	(*p)[-1] = (unsigned char)(x >> 8);
	(*p)[-2] = (unsigned char)x;
	*p -= full ? 2 : 0;
	x = full ? x >> 16 : x;
	return x + s->start + (uint32_t)(x * s->inverse >> 44) * (TOTAL - s->freq);
}

size_t rans_encode(const unsigned char *in, size_t n, unsigned char *out, size_t room)
{
	uint32_t count[4][256] = {{0}}, freq[256], x[STATES] = {LOW, LOW, LOW, LOW};
	unsigned char *end = out + room, *p = end;
	struct symbol sym[256];
	size_t head, i;

	for (i = 0; i < n; i++)
		count[i % 4][in[i]]++;
	for (int c = 0; c < 256; c++)
		count[0][c] += count[1][c] + count[2][c] + count[3][c];
	normalise(count[0], n, freq);
	make_symbols(freq, sym);
	if (room < HEAD + 512)
		return 0;
	head = put_table(freq, out) + 4 * STATES;
	for (i = n; i % STATES; i--) /* the last first: the decoder goes the other way */
		x[(i - 1) % STATES] = push(x[(i - 1) % STATES], &sym[in[i - 1]], &p);
	for (; i > 0; i -= STATES) {
		if ((size_t)(p - out) < head + 4 * STATES)
			return 0;
		for (size_t k = STATES; k-- > 0;)
			x[k] = push(x[k], &sym[in[i - STATES + k]], &p);
	}
	for (int k = 0; k < STATES; k++)
		put_u32(out + head - 4 * STATES + 4 * k, x[k]);
	memmove(out + head, p, (size_t)(end - p));
	return head + (size_t)(end - p);
}

struct slot {		       /* what a state's lowest bits stand for */
	uint16_t freq, within; /* of the byte; place among its own */
	unsigned char byte;
};

/* The bytes read, or 0. */
static size_t get_table(const unsigned char *in, size_t len, struct slot *slot)
{
	const unsigned char *p = in + 32, *end = in + len;
	uint32_t sum = 0;

	if (len < HEAD)
		return 0;
	for (unsigned c = 0; c < 256; c++) {
		uint32_t f;
		if (!(in[c / 8] >> c % 8 & 1))
			continue;
		if (end - p < 2)
			return 0;
		f = p[0] | (uint32_t)p[1] << 8;
		p += 2;
		if (f == 0 || f > TOTAL - sum)
			return 0;
		for (uint32_t k = 0; k < f; k++)
			slot[sum + k] = (struct slot){(uint16_t)f, (uint16_t)k, (unsigned char)c};
		sum += f;
	}
	return sum == TOTAL ? (size_t)(p - in) : 0;
}

static inline uint32_t next(uint32_t x, const struct slot *s)
{
	return s->freq * (x >> BITS) + s->within;
}

int rans_decode(const unsigned char *in, size_t len, unsigned char *out, size_t n)
{
	struct slot slot[TOTAL];
	size_t at = get_table(in, len, slot), i = 0;
	const unsigned char *p, *end = in + len;
	uint32_t x[STATES];

	if (at == 0 || len - at < 4 * STATES)
		return -1;
	for (int k = 0; k < STATES; k++)
		x[k] = get_u32(in + at + 4 * k);
	p = in + at + 4 * STATES;
	for (; i + STATES <= n && end - p >= 2 * STATES; i += STATES)
		for (int k = 0; k < STATES; k++) {
			const struct slot *s = &slot[x[k] & (TOTAL - 1)];
			uint32_t y = next(x[k], s), more = y << 16 | p[0] | (uint32_t)p[1] << 8;
			int low = y < LOW;
			out[i + (size_t)k] = s->byte;
			x[k] = low ? more : y;
			p += low ? 2 : 0;
		}
	for (; i < n; i++) {
		const struct slot *s = &slot[x[i % STATES] & (TOTAL - 1)];
		uint32_t y = next(x[i % STATES], s);
		out[i] = s->byte;
		if (y < LOW) {
			if (end - p < 2)
				return -1;
			y = y << 16 | p[0] | (uint32_t)p[1] << 8;
			p += 2;
		}
		x[i % STATES] = y;
	}
	for (int k = 0; k < STATES; k++)
		if (x[k] != LOW)
			return -1;
	return p == end ? 0 : -1;
}

/*
 * codec_rans: bytes by their frequencies alone, with a fraction of a bit each where they deserve no
 * more.
 *
 * Range asymmetric numeral systems (Duda 2013), with frequencies that add up to 4096 and 32 states
 * that take turns, so that a processor works at many at once. There may be a table of frequencies
 * for each of some contexts, which the decoder knows by other means. The layout is in lc-store(5).
 */
#include <endian.h>
#include <math.h>
#include <string.h>

#include "codec_impl.h"

#define TABLE_MAX (2 + 2 * 256) /* bytes of a table of frequencies */
#define HEAD_MAX (1 + CONTEXTS * TABLE_MAX + 4 * RANS_STATES)

void rans_count(const unsigned char *in, const unsigned char *ctx, size_t n,
		uint32_t count[CONTEXTS][256])
{
	uint32_t c[4][256]; /* so that equal bytes in a row need not wait for each other */
	size_t i = 0;

	if (ctx) {
		for (i = 0; i < n; i++)
			count[ctx[i]][in[i]]++;
		return;
	}
	memset(c, 0, sizeof(c));
	for (; i + 8 <= n; i += 8) {
		uint64_t x;
		memcpy(&x, in + i, 8);
		for (int k = 0; k < 8; k++)
			c[k % 4][x >> 8 * k & 255]++;
	}
	for (; i < n; i++)
		c[0][in[i]]++;
	for (int k = 0; k < 256; k++)
		count[0][k] += c[0][k] + c[1][k] + c[2][k] + c[3][k];
}

double rans_bits(const uint32_t *count, unsigned *kinds)
{
	float sum = 0, n = 0;

	*kinds = 0;
	for (int c = 0; c < 256; c++) {
		float x = (float)count[c];
		if (count[c] == 0)
			continue;
		++*kinds;
		n += x;
		sum += x * log2f(x);
	}
	return n > 0 ? (double)(n * log2f(n) - sum) : 0;
}

/* Frequencies in proportion to count, none of them lost, that add up to the total. */
static void normalise(const uint32_t *count, uint32_t *freq)
{
	uint64_t n = 0;
	uint32_t sum = 0;

	for (int c = 0; c < 256; c++)
		n += count[c];
	for (int c = 0; c < 256; c++) {
		freq[c] = (uint32_t)((count[c] * (uint64_t)RANS_TOTAL + n / 2) / n);
		if (count[c] && !freq[c])
			freq[c] = 1;
		sum += freq[c];
	}
	while (sum != RANS_TOTAL) {
		uint32_t take;
		int most = 0;
		for (int c = 1; c < 256; c++)
			most = freq[c] > freq[most] ? c : most;
		if (sum < RANS_TOTAL) {
			freq[most] += RANS_TOTAL - sum;
			return;
		}
		/* what was lifted to 1 is taken from the largest, which have it */
		take = (freq[most] + 7) / 8;
		take = take < sum - RANS_TOTAL ? take : sum - RANS_TOTAL;
		freq[most] -= take;
		sum -= take;
	}
}

static size_t put_table(const uint32_t *freq, unsigned char *out)
{
	unsigned char *p = out + 2;
	int first = 0, last = 255;

	while (!freq[first])
		first++;
	while (!freq[last])
		last--;
	out[0] = (unsigned char)first;
	out[1] = (unsigned char)last;
	for (int c = first; c <= last; c++) {
		if (freq[c] >= 128)
			*p++ = (unsigned char)(128 | freq[c] >> 8);
		*p++ = (unsigned char)freq[c];
	}
	return (size_t)(p - out);
}

/*
 * x is below 2^20 f when it is divided by f: with 2^44 / f rounded up, the product stays below 2^64
 * and its upper bits are the quotient, exactly.
 */
static void make_codes(const uint32_t *freq, uint32_t *code, uint64_t *inverse)
{
	uint32_t sum = 0;

	for (int c = 0; c < 256; c++) {
		uint64_t f = freq[c];
		if (f == 0)
			continue;
		inverse[c] = (((uint64_t)1 << 44) + f - 1) / f;
		code[c] = (uint32_t)(f - 1) | sum << RANS_BITS;
		sum += freq[c];
	}
}

/* Tables of the contexts that there are, as bytes and as codes. */
static size_t put_tables(struct lc_work *w, unsigned tables, unsigned char *out)
{
	unsigned char *p = out;
	uint32_t freq[256];

	*p++ = (unsigned char)tables;
	for (unsigned t = 0; t < tables; t++) {
		unsigned kinds;
		rans_bits(w->count[t], &kinds);
		if (kinds == 0) { /* the first above the last: none */
			*p++ = 1;
			*p++ = 0;
			continue;
		}
		normalise(w->count[t], freq);
		make_codes(freq, w->codes->code + 256 * t, w->codes->inverse + 256 * t);
		p += put_table(freq, p);
	}
	return (size_t)(p - out);
}

/* Put a byte into state x; 16 bits may go to *p, downwards. */
static inline uint32_t push(uint32_t x, uint32_t code, uint64_t inverse, unsigned char **p)
{
	uint32_t f = (code & (RANS_TOTAL - 1)) + 1;
	unsigned full = x >> (32 - RANS_BITS) >= f; /* no branch: it would be guessed wrong */
	uint16_t out = htole16((uint16_t)x);

	memcpy(*p - 2, &out, 2);
	*p -= 2 * full;
	x >>= 16 * full;
	return x + (code >> RANS_BITS) + (uint32_t)(x * inverse >> 44) * (RANS_TOTAL - f);
}

unsigned char *rans_push(uint32_t *x, const unsigned char *in, const unsigned char *ctx, size_t n,
			 const struct rans_codes *t, unsigned char *p)
{
	uint32_t y[RANS_STATES]; /* nobody else's: bytes that are written do not change it */

	memcpy(y, x, sizeof(y));
	for (size_t i = n; i-- > 0;) {
		size_t k = i % RANS_STATES, s = ctx ? (size_t)ctx[i] << 8 | in[i] : in[i];
		y[k] = push(y[k], t->code[s], t->inverse[s], &p);
	}
	memcpy(x, y, sizeof(y));
	return p;
}

size_t rans_encode(struct lc_work *w, const unsigned char *in, const unsigned char *ctx, size_t n,
		   unsigned char *out, size_t room)
{
	unsigned char head[HEAD_MAX], *end = w->coded + CODED_ROOM, *p = end;
	size_t len = put_tables(w, ctx ? CONTEXTS : 1, head), whole = n - n % RANS_STATES, words;
	uint32_t x[RANS_STATES];

	for (int k = 0; k < RANS_STATES; k++)
		x[k] = RANS_LOW;
	/* the last first: the decoder goes the other way */
	p = rans_push(x, in + whole, ctx ? ctx + whole : NULL, n - whole, w->codes, p);
	p = w->loops->push(x, in, ctx, whole, w->codes, p);
	for (int k = 0; k < RANS_STATES; k++, len += 4)
		put_u32(head + len, x[k]);
	words = (size_t)(end - p);
	if (len + words > room)
		return 0;
	memcpy(out, head, len);
	memcpy(out + len, p, words);
	return len + words;
}

/* One table, and what its states' lowest bits stand for: byte, frequency less 1, place among its
 * own. The bytes read, or 0. */
static size_t get_table(const unsigned char *in, size_t len, uint32_t *slot)
{
	const unsigned char *p = in + 2, *end = in + len;
	uint32_t sum = 0;

	if (len < 2)
		return 0;
	if (in[0] == 1 && in[1] == 0) {
		memset(slot, 0, RANS_TOTAL * sizeof(*slot));
		return 2;
	}
	for (unsigned c = in[0]; c <= in[1]; c++) {
		uint32_t f;
		if (end - p < 2)
			return 0;
		f = *p++;
		if (f & 128)
			f = (f & 127) << 8 | *p++;
		if (f > RANS_TOTAL - sum)
			return 0;
		for (uint32_t k = 0; k < f; k++)
			slot[sum + k] = c | (f - 1) << 8 | k << 20;
		sum += f;
	}
	return sum == RANS_TOTAL ? (size_t)(p - in) : 0;
}

static inline uint32_t next(uint32_t x, uint32_t slot)
{
	return ((slot >> 8 & (RANS_TOTAL - 1)) + 1) * (x >> RANS_BITS) + (slot >> 20);
}

/* Inlined twice, so that without contexts there are none to look at. */
static inline size_t pull(uint32_t *restrict x, const unsigned char *ctx, const uint32_t *slot,
			  const unsigned char **in, const unsigned char *end,
			  unsigned char *restrict out, size_t n)
{
	const unsigned char *p = *in;
	size_t i = 0;

	for (; n - i >= RANS_STATES && end - p >= 2 * RANS_STATES; i += RANS_STATES)
		for (size_t k = 0; k < RANS_STATES; k++) {
			uint32_t c = ctx ? (uint32_t)ctx[i + k] << RANS_BITS : 0;
			uint32_t s = slot[c | (x[k] & (RANS_TOTAL - 1))], y = next(x[k], s);
			uint16_t more;
			unsigned low = y < RANS_LOW; /* no branch: it would be guessed wrong */
			memcpy(&more, p, 2);
			out[i + k] = (unsigned char)s;
			x[k] = y << 16 * low | (le16toh(more) & (0 - low));
			p += 2 * low;
		}
	*in = p;
	return i;
}

size_t rans_pull(uint32_t *x, const unsigned char *ctx, const uint32_t *slot,
		 const unsigned char **in, const unsigned char *end, unsigned char *out, size_t n)
{
	return ctx ? pull(x, ctx, slot, in, end, out, n) : pull(x, NULL, slot, in, end, out, n);
}

/* The same to the very end, where there may be too few words. */
static int pull_rest(uint32_t *x, const unsigned char *ctx, const uint32_t *slot,
		     const unsigned char **in, const unsigned char *end, unsigned char *out,
		     size_t i, size_t n)
{
	const unsigned char *p = *in;

	for (; i < n; i++) {
		size_t k = i % RANS_STATES;
		uint32_t c = ctx ? (uint32_t)ctx[i] << RANS_BITS : 0;
		uint32_t s = slot[c | (x[k] & (RANS_TOTAL - 1))], y = next(x[k], s);
		out[i] = (unsigned char)s;
		if (y < RANS_LOW) {
			if (end - p < 2)
				return -1;
			y = y << 16 | p[0] | (uint32_t)p[1] << 8;
			p += 2;
		}
		x[k] = y;
	}
	*in = p;
	return 0;
}

int rans_decode(struct lc_work *w, const unsigned char *in, size_t len, const unsigned char *ctx,
		unsigned char *out, size_t n)
{
	const unsigned char *p = in + 1, *end = in + len;
	unsigned tables = len > 0 ? in[0] : 0;
	uint32_t x[RANS_STATES];
	size_t done;

	if (tables != 1 && (tables != CONTEXTS || !ctx))
		return -1;
	for (unsigned t = 0; t < tables; t++) {
		size_t used = get_table(p, (size_t)(end - p), w->slot + t * RANS_TOTAL);
		if (used == 0)
			return -1;
		p += used;
	}
	if (end - p < 4 * RANS_STATES)
		return -1;
	for (int k = 0; k < RANS_STATES; k++, p += 4)
		x[k] = get_u32(p);
	ctx = tables > 1 ? ctx : NULL;
	done = w->loops->pull(x, ctx, w->slot, &p, end, out, n);
	if (pull_rest(x, ctx, w->slot, &p, end, out, done, n) < 0 || p != end)
		return -1;
	for (int k = 0; k < RANS_STATES; k++)
		if (x[k] != RANS_LOW)
			return -1;
	return 0;
}

/*
 * codec_rans4: planes by frequencies as version 2 of the store had them: four states, one table.
 * They are still read. See lc-store(5).
 */
#include "codec_impl.h"

#define BITS RANS_BITS
#define TOTAL RANS_TOTAL
#define LOW RANS_LOW
#define STATES 4
#define HEAD (32 + 4 * STATES) /* which bytes there are, and the states; frequencies apart */

struct slot {		       /* what a state's lowest bits stand for */
	uint16_t freq, within; /* of the byte; place among its own */
	unsigned char byte;
};

/* The bytes read, or 0. */
static size_t get_table4(const unsigned char *in, size_t len, struct slot *slot)
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

int rans4_decode(const unsigned char *in, size_t len, unsigned char *out, size_t n)
{
	struct slot slot[TOTAL];
	size_t at = get_table4(in, len, slot), i = 0;
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

/*
 * crc: see crc.h. Eight bytes a turn, by tables (Kounavis and Berry, "A systematic approach to
 * building high performance software-based CRC generators", 2005).
 */
#include "crc.h"

#include <pthread.h>
#include <string.h>

void lc_crc_init(struct lc_crc *crc, uint32_t polynomial)
{
	for (uint32_t b = 0; b < 256; b++) {
		uint32_t r = b;

		for (int i = 0; i < 8; i++)
			r = r >> 1 ^ (r & 1 ? polynomial : 0);
		crc->t[0][b] = r;
	}
	for (int k = 1; k < 8; k++)
		for (int b = 0; b < 256; b++)
			crc->t[k][b] = crc->t[k - 1][b] >> 8 ^ crc->t[0][crc->t[k - 1][b] & 0xff];
}

uint32_t lc_crc_of(const struct lc_crc *crc, uint32_t so_far, const void *buf, size_t len)
{
	const uint32_t(*t)[256] = crc->t;
	const unsigned char *p = buf;
	uint32_t r = ~so_far;

	for (; len >= 8; p += 8, len -= 8) {
		r ^= (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
		     (uint32_t)p[3] << 24;
		r = t[7][r & 0xff] ^ t[6][r >> 8 & 0xff] ^ t[5][r >> 16 & 0xff] ^ t[4][r >> 24] ^
		    t[3][p[4]] ^ t[2][p[5]] ^ t[1][p[6]] ^ t[0][p[7]];
	}
	while (len--)
		r = r >> 8 ^ t[0][(r ^ *p++) & 0xff];
	return ~r;
}

static struct lc_crc castagnoli;

static void make_castagnoli(void)
{
	lc_crc_init(&castagnoli, LC_CRC32C);
}

#if defined(__x86_64__) && defined(__GNUC__)
#include <nmmintrin.h>

#define HW __attribute__((target("sse4.2")))
#define STRIP 4096 /* bytes of each of the three, at a time */

/* past[k][b]: what byte k of a remainder, b, becomes after STRIP zero bytes. */
static uint32_t past[4][256];

HW static void make_past(void)
{
	for (int k = 0; k < 4; k++)
		for (int bit = 0; bit < 8; bit++) {
			uint64_t r = 1u << (8 * k + bit);
			for (int i = 0; i < STRIP; i += 8)
				r = _mm_crc32_u64(r, 0);
			for (int b = 0; b < 256; b++)
				past[k][b] ^= b >> bit & 1 ? (uint32_t)r : 0;
		}
}

static uint64_t move_past(uint64_t r)
{
	return past[0][r & 255] ^ past[1][r >> 8 & 255] ^ past[2][r >> 16 & 255] ^
	       past[3][r >> 24 & 255];
}

/* The instruction takes three cycles, but a new one begins each: three strips at once. */
HW static uint64_t by_three(uint64_t r, const unsigned char *p)
{
	uint64_t s = 0, t = 0, x, y, z;

	for (int i = 0; i < STRIP; i += 8) {
		memcpy(&x, p + i, 8);
		memcpy(&y, p + STRIP + i, 8);
		memcpy(&z, p + 2 * STRIP + i, 8);
		r = _mm_crc32_u64(r, x);
		s = _mm_crc32_u64(s, y);
		t = _mm_crc32_u64(t, z);
	}
	return move_past(move_past(r) ^ s) ^ t;
}

HW static uint32_t by_instruction(const unsigned char *p, size_t len)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	uint64_t r = ~0u, x;

	if (len >= 3 * STRIP)
		pthread_once(&once, make_past);
	for (; len >= 3 * STRIP; p += 3 * STRIP, len -= 3 * STRIP)
		r = by_three(r, p);
	for (; len >= 8; p += 8, len -= 8) {
		memcpy(&x, p, 8);
		r = _mm_crc32_u64(r, x);
	}
	while (len--)
		r = _mm_crc32_u8((uint32_t)r, *p++);
	return ~(uint32_t)r;
}
#endif

uint32_t lc_crc32c(const void *buf, size_t len)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

#if defined(__x86_64__) && defined(__GNUC__)
	if (__builtin_cpu_supports("sse4.2"))
		return by_instruction(buf, len);
#endif
	pthread_once(&once, make_castagnoli);
	return lc_crc_of(&castagnoli, 0, buf, len);
}

uint32_t lc_crc_mask(uint32_t sum)
{
	return (sum >> 15 | sum << 17) + 0xa282ead8u;
}

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

__attribute__((target("sse4.2"))) static uint32_t by_instruction(const unsigned char *p, size_t len)
{
	uint64_t r = ~0u, x;

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

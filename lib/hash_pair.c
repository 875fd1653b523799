/*
 * hash_pair: SHA-256 of two buffers at once, in one thread; or of one.
 *
 * Ours, since libcrypto hashes one stream at a time: a round of SHA-256 waits for the one before,
 * and the processor's instruction for it takes a new pair of rounds every other cycle but needs
 * four or more to end one. Two streams, interleaved, fill that gap: nearly twice the bytes a
 * second, where the hash of chunks is half of what a save costs. Without the instruction, libcrypto
 * does it all.
 */
#include "hash.h"

#include <string.h>

#include "hash_impl.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <cpuid.h>
#include <immintrin.h>
#include <stdatomic.h>
#include <stdint.h>

#define TARGET __attribute__((target("sha,sse4.1,ssse3")))
#define BLOCK 64

static const uint32_t k256[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
	0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
	0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
	0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
	0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
	0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
	0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
	0xc67178f2};

/* a to h, in the order that the instruction wants: abef, cdgh */
struct stream {
	__m128i abef, cdgh;
	const unsigned char *p;
};

/* n blocks of each of `lanes` streams, 1 or 2: a constant where this is inlined. */
TARGET static inline __attribute__((always_inline)) void blocks(struct stream *s, int lanes,
								size_t n)
{
	const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
	__m128i a[2], c[2], w[2][4], t;

	for (int l = 0; l < lanes; l++) {
		a[l] = s[l].abef;
		c[l] = s[l].cdgh;
	}
	for (; n > 0; n--) {
		__m128i a0[2], c0[2];
		memcpy(a0, a, sizeof(a));
		memcpy(c0, c, sizeof(c));
#pragma GCC unroll 16
		for (int i = 0; i < 16; i++) { /* four rounds */
			const __m128i k = _mm_loadu_si128((const __m128i *)&k256[4 * i]);
#pragma GCC unroll 2
			for (int l = 0; l < lanes; l++) {
				__m128i *x = w[l], *now = &x[i & 3];
				if (i < 4) {
					t = _mm_loadu_si128((const __m128i *)(s[l].p + 16 * i));
					*now = _mm_shuffle_epi8(t, swap);
				} else {
					t = _mm_alignr_epi8(x[(i + 3) & 3], x[(i + 2) & 3], 4);
					*now = _mm_sha256msg1_epu32(*now, x[(i + 1) & 3]);
					*now = _mm_sha256msg2_epu32(_mm_add_epi32(*now, t),
								    x[(i + 3) & 3]);
				}
				t = _mm_add_epi32(*now, k);
				c[l] = _mm_sha256rnds2_epu32(c[l], a[l], t);
				a[l] = _mm_sha256rnds2_epu32(a[l], c[l],
							     _mm_shuffle_epi32(t, 0x0e));
			}
		}
		for (int l = 0; l < lanes; l++) {
			a[l] = _mm_add_epi32(a[l], a0[l]);
			c[l] = _mm_add_epi32(c[l], c0[l]);
			s[l].p += BLOCK;
		}
	}
	for (int l = 0; l < lanes; l++) {
		s[l].abef = a[l];
		s[l].cdgh = c[l];
	}
}

TARGET static void blocks_of_two(struct stream *s, size_t n)
{
	blocks(s, 2, n);
}

TARGET static void blocks_of_one(struct stream *s, size_t n)
{
	blocks(s, 1, n);
}

TARGET static void start(struct stream *s, const void *p)
{
	s->abef = _mm_set_epi32(0x6a09e667, (int)0xbb67ae85, 0x510e527f, (int)0x9b05688c);
	s->cdgh = _mm_set_epi32(0x3c6ef372, (int)0xa54ff53a, 0x1f83d9ab, 0x5be0cd19);
	s->p = p;
}

/* The rest of len bytes, fewer than a block, and the padding; then the hash. */
TARGET static void finish(struct stream *s, size_t len, struct lc_id *id)
{
	unsigned char last[2 * BLOCK] = {0};
	size_t rest = len % BLOCK, n = rest + 9 > BLOCK ? 2 : 1;
	uint64_t bits = (uint64_t)len * 8;
	uint32_t h[8];

	memcpy(last, s->p, rest);
	last[rest] = 0x80;
	for (int i = 0; i < 8; i++)
		last[n * BLOCK - 1 - (size_t)i] = (unsigned char)(bits >> 8 * i);
	s->p = last;
	blocks_of_one(s, n);
	_mm_storeu_si128((__m128i *)h, s->abef);       /* f e b a */
	_mm_storeu_si128((__m128i *)(h + 4), s->cdgh); /* h g d c */
	{
		const uint32_t out[8] = {h[3], h[2], h[7], h[6], h[1], h[0], h[5], h[4]};
		for (int i = 0; i < 32; i++)
			id->b[i] = (unsigned char)(out[i / 4] >> (24 - 8 * (i % 4)));
	}
}

static void pair(const void *const buf[2], const size_t len[2], struct lc_id *const id[2])
{
	size_t both = (len[0] < len[1] ? len[0] : len[1]) / BLOCK;
	struct stream s[2];

	for (int l = 0; l < 2; l++)
		start(&s[l], buf[l]);
	blocks_of_two(s, both);
	for (int l = 0; l < 2; l++) {
		blocks_of_one(&s[l], len[l] / BLOCK - both);
		finish(&s[l], len[l], id[l]);
	}
}

static int ask_processor(void)
{
	unsigned a, b, c, d;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSSE3) || !(c & bit_SSE4_1))
		return 0;
	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & 1u << 29) != 0;
}

/* Asked once: below a hypervisor the question takes as long as the hash of a small file. */
static int has_instruction(void)
{
	static atomic_int known; /* 1: no, 2: yes */
	int k = atomic_load(&known);

	if (!k)
		atomic_store(&known, k = 1 + ask_processor());
	return k == 2;
}

static void one(const void *buf, size_t len, struct lc_id *id)
{
	struct stream s;

	start(&s, buf);
	blocks_of_one(&s, len / BLOCK);
	finish(&s, len, id);
}
#else
static void one(const void *buf, size_t len, struct lc_id *id)
{
	(void)buf, (void)len, (void)id;
}

static void pair(const void *const buf[2], const size_t len[2], struct lc_id *const id[2])
{
	(void)buf, (void)len, (void)id;
}

static int has_instruction(void)
{
	return 0;
}
#endif

int hash_one(const void *buf, size_t len, struct lc_id *id)
{
	if (!has_instruction())
		return 0;
	one(buf, len, id);
	return 1;
}

int hash_pair(const void *const buf[2], const size_t len[2], struct lc_id *const id[2])
{
	if (!has_instruction())
		return 0;
	pair(buf, len, id);
	return 1;
}

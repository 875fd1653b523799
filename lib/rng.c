/* rng: see rng.h. */
#include "rng.h"

#include <math.h>

static void philox_round(uint32_t c[4], uint32_t k0, uint32_t k1)
{
	uint64_t p0 = (uint64_t)0xD2511F53u * c[0];
	uint64_t p1 = (uint64_t)0xCD9E8D57u * c[2];
	uint32_t d0 = (uint32_t)(p1 >> 32) ^ c[1] ^ k0;
	uint32_t d2 = (uint32_t)(p0 >> 32) ^ c[3] ^ k1;

	c[1] = (uint32_t)p1;
	c[3] = (uint32_t)p0;
	c[0] = d0;
	c[2] = d2;
}

void lc_philox(uint64_t seed, uint64_t stream, uint64_t index, uint32_t out[4])
{
	uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);

	out[0] = (uint32_t)index;
	out[1] = (uint32_t)(index >> 32);
	out[2] = (uint32_t)stream;
	out[3] = (uint32_t)(stream >> 32);
	for (int i = 0; i < 10; i++) {
		philox_round(out, k0, k1);
		k0 += 0x9E3779B9u;
		k1 += 0xBB67AE85u;
	}
}

uint64_t lc_rng_u64(struct lc_rng *r)
{
	uint32_t w[4];

	lc_philox(r->seed, r->stream, r->index++, w);
	return (uint64_t)w[1] << 32 | w[0];
}

uint64_t lc_rng_below(struct lc_rng *r, uint64_t n)
{
	return (uint64_t)(((unsigned __int128)lc_rng_u64(r) * n) >> 64);
}

double lc_rng_uniform(struct lc_rng *r)
{
	return (double)(lc_rng_u64(r) >> 11) * 0x1p-53;
}

double lc_rng_normal(struct lc_rng *r)
{
	uint32_t w[4];
	double u, v;

	lc_philox(r->seed, r->stream, r->index++, w);
	u = ((double)w[0] + 1.0) * 0x1p-32; /* in (0, 1]: the log is finite */
	v = (double)w[1] * 0x1p-32;
	return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}

/*
 * rng: a counter-based generator, Philox4x32-10.
 *
 * Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011. A draw is a pure function
 * of (seed, stream, index): nothing to save but the index, and any order of drawing gives the same.
 */
#ifndef LC_RNG_H
#define LC_RNG_H

#include <stdint.h>

struct lc_rng {
	uint64_t seed;	 /* key */
	uint64_t stream; /* upper half of the counter: what the numbers are for */
	uint64_t index;	 /* lower half: how many blocks were drawn */
};

/* The block of four 32-bit words at (seed, stream, index). */
void lc_philox(uint64_t seed, uint64_t stream, uint64_t index, uint32_t out[4]);

/* Draws that advance index by one block each. */
uint64_t lc_rng_u64(struct lc_rng *r);
uint64_t lc_rng_below(struct lc_rng *r,
		      uint64_t n);	 /* uniform in [0, n), n > 0; bias below n/2^64 */
double lc_rng_uniform(struct lc_rng *r); /* uniform in [0, 1) */
double lc_rng_normal(struct lc_rng *r);	 /* mean 0, variance 1 (Box-Muller, one of the pair) */

#endif

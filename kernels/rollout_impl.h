/* rollout_impl: what the definition of the roll-out and its vector versions share. */
#ifndef LC_ROLLOUT_IMPL_H
#define LC_ROLLOUT_IMPL_H

#include "rollout.h"

enum {
	RATES = LC_MODES + 2, /* noise rates are signal rates 2..13 */
	OWN = LC_MODES,	      /* features of one variant: h */
	SHARED = LC_MODES +
		 1, /* features of all variants of a clock, the constant left out: rho, s */
	LANES_MOST = 16,
};

#define ETA_MAX 1e12 /* above, all modes are gone at once; keeps what follows finite */
#define ETA_MIN 1e-12
#define GONE 1e-9 /* a signal mode below this at the start counts as 0 */

/*
 * The posterior arranged for many branches. With a factor whose rows are in the order (h, rho, s,
 * 1) the first OWN columns are the variant's alone; the rest, summed over the drives of a clock by
 * weight, are one triangle a clock: SHARED rows and the constant's. All is times sqrt(weight).
 */
struct lc_rollout_plan {
	const struct lc_basis *b;
	const struct lc_posterior *post;
	double tol;
	int nuse, use[LC_VARIANTS];		 /* variants of some weight */
	float own[LC_VARIANTS][OWN][OWN];	 /* [feature][column <= feature] */
	float cross[LC_VARIANTS][SHARED][OWN];	 /* [shared feature][column] */
	float shared[LC_CLOCKS][SHARED][SHARED]; /* [feature][column <= feature] */
	float mean_own[LC_VARIANTS][OWN], mean_shared[LC_VARIANTS][SHARED];
	/* the same in double, with the constant's row last: for the start of a branch */
	double own_d[LC_VARIANTS][OWN][OWN], cross_d[LC_VARIANTS][SHARED + 1][OWN];
	double shared_d[LC_CLOCKS][SHARED + 1][SHARED + 1];
};

void lc_rollout_plan_init(struct lc_rollout_plan *p, const struct lc_basis *b,
			  const struct lc_posterior *post, double tol);

/* The device's part: what the plug-in exports (lib/device.h). */
struct lc_err;
int lc_rollout_cuda(const struct lc_rollout_plan *plan, struct lc_rollout_branch *branch, int n,
		    struct lc_err *err);

/* `lanes` branches at once; only the first n of br are there. */
struct lc_rollout_level {
	int lanes;
	void (*run)(const struct lc_rollout_plan *plan, struct lc_rollout_branch *const *br, int n);
};
/* Level 0 (any processor), 1 (AVX2) or 2 (AVX-512), NULL where the processor has it not; a roll-out
 * at one that it has. For tests. */
const struct lc_rollout_level *lc_rollout_level(int level);
void lc_rollout_at(int level, const struct lc_basis *b, const struct lc_posterior *post, double tol,
		   struct lc_rollout_branch *branch, int n, struct lc_pool *pool);

extern const struct lc_rollout_level lc_rollout_v1, lc_rollout_v3, lc_rollout_v4;

#endif

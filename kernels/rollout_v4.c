/* rollout_v4: the lanes of the roll-out for AVX-512; see rollout_lanes.inc. */
#if defined(__x86_64__) && defined(__GNUC__)
#define LANES 8
#define LOOP __attribute__((target("avx512f,avx512vl,avx512dq,prefer-vector-width=512")))
#include "rollout_lanes.inc"

const struct lc_rollout_level lc_rollout_v4 = LEVEL;
#endif

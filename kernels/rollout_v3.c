/* rollout_v3: the lanes of the roll-out for AVX2; see rollout_lanes.inc. */
#if defined(__x86_64__) && defined(__GNUC__)
#define LANES 4
#define LOOP __attribute__((target("avx2")))
#include "rollout_lanes.inc"

const struct lc_rollout_level lc_rollout_v3 = LEVEL;
#endif

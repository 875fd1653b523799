/* rollout_v1: the lanes of the roll-out for any processor; see rollout_lanes.inc. */
#define LANES 2
#define LOOP
#include "rollout_lanes.inc"

const struct lc_rollout_level lc_rollout_v1 = LEVEL;

/* codec_v1: the loops of the codec for any processor; see codec_loops.inc. */
#define LOOP
#include "codec_loops.inc"

const struct loops codec_v1 = {LOOPS, rans_push, rans_pull};

/* codec_v3: the loops of the codec for AVX2 and BMI2; see codec_loops.inc. */
#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define LOOP __attribute__((target("avx2,bmi,bmi2")))
#define FAST_PACK
#include "codec_loops.inc"

const struct loops codec_v3 = {LOOPS, rans_push, rans_pull};
#endif

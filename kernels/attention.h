/*
 * attention: causal softmax(q k^T / sqrt(s)) v of one head of one sequence.
 *
 * q, k, v are (t,s) inside a wider matrix: row i starts at q + i*ld, and so on. out is (t,s) with
 * leading dimension ldo. p, the probabilities, is (t,t), zero above the diagonal. t and s are
 * multiples of 16. scratch holds LC_ATTENTION_SCRATCH(t,s) floats.
 */
#ifndef LC_ATTENTION_H
#define LC_ATTENTION_H

#include <stddef.h>

#define LC_ATTENTION_SCRATCH(t, s) ((size_t)(t) * (size_t)((t) + 2 * (s)))

void lc_attention_cpu(float *out, int ldo, float *p, const float *q, const float *k, const float *v,
		      int ld, int t, int s, float *scratch);

/* dq, dk, dv (leading dimension ld) are written, not added to. */
void lc_attention_back_cpu(float *dq, float *dk, float *dv, const float *dout, int ldo,
			   const float *p, const float *q, const float *k, const float *v, int ld,
			   int t, int s, float *scratch);

#endif

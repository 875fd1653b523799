/*
 * pgrad: the loss of a policy gradient over sampled bytes, and its gradient.
 *
 * For each of n rows of logits (n,v), with p their softmax and q that of ref (n,v), the policy it
 * began as: -advantage log p(action) + beta KL(p || q). The first term's gradient, summed over a
 * sample, is REINFORCE's (Williams 1992); the second is exact at each position. v is a multiple of
 * 16.
 */
#ifndef LC_PGRAD_H
#define LC_PGRAD_H

#include <stdint.h>

/* What the rows come to: nats. */
struct lc_pgrad {
	double loss, kl, entropy; /* sums over the rows */
};

/* Adds to sums; the logits are replaced by scale * d loss / d logits. */
void lc_pgrad_cpu(struct lc_pgrad *sums, float *logits, const float *ref, const uint8_t *action,
		  float advantage, float beta, float scale, int n, int v);

#endif

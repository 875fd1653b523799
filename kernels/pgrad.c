/* pgrad: see pgrad.h. */
#include "pgrad.h"

#include <math.h>

/* log of the softmax's denominator. */
static float log_sum(const float *x, int v)
{
	float top = x[0], sum = 0;

	for (int j = 1; j < v; j++)
		top = x[j] > top ? x[j] : top;
	for (int j = 0; j < v; j++)
		sum += expf(x[j] - top);
	return top + logf(sum);
}

void lc_pgrad_cpu(struct lc_pgrad *sums, float *logits, const float *ref, const uint8_t *action,
		  float advantage, float beta, float scale, int n, int v)
{
	for (int i = 0; i < n; i++, logits += v, ref += v) {
		float zp = log_sum(logits, v), zq = log_sum(ref, v), chosen;
		float kl = 0, entropy = 0;

		chosen = logits[action[i]] - zp;
		for (int j = 0; j < v; j++) {
			float lp = logits[j] - zp, p = expf(lp);

			kl += p * (lp - (ref[j] - zq));
			entropy -= p * lp;
		}
		sums->loss += (double)(beta * kl - advantage * chosen);
		sums->kl += (double)kl;
		sums->entropy += (double)entropy;
		for (int j = 0; j < v; j++) {
			float lp = logits[j] - zp, p = expf(lp);

			logits[j] = scale * p * (advantage + beta * (lp - (ref[j] - zq) - kl));
		}
		logits[action[i]] -= scale * advantage;
	}
}

/* xent: see xent.h. */
#include "xent.h"

#include <math.h>

#include "vec.h"

static float row_max(const float *x, int v)
{
	lc_vec m = lc_load(x);

	for (int j = LC_LANES; j < v; j += LC_LANES) {
		lc_vec a = lc_load(x + j);

		m = lc_select(a > m, a, m);
	}
	return lc_max(m);
}

void lc_xent_cpu(float *loss, const float *logits, const uint8_t *target, int n, int v)
{
	for (int i = 0; i < n; i++, logits += v) {
		float m = row_max(logits, v);
		lc_vec sum = {0};

		for (int j = 0; j < v; j += LC_LANES)
			sum += lc_exp(lc_load(logits + j) - m);
		loss[i] = logf(lc_sum(sum)) + m - logits[target[i]];
	}
}

void lc_xent_back_cpu(float *loss, float *logits, const uint8_t *target, float scale, int n, int v)
{
	for (int i = 0; i < n; i++, logits += v) {
		float m = row_max(logits, v), right = logits[target[i]], s, k;
		lc_vec sum = {0};

		for (int j = 0; j < v; j += LC_LANES) {
			lc_vec e = lc_exp(lc_load(logits + j) - m);

			lc_store(logits + j, e);
			sum += e;
		}
		s = lc_sum(sum);
		k = scale / s;
		loss[i] = logf(s) + m - right;
		for (int j = 0; j < v; j += LC_LANES)
			lc_store(logits + j, lc_load(logits + j) * k);
		logits[target[i]] -= scale;
	}
}

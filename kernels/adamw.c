/* adamw: see adamw.h. */
#include "adamw.h"

#include <math.h>

void lc_adamw_cpu(float *w, float *m, float *v, const float *g, size_t n, const struct lc_adamw *o)
{
	const float b1 = o->beta1, b2 = o->beta2, keep = 1.0f - o->lr * o->decay;
	const float step = o->lr * o->c1, gs = o->gscale, c2 = o->c2, eps = o->eps;

	for (size_t i = 0; i < n; i++) {
		float gi = g[i] * gs;
		float mi = b1 * m[i] + (1.0f - b1) * gi;
		float vi = b2 * v[i] + (1.0f - b2) * gi * gi;

		m[i] = mi;
		v[i] = vi;
		w[i] = keep * w[i] - step * mi / (sqrtf(vi * c2) + eps);
	}
}

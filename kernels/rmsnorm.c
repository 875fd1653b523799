/* rmsnorm: see rmsnorm.h. */
#include "rmsnorm.h"

#include <math.h>

#include "vec.h"

void lc_rmsnorm_cpu(float *y, float *rstd, const float *x, const float *gain, int n, int c)
{
	for (int i = 0; i < n; i++, x += c, y += c) {
		lc_vec sum = {0};
		float s;

		for (int j = 0; j < c; j += LC_LANES)
			sum += lc_load(x + j) * lc_load(x + j);
		s = 1.0f / sqrtf(lc_sum(sum) / (float)c + 1e-5f);
		rstd[i] = s;
		for (int j = 0; j < c; j += LC_LANES)
			lc_store(y + j, lc_load(x + j) * s * lc_load(gain + j));
	}
}

/* With u = dy * gain and r = rstd: dx = r u - x r^3 mean(u x); dgain = sum of dy x r. */
void lc_rmsnorm_back_cpu(float *dx, float *dgain, const float *dy, const float *x,
			 const float *gain, const float *rstd, int n, int c)
{
	for (int i = 0; i < n; i++, x += c, dx += c, dy += c) {
		lc_vec dot = {0};
		float r = rstd[i], k;

		for (int j = 0; j < c; j += LC_LANES)
			dot += lc_load(dy + j) * lc_load(gain + j) * lc_load(x + j);
		k = r * r * r * lc_sum(dot) / (float)c;
		for (int j = 0; j < c; j += LC_LANES) {
			lc_vec d = lc_load(dy + j), v = lc_load(x + j);

			lc_store(dx + j, lc_load(dx + j) + (d * lc_load(gain + j) * r - v * k));
			lc_store(dgain + j, lc_load(dgain + j) + d * v * r);
		}
	}
}

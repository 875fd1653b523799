/* attention: see attention.h. Rows go in blocks of 16, so nothing right of a block's diagonal is
 * computed. */
#include "attention.h"

#include <math.h>

#include "gemm.h"
#include "vec.h"

#define BLOCK 16

/* to (s,t) = the transpose of from, (t,s) with leading dimension ld. */
static void transpose(float *to, const float *from, int ld, int t, int s)
{
	for (int j = 0; j < s; j++)
		for (int i = 0; i < t; i++)
			to[(long)j * t + i] = from[(long)i * ld + j];
}

/* Softmax of the first i+1 of n scores times scale; the rest becomes 0. */
static void softmax_row(float *p, int i, int n, float scale)
{
	lc_vec m = lc_splat(-INFINITY), sum = {0};
	float top, r;

	for (int j = i + 1; j < n; j++)
		p[j] = -INFINITY;
	for (int j = 0; j < n; j += LC_LANES) {
		lc_vec x = lc_load(p + j);

		m = lc_select(x > m, x, m);
	}
	top = lc_max(m);
	for (int j = 0; j < n; j += LC_LANES) {
		lc_vec e = lc_exp((lc_load(p + j) - top) * scale);

		lc_store(p + j, e);
	}
	for (int j = i + 1; j < n; j++)
		p[j] = 0;
	for (int j = 0; j < n; j += LC_LANES)
		sum += lc_load(p + j);
	r = 1.0f / lc_sum(sum);
	for (int j = 0; j < n; j += LC_LANES)
		lc_store(p + j, lc_load(p + j) * r);
}

void lc_attention_cpu(float *out, int ldo, float *p, const float *q, const float *k, const float *v,
		      int ld, int t, int s, float *scratch)
{
	float scale = 1.0f / sqrtf((float)s), *kt = scratch;

	transpose(kt, k, ld, t, s);
	for (int i = 0; i < t; i += BLOCK) {
		int n = i + BLOCK;
		float *pi = p + (long)i * t;

		lc_gemm_nn_cpu(pi, t, q + (long)i * ld, ld, kt, t, BLOCK, n, s, 0);
		for (int r = 0; r < BLOCK; r++) {
			softmax_row(pi + (long)r * t, i + r, n, scale);
			for (int j = n; j < t; j++)
				pi[(long)r * t + j] = 0;
		}
		lc_gemm_nn_cpu(out + (long)i * ldo, ldo, pi, t, v, ld, BLOCK, s, n, 0);
	}
}

/* Through the softmax: ds = scale p (dp - sum of dp p), in place of dp, over n columns. */
static void softmax_back_row(float *dp, const float *p, int n, float scale)
{
	lc_vec dot = {0};
	float k;

	for (int j = 0; j < n; j += LC_LANES)
		dot += lc_load(dp + j) * lc_load(p + j);
	k = lc_sum(dot);
	for (int j = 0; j < n; j += LC_LANES)
		lc_store(dp + j, lc_load(p + j) * (lc_load(dp + j) - k) * scale);
}

void lc_attention_back_cpu(float *dq, float *dk, float *dv, const float *dout, int ldo,
			   const float *p, const float *q, const float *k, const float *v, int ld,
			   int t, int s, float *scratch)
{
	float scale = 1.0f / sqrtf((float)s), *ds = scratch, *vt = scratch + (long)t * t;

	transpose(vt, v, ld, t, s);
	for (int i = 0; i < t; i += BLOCK) {
		int n = i + BLOCK;
		float *di = ds + (long)i * t;

		lc_gemm_nn_cpu(di, t, dout + (long)i * ldo, ldo, vt, t, BLOCK, n, s, 0);
		for (int r = 0; r < BLOCK; r++)
			softmax_back_row(di + (long)r * t, p + (long)(i + r) * t, n, scale);
		lc_gemm_nn_cpu(dq + (long)i * ld, ld, di, t, k, ld, BLOCK, s, n, 0);
	}
	for (int j = 0; j < t; j += BLOCK) { /* keys j.. are seen by the queries from j on */
		long at = (long)j * t + j;

		lc_gemm_tn_cpu(dk + (long)j * ld, ld, ds + at, t, q + (long)j * ld, ld, BLOCK, s,
			       t - j, 0);
		lc_gemm_tn_cpu(dv + (long)j * ld, ld, p + at, t, dout + (long)j * ldo, ldo, BLOCK,
			       s, t - j, 0);
	}
}

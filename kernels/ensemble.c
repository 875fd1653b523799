/* ensemble: see ensemble.h. */
#include "ensemble.h"

#include <math.h>

#include "gemm.h"
#include "vec.h"

enum {
	IN = LC_RESID_IN,
	M = LC_RESID_MEMBERS,
	H = LC_RESID_HIDDEN,
	MH = M * H,
	ROWS = 64, /* at once: 45 KB, that the processor has near */
};

static void product(lc_sgemm_fn *sgemm, float *c, int ldc, const float *a, int lda, const float *b,
		    int ldb, int m, int n, int k)
{
	if (sgemm)
		sgemm(101, 111, 111, m, n, k, 1, a, lda, b, ldb, 0, c, ldc);
	else
		lc_gemm_nn_cpu(c, ldc, a, lda, b, ldb, m, n, k, 0);
}

/* y (n, MH) becomes tanh(y + b). 1 - 2 / (1 + e^2x) errs by 2e-7, which is of 1 and not of tanh. */
static void add_tanh(float *y, const float *b, int n)
{
	for (int i = 0; i < n; i++, y += MH)
		for (int k = 0; k < MH; k += LC_LANES) {
			lc_vec x = lc_load(y + k) + lc_load(b + k);
			lc_store(y + k, 1.0f - 2.0f / (1.0f + lc_exp(2.0f * x)));
		}
}

static void some_rows(const struct lc_resid *r, const float *x, int n, float *z, lc_sgemm_fn *sgemm)
{
	float in[ROWS * IN], h[ROWS * MH], u[ROWS * MH], b3 = 0;

	for (int i = 0; i < n * IN; i++)
		in[i] = (x[i] - r->shift[i % IN]) * r->scale[i % IN];
	product(sgemm, h, MH, in, IN, &r->w1[0][0][0], MH, n, MH, IN);
	add_tanh(h, &r->b1[0][0], n);
	for (int m = 0; m < M; m++)
		product(sgemm, u + m * H, MH, h + m * H, MH, &r->w2[m][0][0], H, n, H, H);
	add_tanh(u, &r->b2[0][0], n);
	for (int m = 0; m < M; m++)
		b3 += r->b3[m];
	for (int i = 0; i < n; i++) {
		lc_vec sum = {0};
		for (int k = 0; k < MH; k += LC_LANES)
			sum += lc_load(&r->w3[0][0] + k) *
			       (lc_load(h + i * MH + k) + lc_load(u + i * MH + k));
		z[i] = fmaxf(-LC_ENSEMBLE_MOST, fminf(LC_ENSEMBLE_MOST, (lc_sum(sum) + b3) / M));
	}
}

void lc_ensemble_cpu(const struct lc_resid *r, const float *x, size_t n, float *z,
		     lc_sgemm_fn *sgemm)
{
	for (size_t i = 0; i < n; i += ROWS)
		some_rows(r, x + i * IN, (int)(n - i < ROWS ? n - i : ROWS), z + i, sgemm);
}

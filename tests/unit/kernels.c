/*
 * kernels: each against its definition in double precision, on odd sizes.
 *
 * Tolerances: a sum of n products of floats of size 1 is off by at most about n * 2^-24, so 1e-5
 * for the sums here (n <= 300); the exponential is good to 2 ulp, 2.4e-7 relative.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "adamw.h"
#include "attention.h"
#include "gelu.h"
#include "gemm.h"
#include "io.h"
#include "rmsnorm.h"
#include "rng.h"
#include "vec.h"
#include "xent.h"

static float *normals(size_t n, uint64_t seed)
{
	struct lc_rng rng = {seed, 99, 0};
	float *x = lc_xalloc(n, sizeof(*x));

	for (size_t i = 0; i < n; i++)
		x[i] = (float)lc_rng_normal(&rng);
	return x;
}

static void near(const char *what, size_t i, double got, double want, double tolerance)
{
	cr_assert(fabs(got - want) <= tolerance * (1 + fabs(want)), "%s[%zu]: %.9g, not %.9g", what,
		  i, got, want);
}

Test(kernels, exp_is_within_two_ulp_and_keeps_nan)
{
	for (float x = -87; x < 88; x += 0.0137f) {
		double got = (double)lc_exp(lc_splat(x))[1], want = exp((double)x);

		cr_assert(fabs(got - want) <= 2.4e-7 * want, "exp(%g): %.9g, not %.9g", (double)x,
			  got, want);
	}
	cr_assert(isnan(lc_exp(lc_splat(NAN))[0]));
	cr_assert(lc_exp(lc_splat(-INFINITY))[3] < 2e-38f);
	cr_assert(lc_exp(lc_splat(INFINITY))[3] > 1e38f);
}

Test(kernels, sum_and_max_see_every_lane)
{
	for (int i = 0; i < LC_LANES; i++) {
		float t[LC_LANES] = {0};

		t[i] = 3;
		cr_assert_eq(lc_sum(lc_load(t)), 3);
		cr_assert_eq(lc_max(lc_load(t)), 3);
	}
}

static void gemm(int m, int n, int k, int beta)
{
	float *a = normals((size_t)(m * k), 1), *b = normals((size_t)(k * n), 2), *at, *c, *d;

	c = normals((size_t)(m * n), 3);
	d = normals((size_t)(m * n), 3);
	at = lc_xalloc((size_t)(m * k), sizeof(*at));
	for (int i = 0; i < m; i++)
		for (int p = 0; p < k; p++)
			at[p * m + i] = a[i * k + p];
	lc_gemm_nn_cpu(c, n, a, k, b, n, m, n, k, beta);
	lc_gemm_tn_cpu(d, n, at, m, b, n, m, n, k, beta);
	for (int i = 0; i < m * n; i++) {
		float *was = normals((size_t)(m * n), 3);
		double want = beta ? (double)was[i] : 0;

		for (int p = 0; p < k; p++)
			want += (double)a[i / n * k + p] * (double)b[p * n + i % n];
		near("c", (size_t)i, (double)c[i], want, 1e-4);
		near("d", (size_t)i, (double)d[i], want, 1e-4);
		free(was);
	}
	free(a);
	free(b);
	free(at);
	free(c);
	free(d);
}

Test(kernels, gemm_on_odd_sizes)
{
	static const int sizes[][3] = {{1, 1, 1},   {5, 16, 3},	   {6, 32, 64},
				       {7, 33, 17}, {23, 49, 300}, {11, 96, 257}};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		for (int beta = 0; beta < 2; beta++)
			gemm(sizes[i][0], sizes[i][1], sizes[i][2], beta);
}

Test(kernels, gemm_with_beta_0_does_not_read_c)
{
	float a[2] = {1, 2}, b[32] = {3}, c[32];

	for (int i = 0; i < 32; i++)
		c[i] = NAN;
	lc_gemm_nn_cpu(c, 16, a, 1, b, 16, 2, 16, 1, 0);
	cr_assert_eq(c[0], 3);
	cr_assert_eq(c[16], 6);
}

Test(kernels, rmsnorm_and_its_gradient)
{
	enum { N = 3, C = 48 };
	float *x = normals(N * C, 1), *gain = normals(C, 2), *dy = normals(N * C, 3);
	float y[N * C], rstd[N], dx[N * C] = {0}, dgain[C] = {0};
	double want_gain[C] = {0};

	lc_rmsnorm_cpu(y, rstd, x, gain, N, C);
	lc_rmsnorm_back_cpu(dx, dgain, dy, x, gain, rstd, N, C);
	for (int i = 0; i < N; i++) {
		const float *xi = x + i * C, *di = dy + i * C;
		double ms = 0, r, dot = 0;

		for (int j = 0; j < C; j++)
			ms += (double)xi[j] * (double)xi[j] / C;
		r = 1 / sqrt(ms + 1e-5);
		for (int j = 0; j < C; j++)
			dot += (double)di[j] * (double)gain[j] * (double)xi[j];
		for (int j = 0; j < C; j++) {
			near("y", (size_t)j, (double)y[i * C + j],
			     (double)xi[j] * r * (double)gain[j], 1e-6);
			near("dx", (size_t)j, (double)dx[i * C + j],
			     r * (double)di[j] * (double)gain[j] -
				     (double)xi[j] * r * r * r * dot / C,
			     1e-5);
			want_gain[j] += (double)di[j] * (double)xi[j] * r;
		}
	}
	for (int j = 0; j < C; j++)
		near("dgain", (size_t)j, (double)dgain[j], want_gain[j], 1e-5);
	free(x);
	free(gain);
	free(dy);
}

static double gelu(double x)
{
	return 0.5 * x * (1 + tanh(0.79788456080286536 * (x + 0.044715 * x * x * x)));
}

Test(kernels, gelu_and_its_gradient)
{
	enum { N = 1003 };
	float x[N], y[N], dy[N], dx[N];

	for (int i = 0; i < N; i++) {
		x[i] = (float)(i - N / 2) * 0.02f;
		dy[i] = 1.5f;
	}
	lc_gelu_cpu(y, x, N);
	lc_gelu_back_cpu(dx, dy, x, N);
	for (int i = 0; i < N; i++) {
		double h = 1e-5, v = (double)x[i];

		near("y", (size_t)i, (double)y[i], gelu(v), 1e-6);
		near("dx", (size_t)i, (double)dx[i], 1.5 * (gelu(v + h) - gelu(v - h)) / (2 * h),
		     2e-6);
	}
}

Test(kernels, xent_and_its_gradient)
{
	enum { N = 3, V = 256 };
	float *x = normals(N * V, 5), d[N * V], loss[N], again[N];
	uint8_t target[N] = {0, 255, 17};

	for (int i = 0; i < N * V; i++)
		d[i] = x[i] = 8 * x[i];
	lc_xent_cpu(loss, x, target, N, V);
	lc_xent_back_cpu(again, d, target, 0.25f, N, V);
	for (int i = 0; i < N; i++) {
		double sum = 0;

		for (int j = 0; j < V; j++)
			sum += exp((double)x[i * V + j]);
		near("loss", (size_t)i, (double)loss[i], log(sum) - (double)x[i * V + target[i]],
		     1e-6);
		cr_assert_eq(loss[i], again[i]);
		for (int j = 0; j < V; j++)
			near("dlogits", (size_t)j, (double)d[i * V + j],
			     0.25 * (exp((double)x[i * V + j]) / sum - (j == target[i])), 1e-6);
	}
	free(x);
}

Test(kernels, xent_of_a_logit_that_is_nan_is_nan)
{
	float x[256] = {0}, loss;
	uint8_t target = 3;

	x[200] = NAN;
	lc_xent_cpu(&loss, x, &target, 1, 256);
	cr_assert(isnan(loss));
}

Test(kernels, adamw_three_steps)
{
	enum { N = 37 };
	float *w = normals(N, 1), m[N] = {0}, v[N] = {0};
	double dw[N], dm[N] = {0}, dv[N] = {0};

	for (int i = 0; i < N; i++)
		dw[i] = (double)w[i];
	for (int t = 1; t <= 3; t++) {
		float *g = normals(N, (uint64_t)(10 + t));
		struct lc_adamw o = {.lr = 0.01f,
				     .beta1 = 0.9f,
				     .beta2 = 0.95f,
				     .eps = 1e-8f,
				     .decay = 0.1f,
				     .gscale = 0.5f};

		o.c1 = (float)(1 / (1 - pow(0.9, t)));
		o.c2 = (float)(1 / (1 - pow(0.95, t)));
		lc_adamw_cpu(w, m, v, g, N, &o);
		for (int i = 0; i < N; i++) {
			double gi = 0.5 * (double)g[i];

			dm[i] = 0.9 * dm[i] + 0.1 * gi;
			dv[i] = 0.95 * dv[i] + 0.05 * gi * gi;
			dw[i] -= 0.01 * (dm[i] / (1 - pow(0.9, t)) /
						 (sqrt(dv[i] / (1 - pow(0.95, t))) + 1e-8) +
					 0.1 * dw[i]);
			near("w", (size_t)i, (double)w[i], dw[i], 1e-6);
		}
		free(g);
	}
	free(w);
}

/* Forward and backward of one head in doubles, as the definition has them. */
static void naive_attention(const float *q, const float *k, const float *v, const float *dout,
			    int ld, int ldo, int t, int s, double *p, double *out, double *dq,
			    double *dk, double *dv)
{
	double scale = 1 / sqrt(s);

	for (int i = 0; i < t; i++) {
		double sum = 0, dot = 0;

		for (int j = 0; j <= i; j++) {
			double x = 0;

			for (int d = 0; d < s; d++)
				x += (double)q[i * ld + d] * (double)k[j * ld + d];
			sum += p[i * t + j] = exp(x * scale);
		}
		for (int j = 0; j <= i; j++)
			p[i * t + j] /= sum;
		for (int d = 0; d < s; d++) {
			out[i * s + d] = 0;
			for (int j = 0; j <= i; j++)
				out[i * s + d] += p[i * t + j] * (double)v[j * ld + d];
			dot += out[i * s + d] * (double)dout[i * ldo + d];
		}
		for (int j = 0; j <= i; j++) {
			double dp = 0, ds;

			for (int d = 0; d < s; d++)
				dp += (double)dout[i * ldo + d] * (double)v[j * ld + d];
			ds = p[i * t + j] * (dp - dot) * scale;
			for (int d = 0; d < s; d++) {
				dq[i * s + d] += ds * (double)k[j * ld + d];
				dk[j * s + d] += ds * (double)q[i * ld + d];
				dv[j * s + d] += p[i * t + j] * (double)dout[i * ldo + d];
			}
		}
	}
}

Test(kernels, attention_and_its_gradient)
{
	enum { T = 48, S = 16, LD = 3 * S + 5, LDO = S + 3 };
	float *qkv = normals(T * LD, 7), *dout = normals(T * LDO, 8);
	float out[T * LDO], p[T * T], grad[T * LD], scratch[LC_ATTENTION_SCRATCH(T, S)];
	static double np[T * T], nout[T * S], dq[T * S], dk[T * S], dv[T * S];

	naive_attention(qkv, qkv + S, qkv + 2 * S, dout, LD, LDO, T, S, np, nout, dq, dk, dv);
	lc_attention_cpu(out, LDO, p, qkv, qkv + S, qkv + 2 * S, LD, T, S, scratch);
	lc_attention_back_cpu(grad, grad + S, grad + 2 * S, dout, LDO, p, qkv, qkv + S, qkv + 2 * S,
			      LD, T, S, scratch);
	for (int i = 0; i < T; i++)
		for (int j = 0; j < T; j++)
			near("p", (size_t)(i * T + j), (double)p[i * T + j], np[i * T + j], 1e-6);
	for (int i = 0; i < T; i++)
		for (int d = 0; d < S; d++) {
			size_t at = (size_t)(i * S + d);

			near("out", at, (double)out[i * LDO + d], nout[at], 1e-5);
			near("dq", at, (double)grad[i * LD + d], dq[at], 1e-5);
			near("dk", at, (double)grad[i * LD + S + d], dk[at], 1e-5);
			near("dv", at, (double)grad[i * LD + 2 * S + d], dv[at], 1e-5);
		}
	free(qkv);
	free(dout);
}

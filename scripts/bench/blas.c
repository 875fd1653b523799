/*
 * blas: the matrix products of a small GPT's training step, by lc_gemm and by the BLAS that LC_BLAS
 * names.
 *
 * For scripts/bench/blas. Prints "m n k nn|tn blas own", GFLOP/s of processor time on one thread,
 * the best of five rounds in which the two take turns. With tn, a is (k,m).
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "blas.h"
#include "gemm.h"
#include "io.h"

struct product {
	int m, n, k, tn;
};

static void once(lc_sgemm_fn *blas, const struct product *p, const float *a, const float *b,
		 float *c)
{
	int lda = p->tn ? p->m : p->k;

	if (blas)
		blas(101, p->tn ? 112 : 111, 111, p->m, p->n, p->k, 1, a, lda, b, p->n, 0, c, p->n);
	else if (p->tn)
		lc_gemm_tn_cpu(c, p->n, a, lda, b, p->n, p->m, p->n, p->k, 0);
	else
		lc_gemm_nn_cpu(c, p->n, a, lda, b, p->n, p->m, p->n, p->k, 0);
}

/* Seconds this thread has run: what other programs take does not count. */
static double cpu_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void measure(lc_sgemm_fn *blas, const struct product *p)
{
	double flops = 2.0 * p->m * p->n * p->k, best[2] = {0};
	int repeats = (int)(3e8 / flops) + 1;
	float *a = lc_xalloc((size_t)p->m * (size_t)p->k, sizeof(float));
	float *b = lc_xalloc((size_t)p->n * (size_t)p->k, sizeof(float));
	float *c = lc_xalloc((size_t)p->m * (size_t)p->n, sizeof(float));

	for (int round = 0; round < 10; round++) {
		int own = round % 2;
		double began = cpu_time(), rate;

		if (!blas && !own)
			continue;
		for (int i = 0; i < repeats; i++)
			once(own ? NULL : blas, p, a, b, c);
		rate = flops * repeats / (cpu_time() - began) * 1e-9;
		best[own] = rate > best[own] ? rate : best[own];
	}
	printf("%5d %5d %5d  %s  %8.1f %8.1f\n", p->m, p->n, p->k, p->tn ? "tn" : "nn", best[0],
	       best[1]);
	free(a);
	free(b);
	free(c);
}

int main(void)
{
	static const int sizes[][2] = {
		{64, 512}, {128, 512}, {256, 512}}; /* dim, bytes a micro-batch */
	struct lc_err err;
	lc_sgemm_fn *blas = lc_blas_open(&err);

	lc_setup("blas");
	if (!blas && err.code != LC_OK)
		lc_die(&err);
	printf("    m     n     k      %8s      own\n", lc_blas_name());
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		int c = sizes[i][0], n = sizes[i][1];
		struct product p[] = {{n, 3 * c, c, 0}, {n, c, c, 0},	  {n, 4 * c, c, 0},
				      {n, c, 4 * c, 0}, {n, 256, c, 0},	  {3 * c, c, n, 1},
				      {4 * c, c, n, 1}, {c, 4 * c, n, 1}, {256, c, n, 1}};

		for (size_t j = 0; j < sizeof(p) / sizeof(*p); j++)
			measure(blas, &p[j]);
	}
	return lc_finish(LC_OK);
}

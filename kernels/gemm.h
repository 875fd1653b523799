/*
 * gemm: row-major matrix products, made for matrices that fit the cache.
 *
 * c is (m,n) with leading dimension ldc, and so on; beta is 0 (c is only written) or 1 (c is added
 * to). Any sizes; n should be a multiple of 16. Each element of c is a sum
 * in the order of k: the bits depend on nothing but the operands.
 */
#ifndef LC_GEMM_H
#define LC_GEMM_H

/* c = a b + beta c: a is (m,k), b is (k,n). */
void lc_gemm_nn_cpu(float *c, int ldc, const float *a, int lda, const float *b, int ldb, int m,
		    int n, int k, int beta);

/* c = a^T b + beta c: a is (k,m), b is (k,n). */
void lc_gemm_tn_cpu(float *c, int ldc, const float *a, int lda, const float *b, int ldb, int m,
		    int n, int k, int beta);

#endif

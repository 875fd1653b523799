/*
 * blas: single-precision matrix products from a BLAS that is opened at run time.
 *
 * Debian's OpenBLAS takes a processor it does not know for a Prescott, which costs a factor of
 * five; it listens to OPENBLAS_CORETYPE only while it is being loaded. So the library is opened
 * with dlopen(3), after that variable has been set from what cpuid says (a user's setting stands).
 * Its own threads are switched off: how work is shared out decides the bits of a sum, so
 * it is lib/pool that shares it.
 *
 * LC_BLAS=openblas|blis|none in the environment picks the library, or none.
 */
#ifndef LC_BLAS_H
#define LC_BLAS_H

#include "err.h"

/* The signature of cblas_sgemm(3); order is 101 (row major), ta and tb 111 (as is) or 112
 * (transposed). */
typedef void lc_sgemm_fn(int order, int ta, int tb, int m, int n, int k, float alpha,
			 const float *a, int lda, const float *b, int ldb, float beta, float *c,
			 int ldc);

/*
 * The product, once for the process (call it before there are threads). NULL without an error when
 * LC_BLAS is none, or when it is unset and no library is there; NULL with err filled (code not
 * LC_OK) when LC_BLAS names a library that cannot be opened or is none of the names.
 */
lc_sgemm_fn *lc_blas_open(struct lc_err *err);

/* "openblas", "blis" or "none": what lc_blas_open found. */
const char *lc_blas_name(void);

#endif

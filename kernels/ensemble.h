/*
 * ensemble: what the residual networks of lib/resid.h say, of many points at once.
 *
 * With x standardised, (n,10):
 *	h = tanh(x w1 + b1)             (n,80), the five members side by side
 *	u = tanh(h w2 + b2)             member by member, (n,16) by (16,16)
 *	z = the members' mean of w3 . (h + u) + b3, at most 2 either way
 *
 * Must do, a point: 2160 multiply-adds in single and 160 tanh; 40 bytes in and 4 out.
 */
#ifndef LC_ENSEMBLE_H
#define LC_ENSEMBLE_H

#include <stddef.h>

#include "blas.h"
#include "device.h"
#include "resid.h"

#define LC_ENSEMBLE_MOST 2.f

/*
 * z (n) of x (n, LC_RESID_IN), on this thread. The products are sgemm's, or lc_gemm's where it is
 * NULL: with either, and on any processor, within 1e-5 of resid.h's formula in double.
 */
void lc_ensemble_cpu(const struct lc_resid *r, const float *x, size_t n, float *z,
		     lc_sgemm_fn *sgemm);

/* The same on a device, by cuBLAS. LC_SYS when the device refuses, or there is no cuBLAS. */
int lc_ensemble_cuda(const struct lc_resid *r, const float *x, size_t n, float *z,
		     struct lc_err *err);

#endif

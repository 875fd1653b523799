/*
 * rmsnorm: y = x / sqrt(mean(x^2) + 1e-5) * gain, row by row (Zhang and Sennrich 2019).
 *
 * x, y, dx, dy are (n,c); gain and dgain are (c); rstd is (n). c is a multiple of 16.
 */
#ifndef LC_RMSNORM_H
#define LC_RMSNORM_H

void lc_rmsnorm_cpu(float *y, float *rstd, const float *x, const float *gain, int n, int c);

/* Adds to dx and to dgain. */
void lc_rmsnorm_back_cpu(float *dx, float *dgain, const float *dy, const float *x,
			 const float *gain, const float *rstd, int n, int c);

#endif

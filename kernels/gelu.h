/*
 * gelu: the tanh form of Hendrycks and Gimpel (2016), y = x/2 (1 + tanh(u)), u = sqrt(2/pi)
 * (x + 0.044715 x^3), computed as x / (1 + e^-2u). n may be any number.
 */
#ifndef LC_GELU_H
#define LC_GELU_H

#include <stddef.h>

void lc_gelu_cpu(float *y, const float *x, size_t n);

/* dx = dy * gelu'(x); dx may be dy. */
void lc_gelu_back_cpu(float *dx, const float *dy, const float *x, size_t n);

#endif

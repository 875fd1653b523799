/*
 * adamw: one update of Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2).
 *
 *   m <- b1 m + (1-b1) g        v <- b2 v + (1-b2) g^2
 *   w <- w - lr (m c1 / (sqrt(v c2) + eps) + decay w)
 *
 * with g the gradient times gscale (the clip), c1 = 1/(1-b1^t), c2 = 1/(1-b2^t). Any n.
 */
#ifndef LC_ADAMW_H
#define LC_ADAMW_H

#include <stddef.h>

struct lc_adamw {
	float lr, beta1, beta2, eps, decay;
	float c1, c2; /* bias corrections, as factors */
	float gscale;
};

void lc_adamw_cpu(float *w, float *m, float *v, const float *g, size_t n, const struct lc_adamw *o);

#endif

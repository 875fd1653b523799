/*
 * nqm: the noisy quadratic model (Zhang et al., NeurIPS 2019, section 3), whose futures are exact.
 *
 * d independent directions of curvature h_i = h_max / i, gradient noise of variance c_i = noise
 *h_i, SGD with heavy-ball momentum: v' = beta v - eta (h x + xi),  x' = x + v',  E xi^2 = c What is
 *kept is E x^2, E x v and E v^2 of each, so that the expected loss, floor + 1/2 sum h_i E x_i^2,
 * has no noise of its own, under any lr: the truth that a forecast can be held against. Above the
 * stability edge, 2 (1 + beta) / h_max, it grows without bound.
 */
#ifndef LC_NQM_H
#define LC_NQM_H

enum { LC_NQM_DIM = 2000 };

struct lc_nqm {
	double beta, floor;
	double h[LC_NQM_DIM], c[LC_NQM_DIM];
	double xx[LC_NQM_DIM], xv[LC_NQM_DIM], vv[LC_NQM_DIM];
};

/*
 * start: E x_1^2 at first; that of x_i is start i^-1/2, so that without noise the loss falls as t^-1/2
 * over the times 1 / (eta h_i): as slowly as a real one, and with no slowest direction in sight.
 */
void lc_nqm_init(struct lc_nqm *w, double h_max, double noise, double start, double beta);
void lc_nqm_step(struct lc_nqm *w, double eta);
double lc_nqm_loss(const struct lc_nqm *w);

/* What a trainer would log as gvar: sum c_i, over 1 - beta. */
double lc_nqm_gvar(const struct lc_nqm *w);

#endif

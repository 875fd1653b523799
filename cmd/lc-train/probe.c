/* probe: what a step shows of itself besides its loss. See train.h. */
#include <math.h>

#include "train.h"

double probe_norm(const float *x, size_t n)
{
	double s[8] = {0}, sum = 0;
	size_t i = 0;

	for (; i + 8 <= n; i += 8)
		for (int j = 0; j < 8; j++)
			s[j] += (double)x[i + (size_t)j] * (double)x[i + (size_t)j];
	for (; i < n; i++)
		sum += (double)x[i] * (double)x[i];
	for (int j = 0; j < 8; j++)
		sum += s[j];
	return sqrt(sum);
}

/*
 * Trace of the covariance of the batch's gradient g (after the clip) in the metric of Adam's
 * preconditioner P = sqrt(v hat) + eps: sum over weights of Var(g)/P (Qiu et al. 2025: Tr Cov of
 * P^-1/2 g). The variance of the mean of K micro-batches is estimated by sum (g_k - g)^2 / (K
 * (K-1)).
 */
double probe_noise(const struct run *r, const struct lc_adamw *o)
{
	int micro = r->plan.micro;
	double sum = 0, k = micro;

	for (size_t j = 0; j < r->gpt.count; j++) {
		double mean = (double)r->grad[micro][j], dev = 0;

		for (int i = 0; i < micro; i++) { /* grad[i] is already divided by K */
			double d = (double)r->grad[i][j] * k - mean;

			dev += d * d;
		}
		sum += dev / (sqrt((double)r->v[j] * (double)o->c2) + (double)o->eps);
	}
	return sum * (double)o->gscale * (double)o->gscale / (k * (k - 1));
}

/*
 * The cosine of the batch's gradient and Adam's last update (without the decay), from the moments
 * before this step: above 0 the last step was too short, below too long. Times the norms it is
 * minus the hypergradient of Baydin et al. 2018, with Adam's update for u.
 */
double probe_alignment(const struct run *r, const float *g)
{
	double c1 = 1 - pow(r->plan.beta1, (double)r->m_updates);
	double c2 = 1 - pow(r->fx.beta2, (double)r->v_updates), dot = 0, gg = 0, uu = 0;

	for (size_t j = 0; r->m_updates > 0 && r->v_updates > 0 && j < r->gpt.count; j++) {
		double u = (double)r->m[j] / c1 / (sqrt((double)r->v[j] / c2) + r->plan.eps);

		dot += (double)g[j] * u;
		gg += (double)g[j] * (double)g[j];
		uu += u * u;
	}
	return gg > 0 && uu > 0 ? dot / sqrt(gg * uu) : NAN;
}

/* mechanism: see mechanism.h. */
#include "mechanism.h"

#include <math.h>
#include <string.h>

#define BETA1 .9  /* of m, and SGD's momentum; no setup record tells */
#define BETA2 .95 /* where it is not known: lc-train's, and usual for language models */

/* E[w] and E[(w g)^2] over the cells of the histogram, each at its middle. */
static void moments(const struct lc_gradlaw *g, double c, double *w, double *gg)
{
	*w = *gg = 0;
	for (int i = 0; i + 1 < LC_GRAD_HIST; i++) {
		double norm = .5 * (g->hist[i] + g->hist[i + 1]), cut = fmin(1, c / norm);
		*w += cut / (LC_GRAD_HIST - 1);
		*gg += cut * cut * norm * norm / (LC_GRAD_HIST - 1);
	}
}

double lc_clip_factor(const struct lc_gradlaw *g, double c)
{
	double w, gg, w0, gg0;

	if (g->n == 0 || g->optimizer == LC_OPT_UNKNOWN || !(g->hist[0] > 0) || !(c > 0))
		return NAN;
	moments(g, c, &w, &gg);
	moments(g, isnan(g->clip) ? INFINITY : g->clip, &w0, &gg0);
	return g->optimizer == LC_OPT_SGD ? w / w0 : w / w0 * sqrt(gg0 / gg);
}

int lc_reset_init(struct lc_reset *r, const struct lc_gradlaw *g, const char *which)
{
	double sum = 0;

	memset(r, 0, sizeof(*r));
	r->optimizer = (enum lc_optimizer)(int)g->optimizer;
	if (r->optimizer == LC_OPT_UNKNOWN)
		return 0;
	r->m = strchr(which, 'm') != NULL;
	r->v = r->optimizer == LC_OPT_ADAM && strchr(which, 'v') != NULL;
	r->beta2 = isnan(g->beta2) ? BETA2 : g->beta2;
	/*
	 * gradient s is in update t >= s with (1 - b) b^(t-s) / (1 - b^t), b = beta1; the sum over
	 * t from the end: S(s) = b S(s+1) + (1 - b) / (1 - b^s)
	 */
	sum = 1;
	for (int s = LC_RESET_M; s >= 1; s--) {
		sum = BETA1 * sum + (1 - BETA1) / (1 - pow(BETA1, s));
		r->first[s - 1] = sum;
	}
	return r->m || r->v;
}

double lc_reset_factor(const struct lc_reset *r, double d)
{
	double f = 1, full = (1 + r->beta2) / (1 - r->beta2), left = pow(r->beta2, d), n;

	if (r->m && r->optimizer == LC_OPT_SGD)
		f *= 1 - pow(BETA1, d);
	else if (r->m && d <= LC_RESET_M)
		f *= r->first[(int)fmax(d, 1) - 1];
	/*
	 * v is a mean of as good as n squares; E[(chi2_n / n)^(-1/2)] is 1 + 3/(4n) to first order,
	 * of use from n = 2 on
	 */
	if (r->v) {
		n = fmax(2, full * (1 - left) / (1 + left));
		f *= (1 + .75 / n) / (1 + .75 / fmax(full, 2));
	}
	return f;
}

double lc_reset_knot(int i)
{
	static const double at[LC_RESET_AT] = {1,  2,  3,  4,  6,   8,	 12,  16,
					       24, 32, 48, 64, 100, 128, 300, 1000};

	return at[i];
}

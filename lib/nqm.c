/* nqm: see nqm.h. */
#include "nqm.h"

#include <math.h>
#include <string.h>

void lc_nqm_init(struct lc_nqm *w, double h_max, double noise, double start, double beta)
{
	memset(w, 0, sizeof(*w));
	w->beta = beta;
	w->floor = 2;
	for (int i = 0; i < LC_NQM_DIM; i++) {
		w->h[i] = h_max / (i + 1);
		w->c[i] = noise * w->h[i];
		w->xx[i] = start / sqrt(i + 1.);
	}
}

void lc_nqm_step(struct lc_nqm *w, double eta)
{
	double b = w->beta;

	for (int i = 0; i < LC_NQM_DIM; i++) {
		double a = eta * w->h[i], xx = w->xx[i], xv = w->xv[i];
		double vv = b * b * w->vv[i] - 2 * b * a * xv + a * a * xx + eta * eta * w->c[i];
		double old = b * xv - a * xx; /* E x v' */
		w->vv[i] = vv;
		w->xv[i] = old + vv;
		w->xx[i] = xx + 2 * old + vv;
	}
}

double lc_nqm_loss(const struct lc_nqm *w)
{
	double sum = 0;

	for (int i = 0; i < LC_NQM_DIM; i++)
		sum += w->h[i] * w->xx[i];
	return w->floor + .5 * sum;
}

double lc_nqm_gvar(const struct lc_nqm *w)
{
	double sum = 0;

	for (int i = 0; i < LC_NQM_DIM; i++)
		sum += w->c[i];
	return sum / (1 - w->beta);
}

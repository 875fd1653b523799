/* law_wide: see law_wide.h. */
#include "law_wide.h"

#include <math.h>
#include <string.h>

#define PIECE_TOL .02 /* lr may change by this much of itself within one closed-form piece */
#define LEAST_ETA .01 /* of the run's lr: what counts as none */
#define FAST 25.      /* updates, of the filter g */
#define NEAR 60.      /* updates, of the wandering noise: notes on a small transformer */

static const double drive_power[WIDE_DRIVES] = {.5, 1, 1.5}, lag_power[WIDE_LAGS] = {0, .2};
static const double adapt_len[WIDE_ADAPT] = {25, 60, 150, 400, 1000};

double lc_wide_signal_rate(double total, int j)
{
	return ldexp(1 / (4 * total), j);
}

double lc_wide_noise_rate(double total, int j)
{
	return ldexp(1 / total, j);
}

void lc_wide_init(struct lc_wide_state *st)
{
	memset(st, 0, sizeof(*st));
	for (int c = 0; c < WIDE_CLOCKS; c++)
		for (int j = 0; j < WIDE_SIGNAL; j++)
			st->s[c][j] = 1;
}

/* Progress an update at lr eta; all are 1 at eta 1. */
static double clock_rate(int c, double eta, double heat)
{
	static const double bend[3] = {.3, 1, 3}, fade[2] = {.3, .6};

	if (c == 0)
		return eta;
	if (c == 1)
		return pow(eta, .6);
	if (c < 5)
		return eta * (1 + heat * bend[c - 2]) / (1 + heat * bend[c - 2] * eta);
	return eta * exp(-heat * fade[c - 5] * (eta - 1));
}

static void signal_step(struct lc_wide_walk *w, double n, double eta)
{
	struct lc_wide_state *st = &w->st;

	for (int c = 0; c < WIDE_CLOCKS; c++) {
		double y =
			-expm1(-lc_wide_signal_rate(w->total, 0) * n * clock_rate(c, eta, w->heat));
		for (int j = 0; j < WIDE_SIGNAL; j++) {
			st->s[c][j] -= y * st->s[c][j];
			y *= 2 - y;
		}
	}
}

/* The drive goes linearly from e - de/2 to e + de/2, as in kernels/rollout. */
static void noise_step(struct lc_wide_state *st, double total, double n, double eta, double rel)
{
	double e[WIDE_DRIVES], de[WIDE_DRIVES];

	for (int q = 0; q < WIDE_DRIVES; q++) {
		double at = pow(eta, drive_power[q]);
		de[q] = drive_power[q] * rel * at;
		e[q] = at - .5 * de[q];
	}
	for (int l = 0; l < WIDE_LAGS; l++) {
		double u = lc_wide_noise_rate(total, 0) * n * pow(eta, 1 - lag_power[l]);
		double y = -expm1(-u);
		for (int j = 0; j < WIDE_NOISE; j++) {
			double left = u > 0 ? 1 - y / u : 0;
			for (int q = 0; q < WIDE_DRIVES; q++) {
				double *h = &st->h[l][q][j];
				*h += y * (e[q] - *h) + de[q] * left;
			}
			y *= 2 - y;
			u *= 2;
		}
	}
}

/* n updates with the lr going linearly through eta, changing by rel of it in all. */
static void advance(struct lc_wide_walk *w, double n, double eta, double rel)
{
	struct lc_wide_state *st = &w->st;
	double seen = fmax(eta, LEAST_ETA);

	signal_step(w, n, eta);
	noise_step(st, w->total, n, eta, rel);
	st->g += -expm1(-n / FAST) * (pow(seen, .75) - st->g);
	st->near += -expm1(-n / NEAR) * (eta - st->near);
	for (int k = 0; k < WIDE_ADAPT; k++) {
		st->u[k] += -expm1(-n / adapt_len[k]) * (log(seen) - st->u[k]);
		st->gu[k] = st->g * st->u[k];
	}
}

/* Updates (k0, k1] with the lr going linearly from eta0 at k0 to eta1 at k1. */
static void ramp(struct lc_wide_walk *w, double k1, double eta0, double eta1)
{
	double n = k1 - w->at, done = 0, top = fmax(fmax(eta0, eta1), 1e-300);
	double pieces = fmin(n, ceil(fabs(eta1 - eta0) / top / PIECE_TOL));

	for (int i = 1; i <= pieces || done < n; i++) {
		double end = i >= pieces ? n : floor(n * i / pieces), step = end - done;
		double eta = eta0 + (eta1 - eta0) * (done + 1 + end) / 2 / n;
		double rel = step > 1 ? (eta1 - eta0) * step / n / fmax(eta, 1e-12) : 0;
		if (step > 0)
			advance(w, step, fmax(eta, 1e-12), fmax(-2, fmin(2, rel)));
		done = end;
	}
	w->at = k1;
}

void lc_wide_to(struct lc_wide_walk *w, double update)
{
	const struct lc_lrpath *p = w->path;

	while (w->at < update) {
		double stop = update;
		while (w->knot < p->n && p->at[w->knot] <= w->at)
			w->knot++;
		if (w->knot < p->n)
			stop = fmin(stop, p->at[w->knot]);
		ramp(w, stop, lc_lrpath_at(p, w->at), lc_lrpath_at(p, stop));
	}
}

void lc_wide_features(const struct lc_wide_state *st, int form, double *x)
{
	int clock = form / WIDE_LAGS, lag = form % WIDE_LAGS;

	x[0] = 1;
	memcpy(x + 1, st->s[clock], sizeof(st->s[clock]));
	memcpy(x + WIDE_AT_H, st->h[lag], sizeof(st->h[lag]));
	memcpy(x + WIDE_AT_C, st->gu, sizeof(st->gu));
}

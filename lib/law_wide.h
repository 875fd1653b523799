/*
 * law_wide: the states and features of the wide law (law_arms.h) along an lr path.
 *
 * lr is in units of the run's own. Signal modes run on one of WIDE_CLOCKS clocks dS = f(eta); noise
 * modes relax at nu eta^(1-lag) towards eta^q for each of WIDE_DRIVES q; rates go up by factors of
 * 2 from 1/(4 total) and 1/total an update. A form of the law is a (clock, lag); its features are
 *
 *	1, s (WIDE_SIGNAL), h (WIDE_DRIVES, WIDE_NOISE), g u (WIDE_ADAPT)
 */
#ifndef LC_LAW_WIDE_H
#define LC_LAW_WIDE_H

#include "lawdata.h"

enum {
	WIDE_SIGNAL = 11,
	WIDE_NOISE = 12,
	WIDE_DRIVES = 3,
	WIDE_ADAPT = 5,
	WIDE_CLOCKS = 7,
	WIDE_LAGS = 2,
	WIDE_FORMS = WIDE_CLOCKS * WIDE_LAGS,
	WIDE_AT_H = 1 + WIDE_SIGNAL,
	WIDE_AT_C = WIDE_AT_H + WIDE_DRIVES * WIDE_NOISE,
	WIDE_COEFS = WIDE_AT_C + WIDE_ADAPT,
};

/* All doubles, so that states can be averaged over the rows of a bin. */
struct lc_wide_state {
	double s[WIDE_CLOCKS][WIDE_SIGNAL];
	double h[WIDE_LAGS][WIDE_DRIVES][WIDE_NOISE];
	double u[WIDE_ADAPT], g, gu[WIDE_ADAPT];
	double near; /* filter of eta over 60 updates: what the noise of now goes with */
};

void lc_wide_init(struct lc_wide_state *st);

/* A walk along an lr path. Zero-initialised but for total, heat and path, and lc_wide_init of st.
 */
struct lc_wide_walk {
	double total, heat;	      /* heat: how much the clocks bend */
	const struct lc_lrpath *path; /* borrowed; in units of the run's lr */
	struct lc_wide_state st;
	double at; /* updates done */
	int knot;
};
void lc_wide_to(struct lc_wide_walk *w, double update);

double lc_wide_signal_rate(double total, int j), lc_wide_noise_rate(double total, int j);

/* x is (WIDE_COEFS). */
void lc_wide_features(const struct lc_wide_state *st, int form, double *x);

#endif

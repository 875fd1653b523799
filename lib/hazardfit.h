/*
 * hazardfit: the hazard of divergence (hazard.h) from past runs and their forks.
 *
 * A branch of a run speaks of every interval that it saw: its highest lr there over the highest
 * that the run had sustained when it left, and whether it diverged. How well that foretells is told
 * by run: each run's forks are forecast from the other runs'.
 */
#ifndef LC_HAZARDFIT_H
#define LC_HAZARDFIT_H

#include "hazard.h"
#include "lawdata.h"

/* What one branch says. */
struct lc_hazard_fork {
	int run;     /* forks of a run are left out together */
	int n, seen; /* rows; intervals that it ran through, or would have */
	int diverged, damaged, broken;
	double over[LC_HAZARD_INTERVALS];
	struct lc_hazard_row row[LC_HAZARD_INTERVALS];
};

/* 1, or 0 when the branch says nothing: no loss of it or of its parent, no lr, no step beyond. */
int lc_hazard_fork(const struct lc_past *p, int series, int run, struct lc_hazard_fork *f);

/* Moved by n forks from lc_hazard_init's; auroc and brier by left-out run, NaN when not to tell. */
struct lc_hazard_fitted {
	struct lc_hazard h;
	int forks, diverged; /* 0: nothing was learned */
	double auroc, brier; /* brier: mean squared error of the probability */
};
void lc_hazard_learn(const struct lc_hazard_fork *f, int n, struct lc_hazard_fitted *out);

#endif

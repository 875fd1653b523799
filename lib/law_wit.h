/*
 * law_wit: a fork's witnesses as observations of the wide law, and what they share. Internal to
 * law_arms.
 */
#ifndef LC_LAW_WIT_H
#define LC_LAW_WIT_H

#include "law_arms.h"
#include "law_wide.h"

/* A bin of rows of one series, with the states averaged over the same rows. */
struct lc_wit {
	double step, y, first, last; /* mean, mean, first and last step of the bin */
	double white, wander; /* sd of the bin's mean: of its own; of the metric's wandering */
	double off;	      /* sd of what its arm keeps to itself */
	int series, arm;      /* arm it descends from, -1 for none */
	long order;
	int same_lr; /* class of its lr: those of one class share more */
	struct lc_wide_state st;
};

struct lc_wits {
	int n;
	struct lc_wit *w;
	enum lc_metric metric;
	double level, noise, white; /* recent loss; sd of wandering; white sd of one row */
	double eta_ref, last;	    /* the trunk's lr; its last clean step */
	double heat; /* size of the noise, and how clocks bend, by its gvar; 1: none was logged */
	struct lc_lrpath *path; /* [npath] by series, in eta_ref */
	int npath;
};

int lc_wits_gather(struct lc_wits *ws, const struct lc_past *past, const struct lc_arm *arm, int n,
		   double end, struct lc_err *err);
void lc_wits_release(struct lc_wits *ws);

/* Covariance of two witnesses, the law's own part left out; noise scales what is not misfit. */
double lc_wits_cov(const struct lc_wits *ws, double noise, const struct lc_wit *a,
		   const struct lc_wit *b);

/* ln of an arm's lr over the control's, at the arm's last own row. */
double lc_wits_ratio(const struct lc_wits *ws, const struct lc_past *past, const struct lc_arm *arm,
		     const struct lc_arm *control);

/* The path of an arm to the end: what it did, then its plan. In eta_ref; *path is the caller's. */
void lc_wits_ahead(const struct lc_wits *ws, const struct lc_past *past, const struct lc_arm *arm,
		   struct lc_lrpath *path);

#endif

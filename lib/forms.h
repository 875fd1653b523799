/*
 * forms: which form of the law a set of runs prefers, by forecasting each run from the others.
 *
 *	L = L0 + base + sum_j b_j h_j,  h_j = e + (h_j - e) exp(-nu_j eta)  an update
 *
 *	base   A t^-a | A S^-a (S the sum of the lr) | 8 modes exp(-lam_j S), lam_j = lam_0 4^j
 *	drive  e = eta | eta^q
 *	size   e as it is | e times gvar, over its median
 *
 * nu_j are four rates, 1/5 to 1/2560 an update at the highest lr. Linear given a and q, which are
 *read off a grid within the training runs; modes under a small ridge. The score is the mean, over
 *runs left out, of the RMSE of their whole course. It is the form check of a law found by hand:
 *what is on the Pareto front of score against number of parameters is worth having.
 */
#ifndef LC_FORMS_H
#define LC_FORMS_H

#include "expert.h"

enum { LC_FORM_T, LC_FORM_S, LC_FORM_MODES, LC_FORM_BASES };
enum { LC_FORMS = LC_FORM_BASES * 2 * 2 };

struct lc_form {
	int base, free_q, gvar; /* which */
	int params;
	double rmse; /* of runs left out; NaN: could not be fitted (no gvar was logged) */
	double q;    /* that all runs together prefer */
	int front;   /* no form with as few parameters is better */
};

/* A run: values, lr and (NULL: not logged) gvar over updates. */
struct lc_form_run {
	struct lc_curve curve;
	const struct lc_lrpath *gvar;
};

/* n at least 3; fails on fewer. */
int lc_forms_check(const struct lc_form_run *run, int n, struct lc_form form[LC_FORMS],
		   struct lc_err *err);

/* "S^-a, eta^q, gvar" */
const char *lc_form_name(const struct lc_form *f, char buf[48]);

#endif

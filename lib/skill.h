/*
 * skill: how good forecasts were, once the truth is known.
 */
#ifndef LC_SKILL_H
#define LC_SKILL_H

/*
 * Continuous ranked probability score of a normal forecast (Gneiting and Raftery 2007, eq. 21); sd
 * 0 is a point forecast, whose score is its absolute error.
 */
double lc_skill_crps(double mean, double sd, double truth);

/*
 * Kendall's tau over the pairs whose truths differ by more than gap (what chance alone does); ties
 * of the forecast count half. NaN when there is no such pair.
 */
double lc_skill_tau(const double *forecast, const double *truth, int n, double gap);

/* Truth of the one forecast lowest, less the lowest truth. NaN when n is 0. */
double lc_skill_regret(const double *forecast, const double *truth, int n);

/* P(a positive scores above a negative), ties half: the area under the ROC curve. NaN: one kind. */
double lc_skill_auroc(const double *score, const char *positive, int n);

#endif

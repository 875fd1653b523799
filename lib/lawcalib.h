/*
 * lawcalib: how wide the law's intervals must be to cover, learned from past runs, then from the
 * run itself.
 *
 * Split-conformal by run (Vovk et al. 2005; weighted so that each run counts once): every branch of
 * a past run is forecast from what was known at its fork, by a model that knows nothing of that
 * run, or of any run with its lr; the 90 % quantile of |error| over sd gives the factor. One for
 * each kind of law, for a lr that has been seen or not, and for how far ahead; with few runs in it
 * such a bucket leans on all horizons, these on both kinds of lr, and that on the law's own sd,
 * each of which counts as two runs. Where the model does not know the run (LC_CALIB_FAR) no factor
 * is below 1: runs that are alike teach how much too careful a law is of its like, no more.
 *
 * As the run goes on its own earlier forecasts (from half, .65 and .8 of its past, and each of its
 * branches from the others) correct these factors: the 90 % quantile of their |error| over the
 * width they were given, each forecast counting once and the width itself as two. Only the newer
 * half counts: past errors need not be exchangeable with those to come (as Gibbs and Candes 2021;
 * weights after Barber et al. 2023).
 */
#ifndef LC_LAWCALIB_H
#define LC_LAWCALIB_H

#include "held.h"

/* Which width counts for an lr (in eta_ref) so far ahead: its index in law->width, flat. */
int lc_calib_cell(const struct lc_law *law, double lr, double ahead);

/* Sets law->calib and law->width; model NULL: no widening. doubt: of its noise prior. */
void lc_calib_take(struct lc_law *law, const struct lc_law_model *model, double doubt);

/* |error| over the width it was given, of forecasts that were held out. */
struct lc_calib_book *lc_calib_open(void);
void lc_calib_hear(struct lc_calib_book *b, const struct lc_held_fold *fold);
void lc_calib_close(struct lc_calib_book *b);

/* What past runs say: fills model->calib; what a run's own forecasts say: corrects law->width. */
void lc_calib_fit(struct lc_law_model *model, const struct lc_calib_book *b, int groups);
void lc_calib_adapt(struct lc_law *law, const struct lc_calib_book *b, int groups);

#endif

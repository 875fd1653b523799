/*
 * lawcalib: how wide the law's intervals must be to cover, learned from past runs, then from the
 * run itself.
 *
 * Split-conformal by run (Vovk et al. 2005; weighted so that each run counts once): every branch of
 * a past run is forecast from what was known at its fork, by a model that knows nothing of that
 * run, or of any run with its lr; the 90 % quantile of |error| over sd gives the factor. One for
 * each kind of law, for a lr that has been seen or not, and for how far ahead; with few runs in it
 * such a bucket leans on all horizons, these on both kinds of lr, and that on the law's own sd,
 * each of which counts as two runs.
 *
 * As the run goes on its own earlier forecasts (from half, .65 and .8 of its past, and each of its
 * branches from the others) correct these factors: the 90 % quantile of their |error| over the
 * width they were given, each forecast counting once and the width itself as two. Only the newer
 * half counts: past errors need not be exchangeable with those to come (as Gibbs and Candes 2021;
 * weights after Barber et al. 2023).
 */
#ifndef LC_LAWCALIB_H
#define LC_LAWCALIB_H

#include "lawmodel.h"

/* A past run and its branches as it was read. Borrowed. */
struct lc_pupil {
	const char *name; /* of its member */
	struct lc_past *past;
};

/* Fill model->calib from the runs that its members are of. */
void lc_calib_fit(struct lc_law_model *model, const struct lc_pupil *run, int n);

/* Which width counts for an lr (in eta_ref) so far ahead: its index in law->width, flat. */
int lc_calib_cell(const struct lc_law *law, double lr, double ahead);

/* Sets law->calib and law->width; model NULL: no widening. doubt: of its noise prior. */
void lc_calib_take(struct lc_law *law, const struct lc_law_model *model, double doubt);

/* What the run's own earlier forecasts say of law->width. */
void lc_calib_adapt(struct lc_law *law, const struct lc_past *past, double total,
		    const struct lc_law_model *model);

#endif

/*
 * lawcalib: how wide the law's intervals must be to cover, learned from past runs.
 *
 * Split-conformal by run (Vovk et al. 2005; weighted so that each run counts once): every branch of
 * a past run is forecast from what was known at its fork, by a model that knows nothing of that
 * run, or of any run with its lr; the 90 % quantile of |error| over sd gives the factor. One for
 * each kind of law, for a lr that has been seen or not, and for how far ahead.
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

/* Sets law->calib and law->width; model NULL: no widening. doubt: of its noise prior. */
void lc_calib_take(struct lc_law *law, const struct lc_law_model *model, double doubt);

#endif

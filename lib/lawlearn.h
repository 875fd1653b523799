/*
 * lawlearn: what forecasts whose truth is known teach: widths (lawcalib.h) and weights (mixfit.h),
 * from one walk over them.
 */
#ifndef LC_LAWLEARN_H
#define LC_LAWLEARN_H

#include "held.h"

/* Fill model->calib and model->mix from the runs that its members are of. */
void lc_model_learn(struct lc_law_model *model, const struct lc_pupil *run, int n);

/* A fitted law's widths and experts, by the model and by the run's own earlier forecasts. */
void lc_law_adapt(struct lc_law *law, const struct lc_past *past, double total,
		  const struct lc_law_model *model);

#endif

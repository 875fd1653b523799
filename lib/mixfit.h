/*
 * mixfit: learns what each expert of lawmix.h is worth, from forecasts whose truth is known.
 */
#ifndef LC_MIXFIT_H
#define LC_MIXFIT_H

#include "lawcalib.h"

/*
 * Fill model->mix from the runs that its members are of: every branch is forecast from what was
 * known at its fork, by a model that knows nothing of that run (or of any with its lr), for each
 * kind of law. A run is one group.
 */
void lc_mix_fit(struct lc_law_model *model, const struct lc_pupil *run, int n);

/*
 * Set law->mix: with the model's weights for this kind of law where it has any, else by the run's
 * own earlier forecasts, each of which is a group.
 */
void lc_mix_adapt(struct lc_law *law, const struct lc_past *past, double total,
		  const struct lc_law_model *model);

#endif

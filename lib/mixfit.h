/*
 * mixfit: learns what each expert of lawmix.h is worth, from forecasts whose truth is known.
 */
#ifndef LC_MIXFIT_H
#define LC_MIXFIT_H

#include "held.h"

/* Errors of all experts in forecasts that were held out. */
struct lc_mix_book *lc_mix_open(void);
void lc_mix_hear(struct lc_mix_book *b, const struct lc_held_fold *fold);
void lc_mix_close(struct lc_mix_book *b);

/* Fill model->mix from what past runs say. A run is one group. */
void lc_mix_fit(struct lc_law_model *model, struct lc_mix_book *b, int groups);

/* Whether a model says what the experts of such a law weigh: then its own forecasts need not. */
int lc_mix_known(const struct lc_law_model *model, const struct lc_law *law);

/* Set law->mix: by the model where it is known; else by the run's own forecasts; b may be NULL. */
void lc_mix_adapt(struct lc_law *law, const struct lc_past *past, const struct lc_law_model *model,
		  const struct lc_mix_book *b, int groups);

#endif

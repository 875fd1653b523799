/* lawlearn: see lawlearn.h. */
#include "lawlearn.h"

#include "lawcalib.h"
#include "mixfit.h"

struct books {
	struct lc_calib_book *calib;
	struct lc_mix_book *mix; /* NULL: nothing is asked of it */
};

static void hear(void *ctx, const struct lc_held_fold *fold)
{
	const struct books *b = ctx;

	lc_calib_hear(b->calib, fold);
	if (b->mix)
		lc_mix_hear(b->mix, fold);
}

void lc_model_learn(struct lc_law_model *model, const struct lc_pupil *run, int n)
{
	struct books b = {lc_calib_open(), lc_mix_open()};

	lc_held_runs(model, run, n, hear, &b);
	lc_calib_fit(model, b.calib, n);
	lc_mix_fit(model, b.mix, n);
	lc_calib_close(b.calib);
	lc_mix_close(b.mix);
}

void lc_law_adapt(struct lc_law *law, const struct lc_past *past, double total,
		  const struct lc_law_model *model)
{
	struct books b = {lc_calib_open(), lc_mix_known(model, law) ? NULL : lc_mix_open()};
	int groups = lc_held_own(law, past, total, model, hear, &b);

	if (law->eta_ref > 0) {
		lc_calib_adapt(law, b.calib, groups);
		lc_mix_adapt(law, past, model, b.mix, groups);
	}
	lc_calib_close(b.calib);
	lc_mix_close(b.mix);
}

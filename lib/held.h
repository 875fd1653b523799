/*
 * held: what a law said of a series whose truth is known: how widths (lawcalib.h) and weights
 * (mixfit.h) are learned, from the same forecasts.
 */
#ifndef LC_HELD_H
#define LC_HELD_H

#include "lawmodel.h"

/* Which branches are known besides the trunk up to the fork: none; those that had ended; those and
 * the others of that fork. */
enum lc_held_which { LC_HELD_NONE, LC_HELD_ENDED, LC_HELD_SIBLINGS };

/* What was known at a fork, but of the series `besides`. Rows are borrowed. */
void lc_held_known(const struct lc_past *past, int besides, long from, enum lc_held_which which,
		   struct lc_past *out);
void lc_held_known_release(struct lc_past *known);

/* The model without a run: without its name, or (far) without all of its lr. lc_model_release. */
void lc_held_without(const struct lc_law_model *m, const char *name, int far,
		     struct lc_law_model *out);

/* Values of a series after a fork, and the law's own forecast of them. */
struct lc_held {
	double from;
	struct lc_lrpath path; /* its whole lr, in eta_ref */
	int n;
	double at[LC_POINTS], y[LC_POINTS];    /* updates of the run, ascending */
	double mean[LC_POINTS], sd[LC_POINTS]; /* sd: of a value, its noise too */
};

/*
 * At most `points` values up to `until`, evenly; of a run of its own (from 0) without its first
 * twentieth. n is 0 where the law or the series has no lr.
 */
void lc_held_roll(struct lc_held *h, const struct lc_law *law, const struct lc_past *past,
		  int series, double from, double until, int points);
void lc_held_release(struct lc_held *h);

/* A series that was held out, and the law of what was known at its fork. */
struct lc_held_fold {
	struct lc_law *law; /* a hearer may give it experts */
	const struct lc_past *past, *known;
	int series, own;    /* own: an earlier forecast of the run that is fitted itself */
	int group;	    /* the run it is of; an own one is a group by itself */
	int kind;	    /* of law (LC_CALIB_*); one for all own ones */
	double from, until; /* the fork; what is held out ends there */
};
typedef void lc_held_fn(void *ctx, const struct lc_held_fold *fold);

/* A past run and its branches as it was read. Borrowed. */
struct lc_pupil {
	const char *name; /* of its member */
	struct lc_past *past;
};

/* At most 12 branches of each run, for each kind of law, by a model that has not seen the run. */
void lc_held_runs(const struct lc_law_model *model, const struct lc_pupil *run, int n,
		  lc_held_fn *fn, void *ctx);

/*
 * A run's own earlier forecasts: from half, .65 and .8 of its past, and of its five newest branches
 * from what was known at their forks. Returns how many groups there may be.
 */
int lc_held_own(const struct lc_law *law, const struct lc_past *past, double total,
		const struct lc_law_model *model, lc_held_fn *fn, void *ctx);

#endif

/*
 * held: what a law said of a series whose truth is known: how widths (lawcalib.h) and weights
 * (mixfit.h) are learned.
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

#endif

/*
 * trend: a robust trend of one noisy channel, and how far each new value lies off it.
 *
 * The last `cap` values are kept. Their trend is a broken line through the medians of their three
 * thirds; its spread is the median absolute deviation from it. A value further off than CLIP
 * spreads enters only as far as that, so a spike cannot hide the next one (the idea of ZClip,
 * arXiv:2504.02507).
 */
#ifndef LC_TREND_H
#define LC_TREND_H

struct lc_trend {
	double *x, *scratch; /* values in order of time */
	int n, cap;
	int min_n;    /* values needed before a score means anything */
	int may_rise; /* a rise is a trend too; else it is continued flat */
	double floor; /* least spread, as a share of the level (0: .02 absolute) */
	double level; /* median of the newest third */
	double spread;
};

void lc_trend_init(struct lc_trend *t, int cap, int min_n, double floor, int may_rise);
void lc_trend_release(struct lc_trend *t);
void lc_trend_clear(struct lc_trend *t);
void lc_trend_copy(struct lc_trend *to, const struct lc_trend *from); /* of equal cap */

/* Take the next value and give its score: spreads above the trend of those before it; NaN below
 * min_n. */
double lc_trend_add(struct lc_trend *t, double x);

#endif

/*
 * trend: where one noisy channel is heading, in a few numbers, and how far each value lies off it.
 *
 * Level and slope follow the values with gains that shrink from 1 to 2/(TREND_SPAN + 1), critically
 * damped (an alpha-beta filter). What lies further off than CLIP spreads enters only as far as
 * that, and while it is held not at all, so a spike cannot hide the next one (the idea of ZClip,
 * arXiv:2504.02507). Values that fall off on the other side three times in a row are followed fast:
 * a loss steps down between epochs, and what rises after that must not hide below an old level.
 *
 * A trend is numbers only: copied, compared and saved as they lie.
 */
#ifndef LC_TREND_H
#define LC_TREND_H

/* What deviation is bad: a loss and a gradient norm UP, a reward DOWN, an entropy BOTH. */
enum lc_sense { LC_UP = 1, LC_DOWN = -1, LC_BOTH = 0 };

/* How a channel is looked at. */
struct lc_view {
	enum lc_sense sense;
	int may_worsen; /* a slope to the bad side is a trend too (gradient norms grow in health) */
	double floor;	/* least spread, as a share of the level */
	double least;	/* least spread, in the channel's own unit */
};

struct lc_trend {
	double n;	     /* values taken */
	double level, slope; /* after the last value; slope is change per value */
	double spread;	     /* robust standard deviation of one value about the trend */
	double calm;	     /* the spread, followed upwards 16 times slower: a drift widens it */
	double reference;    /* follows the level where it gets better, 64 times slower elsewhere */
	double smooth;	     /* mean of the last 16 or so values, clipped */
	double fallen;	     /* values in a row off on the good side */
	double last;	     /* value */
	double changes;	     /* values that were not the one before */
	double grain;	     /* least of these changes: the last digit of a log that rounds */
	double ceiling;	     /* how far the reference was from here before it fell; fades */
};

/*
 * The score of x before it is taken: spreads off the trend, positive is bad (LC_BOTH: signed). NaN
 * below min_n values.
 */
double lc_trend_score(const struct lc_trend *t, const struct lc_view *view, double min_n, double x);

/* Take x. hold: only values within CLIP spreads are believed. */
void lc_trend_add(struct lc_trend *t, const struct lc_view *view, double x, int hold);

/*
 * How far the smooth level is from its reference on the bad side, in spreads. A level that stepped
 * down may come back some way: losses do so within an epoch.
 */
double lc_trend_drift(const struct lc_trend *t, const struct lc_view *view);

/* What is, is the new normal, if it is no quieter than before: after an excursion that did not come
 * back. */
void lc_trend_settle(struct lc_trend *t, double level, double spread);

#endif

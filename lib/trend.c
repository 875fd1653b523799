/* trend: see trend.h. */
#include "trend.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "stat.h"

#define CLIP 4.0 /* spreads at which a value enters */

void lc_trend_init(struct lc_trend *t, int cap, int min_n, double floor, int may_rise)
{
	memset(t, 0, sizeof(*t));
	t->cap = cap;
	t->min_n = min_n;
	t->floor = floor;
	t->may_rise = may_rise;
	t->x = lc_xalloc((size_t)cap, sizeof(double));
	t->scratch = lc_xalloc((size_t)cap, sizeof(double));
}

void lc_trend_release(struct lc_trend *t)
{
	free(t->x);
	free(t->scratch);
	memset(t, 0, sizeof(*t));
}

void lc_trend_clear(struct lc_trend *t)
{
	t->n = 0;
	t->level = t->spread = 0;
}

void lc_trend_copy(struct lc_trend *to, const struct lc_trend *from)
{
	memcpy(to->x, from->x, (size_t)from->n * sizeof(double));
	to->n = from->n;
	to->level = from->level;
	to->spread = from->spread;
}

static double median_of(struct lc_trend *t, int from, int to)
{
	memcpy(t->scratch, t->x + from, (size_t)(to - from) * sizeof(double));
	return lc_median(t->scratch, (size_t)(to - from));
}

/*
 * Fit, and give what the trend expects next: the broken line continued with the slope that its last
 * piece would have if slopes kept shrinking at the rate they did (a straight line would run below
 * every young loss curve, which is convex).
 */
static double fit(struct lc_trend *t)
{
	int third = t->n / 3;
	double width = t->n / 3.0, least, shrink, slope;
	double m1 = median_of(t, 0, third), m2 = median_of(t, third, 2 * third);
	double m3 = median_of(t, 2 * third, t->n);

	shrink = m2 != m1 ? (m3 - m2) / (m2 - m1) : 0;
	slope = (m3 - m2) / width * fmin(fmax(shrink, 0), 1);
	if (slope > 0 && !t->may_rise)
		slope = 0;
	for (int i = 0; i < t->n; i++) {
		double at = (i + .5) / width - .5; /* 0, 1, 2 at the middle of each third */
		double line = at < 1 ? m1 + at * (m2 - m1) : m2 + (at - 1) * (m3 - m2);
		t->scratch[i] = fabs(t->x[i] - line);
	}
	t->level = m3;
	t->spread = 1.4826 * lc_median(t->scratch, (size_t)t->n);
	least = t->floor > 0 ? t->floor * fabs(m3) : .02;
	t->spread = fmax(t->spread, fmax(least, 1e-300));
	return m3 + slope * width / 2;
}

double lc_trend_add(struct lc_trend *t, double x)
{
	double score = NAN, expected;

	if (t->n >= t->min_n) {
		expected = fit(t);
		score = (x - expected) / t->spread;
		if (fabs(score) > CLIP)
			x = expected + copysign(CLIP, score) * t->spread;
	}
	if (t->n == t->cap)
		memmove(t->x, t->x + 1, (size_t)--t->n * sizeof(double));
	t->x[t->n++] = x;
	return score;
}

/* trend: see trend.h. */
#include "trend.h"

#include <math.h>

#define SPAN 64.0     /* values that level and slope remember */
#define CLIP 2.5      /* spreads at which a value enters */
#define SMOOTH 16.0   /* values of the smooth level */
#define PATIENCE 64.0 /* how much slower the reference follows what gets worse */
#define YOUNG 32.     /* values whose mean is no best yet: it has too much noise */
#define BENDS 1.3     /* a power law's slope shrinks by (1 + a)/n a step, and a is about .3 */
#define FALLEN 3      /* values off on the good side that are a step */
#define BOUNCE 128.   /* values for which a level that stepped down may come back */
#define CHANGES 8     /* before the least of them is what the log's digits can say */
#define FAST .3	      /* gain with which a step is followed */

/* E min(|e|, 3) of a standard normal is .7969 (2 (phi(0) - phi(3)) + 6 (1 - Phi(3))). */
#define ABS_TO_SD (1 / .7969)

static double clamp(double x, double low, double high)
{
	return x < low ? low : x > high ? high : x;
}

double lc_trend_score(const struct lc_trend *t, const struct lc_view *view, double min_n, double x)
{
	double z;

	if (t->n < min_n || t->n < 2)
		return NAN;
	z = (x - t->level - t->slope) / t->spread;
	return view->sense == LC_DOWN ? -z : z;
}

/* A rise of what should fall is no trend: it is what is looked for. */
static double allowed(double slope, const struct lc_view *view)
{
	if (view->may_worsen || view->sense == LC_BOTH)
		return slope;
	return view->sense == LC_UP ? fmin(slope, 0) : fmax(slope, 0);
}

static double least_spread(const struct lc_trend *t, const struct lc_view *view)
{
	double grain = t->changes < CHANGES ? 0 : t->grain / 2;

	return fmax(fmax(view->floor * fabs(t->level), grain), fmax(view->least, 1e-300));
}

static void begin(struct lc_trend *t, const struct lc_view *view, double x)
{
	if (t->n == 0) {
		*t = (struct lc_trend){.level = x, .reference = x, .smooth = x, .last = x};
	} else { /* the distance of two values is 1.128 spreads of one (the range of 2) */
		t->spread = fabs(x - t->level) / 1.128;
		t->level = t->smooth = t->reference = (x + t->level) / 2;
		t->spread = t->calm = fmax(t->spread, least_spread(t, view));
	}
}

static void watch_grain(struct lc_trend *t, double x)
{
	double change = t->n == 0 ? 0 : fabs(x - t->last);

	if (change > 0) {
		t->grain = t->changes > 0 ? fmin(t->grain, change) : change;
		t->changes++;
	}
	t->last = x;
}

/* The reference is slow on the bad side; where both are bad it is slow all the same. */
static void follow_reference(struct lc_trend *t, enum lc_sense sense, double gain)
{
	double off = t->smooth - t->reference;

	if (sense == LC_BOTH)
		gain /= 16;
	else if (off * sense > 0 && t->n >= YOUNG)
		gain /= PATIENCE;
	t->reference += gain * off;
}

void lc_trend_add(struct lc_trend *t, const struct lc_view *view, double x, int hold)
{
	double gain = fmax(2 / (SPAN + 1), 4 / (t->n + 8)), smoothing = fmax(1 / SMOOTH, gain);
	double expected, z, bad, off;

	watch_grain(t, x);
	if (t->n < 2) {
		begin(t, view, x);
		t->n++;
		return;
	}
	t->slope *= 1 - BENDS / (t->n + BENDS);
	expected = t->level + t->slope;
	z = (x - expected) / t->spread;
	bad = view->sense == LC_BOTH ? fabs(z) : z * view->sense;
	off = clamp(z, -CLIP, CLIP) * t->spread;
	t->fallen = bad < -CLIP ? t->fallen + 1 : 0;
	t->ceiling *= 1 - 1 / BOUNCE;
	if (t->fallen == FALLEN)
		t->ceiling = fmax(t->ceiling, fabs(t->reference - x));
	if (t->fallen >= FALLEN) {
		t->level = expected + FAST * (x - expected);
		t->slope = allowed(t->slope + gain * gain / 2 * off, view);
		t->smooth += FAST * (x - t->smooth);
	} else if (!(hold && bad > CLIP)) {
		t->level = expected + gain * off;
		t->slope = allowed(t->slope + gain * gain / 2 * off, view);
		t->smooth += smoothing * (expected + clamp(z, -4, 4) * t->spread - t->smooth);
		t->spread *=
			1 + fmax(1 / SPAN, 3 / (t->n + 3)) * (ABS_TO_SD * fmin(fabs(z), 3) - 1);
	}
	follow_reference(t, view->sense, smoothing);
	t->spread = fmax(t->spread, least_spread(t, view));
	t->calm += (t->spread - t->calm) *
		   fmax(1 / (t->spread < t->calm ? SPAN / 4 : SPAN * 16), 1 / t->n);
	t->n++;
}

double lc_trend_drift(const struct lc_trend *t, const struct lc_view *view)
{
	double off = t->n < 2 ? 0 : (t->smooth - t->reference) / t->calm;

	if (view->sense != LC_BOTH)
		off -= view->sense * (t->n < 2 ? 0 : t->ceiling / t->calm);
	return view->sense == LC_BOTH ? fabs(off) : off * view->sense;
}

void lc_trend_settle(struct lc_trend *t, double level, double spread)
{
	t->level = t->smooth = t->reference = level;
	t->spread = fmax(t->spread, spread);
	t->calm = fmax(t->calm, spread);
	t->slope = 0;
	t->fallen = t->ceiling = 0;
}

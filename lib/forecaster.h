/*
 * forecaster: an ensemble of small forecasters of the loss, learning online.
 *
 * What is forecast: how far the mean loss of the next FORECAST_AHEAD steps will lie from where the
 * trend of now would take it, in its spreads. From what: scores of loss and log gradient norm, in
 * running means of 1 to 64 steps (about the last 100 steps), and as they come. The members:
 *
 *   0 the loss's means alone, linear     1 those of loss and gradient norm, linear
 *   2 the same, learning 4 times slower  3 a GRU of 8 units (Cho et al. 2014) over all steps
 *
 * The linear ones learn by normalised least mean squares, the GRU by backpropagation through its
 * last FORECAST_DEPTH steps. Its gates are rational functions (softsign), not libm's, so the same
 * steps give the same numbers on every machine; the first weights are drawn with a fixed seed.
 *
 * Numbers only: copied, compared and saved as they lie. All zero is a forecaster that saw nothing.
 */
#ifndef LC_FORECASTER_H
#define LC_FORECASTER_H

#define FORECAST_AHEAD 10
#define FORECAST_DEPTH 8
#define FORECAST_LINEAR 3
#define FORECAST_MEMBERS (FORECAST_LINEAR + 1)
#define FORECAST_SCALES 4 /* running means over 1, 4, 16 and 64 steps */
#define FORECAST_FEATURES (2 * FORECAST_SCALES + 1)
#define FORECAST_UNITS 8
#define FORECAST_ROWS (2 + FORECAST_UNITS + 1) /* what a unit sees: scores, units, 1 */
#define FORECAST_HELD (FORECAST_AHEAD + FORECAST_DEPTH)

/* A step of the loss as its trend saw it. */
struct lc_forecast_seen {
	double loss_z, grad_z; /* before the trend took it; NaN: none */
	double loss;
	double level, slope, spread; /* of the trend, after */
};

/* A step, as long as it is needed to learn from. */
struct lc_forecast_step {
	double x[2];		      /* scores, clipped */
	double units[FORECAST_UNITS]; /* before it */
	double loss;		      /* clipped */
	double features[FORECAST_FEATURES];
	double base, spread; /* what the trend expects of the mean of the steps ahead */
	double forecast[FORECAST_MEMBERS];
};

struct lc_forecaster {
	double n; /* steps taken */
	double means[2][FORECAST_SCALES];
	double linear[FORECAST_LINEAR][FORECAST_FEATURES];
	double gru[3][FORECAST_ROWS][FORECAST_UNITS]; /* update, reset, candidate */
	double out[FORECAST_UNITS + 1];
	double units[FORECAST_UNITS];
	struct lc_forecast_step held[FORECAST_HELD]; /* a ring: step i at i % FORECAST_HELD */
	double judged_from;			     /* forecasts of older steps are not judged */
	double error, spread; /* the usual: mean |error| of the ensemble, sd of its members */
	double surprise, disagreement; /* after the last step; NaN: none yet */
};

/* Take a step. learn 0: what it shows is not learned (an alert is on). */
void lc_forecaster_take(struct lc_forecaster *f, const struct lc_forecast_seen *seen, int learn);

/* The loss has settled elsewhere: what was forecast so far is not judged. */
void lc_forecaster_settle(struct lc_forecaster *f);

#endif

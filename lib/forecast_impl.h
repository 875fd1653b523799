/* forecast_impl: what forecast's files share. */
#ifndef LC_FORECAST_IMPL_H
#define LC_FORECAST_IMPL_H

#include "forecast.h"

struct lc_forecast_root;
struct lc_forecaster {
	const struct lc_law *law;
	struct lc_schedule plan;
	const struct lc_device *dev; /* or NULL */
	struct lc_err refused;	     /* what it could not do, last */
	int points, held, to_end;
	int nroot;
	struct lc_forecast_root **root;
};

/* Whether others than the law have a say in a forecast. */
int lc_forecast_mixes(const struct lc_law *law, const struct lc_forecast *f);

/* What each expert says of the last point; the law's place is not filled. */
void lc_forecast_last(const struct lc_law *law, const struct lc_forecast *f, double say[LC_MIXED]);

/*
 * The mixture in place of the law's mean, sd and delta. ref: what the experts say of the last point
 * where nothing is done (lc_forecast_last). z: what the network says of each point, or NULL.
 */
void lc_forecast_mix(const struct lc_law *law, struct lc_forecast *f, const double *ref,
		     const float *z);

/*
 * What the network says of all points of n forecasts, from the device, in one go: of those of
 * forecast i from first[i] on (the caller's; free it). NULL: each is to be asked by itself.
 */
float *lc_forecast_networks(struct lc_forecaster *fc, const struct lc_forecast *f, int n,
			    size_t *first);

#endif

/* draw_cone: forecasts, of single branches and of a whole fork as one cone. */
#include <math.h>
#include <stdlib.h>

#include "figure.h"
#include "io.h"
#include "json.h"

#define CONE_POINTS 48

/* A forecast's quantile as a curve; empty when the record has none. */
struct series forecast_quantile(const json_t *forecast, const char *q)
{
	const json_t *steps = json_object_get(forecast, "steps"),
		     *v = json_object_get(json_object_get(forecast, "loss"), q);
	struct series s = {0};
	double x, y;

	for (size_t i = 0; i < json_array_size(steps) && i < json_array_size(v); i++)
		if (lc_json_to_num(json_array_get(steps, i), &x) == 0 &&
		    lc_json_to_num(json_array_get(v, i), &y) == 0 && isfinite(y) && isfinite(x) &&
		    (s.n == 0 || x > s.x[s.n - 1]))
			series_add(&s, x, y);
	return s;
}

void put_band(const struct figure *g, const struct axis *y, const struct branch *b)
{
	struct series lo = forecast_quantile(b->forecast, "q05"),
		      mid = forecast_quantile(b->forecast, "q50"),
		      hi = forecast_quantile(b->forecast, "q95");

	put_area(g, y, &lo, &hi, "band", "forecast of one branch, 5 to 95 %");
	put_curve(g, y, &mid, 64, "median");
	series_release(&lo);
	series_release(&mid);
	series_release(&hi);
}

/* What all of a fork's forecasts allow: low and high ends of n pairs of curves over their steps. */
static void envelope(const struct series *lows, const struct series *highs, size_t n,
		     struct series *lo, struct series *hi)
{
	double from = INFINITY, to = -INFINITY;

	*lo = *hi = (struct series){0};
	for (size_t i = 0; i < n; i++)
		if (lows[i].n) {
			from = fmin(from, lows[i].x[0]);
			to = fmax(to, lows[i].x[lows[i].n - 1]);
		}
	for (int p = 0; to > from && p < CONE_POINTS; p++) {
		double x = from + (to - from) * p / (CONE_POINTS - 1), least = NAN, most = NAN;
		for (size_t i = 0; i < n; i++) {
			least = fmin(least, series_at(&lows[i], x));
			most = fmax(most, series_at(&highs[i], x));
		}
		if (isfinite(least) && isfinite(most)) {
			series_add(lo, x, least);
			series_add(hi, x, most);
		}
	}
}

/*
 * From the least to the greatest that any forecast allows at 5 to 95 %, and within it from the
 * least to the greatest median; the median of the branch that changes nothing as a line.
 */
void put_cone(const struct figure *g, const struct axis *y, const struct fork *k)
{
	struct series *q[3], lo, hi;
	const struct branch *control = fork_control(k);
	static const char *const name[] = {"q05", "q50", "q95"};

	for (int j = 0; j < 3; j++) {
		q[j] = lc_xalloc(k->n + 1, sizeof(*q[j]));
		for (size_t i = 0; i < k->n; i++)
			q[j][i] = forecast_quantile(k->b[i].forecast, name[j]);
	}
	envelope(q[0], q[2], k->n, &lo, &hi);
	put_area(g, y, &lo, &hi, "cone", "the cone of all forecasts, 5 to 95 %");
	series_release(&lo);
	series_release(&hi);
	envelope(q[1], q[1], k->n, &lo, &hi);
	put_area(g, y, &lo, &hi, "core", "the medians of all forecasts");
	series_release(&lo);
	series_release(&hi);
	for (size_t i = 0; i < k->n; i++)
		if (&k->b[i] == control)
			put_curve(g, y, &q[1][i], 64, "median");
	for (int j = 0; j < 3; j++) {
		for (size_t i = 0; i < k->n; i++)
			series_release(&q[j][i]);
		free(q[j]);
	}
}

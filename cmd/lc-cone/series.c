/* series: curves, and curves with fewer points that look the same. */
#include <math.h>
#include <stdlib.h>

#include "cone.h"
#include "io.h"

void series_add(struct series *s, double x, double y)
{
	if (s->n == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 64;
		s->x = lc_xrealloc(s->x, s->cap, sizeof(*s->x));
		s->y = lc_xrealloc(s->y, s->cap, sizeof(*s->y));
	}
	s->x[s->n] = x;
	s->y[s->n++] = y;
}

void series_put(struct series *s, double x, double y)
{
	s->n = series_from(s, x);
	series_add(s, x, y);
}

double series_at(const struct series *s, double x)
{
	size_t i = series_from(s, x);

	if (s->n == 0 || x < s->x[0] || i >= s->n)
		return NAN;
	if (i == 0 || s->x[i] == x)
		return s->y[i];
	return s->y[i - 1] + (s->y[i] - s->y[i - 1]) * (x - s->x[i - 1]) / (s->x[i] - s->x[i - 1]);
}

double series_end(const struct series *s)
{
	return s->n ? s->x[s->n - 1] : NAN;
}

double series_last(const struct series *s)
{
	return s->n ? s->y[s->n - 1] : NAN;
}

void series_release(struct series *s)
{
	free(s->x);
	free(s->y);
	*s = (struct series){0};
}

size_t series_from(const struct series *s, double x)
{
	size_t lo = 0, hi = s->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (s->x[mid] < x)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Of the points a to b, those that show: at most five, in their order. */
static void thin_stretch(const struct series *s, size_t a, size_t b, struct series *out)
{
	size_t keep[5] = {a, a, a, b - 1, b}; /* first, least, greatest, last; b: none not finite */
	int some = 0;

	for (size_t i = a; i < b; i++) {
		if (!isfinite(s->y[i])) {
			keep[4] = keep[4] == b ? i : keep[4];
			continue;
		}
		if (!some || s->y[i] < s->y[keep[1]])
			keep[1] = i;
		if (!some || s->y[i] > s->y[keep[2]])
			keep[2] = i;
		some = 1;
	}
	for (size_t i = a; i < b; i++) /* stretches are short where it matters */
		if (i == keep[0] || i == keep[1] || i == keep[2] || i == keep[3] || i == keep[4])
			series_add(out, s->x[i], s->y[i]);
}

void series_thin(const struct series *s, size_t points, struct series *out)
{
	size_t stretches = points / 4 ? points / 4 : 1, a = 0;
	double step;

	*out = (struct series){0};
	if (s->n <= points) {
		for (size_t i = 0; i < s->n; i++)
			series_add(out, s->x[i], s->y[i]);
		return;
	}
	step = (s->x[s->n - 1] - s->x[0]) / (double)stretches;
	for (size_t k = 0; k < stretches && a < s->n; k++) {
		size_t b = k + 1 == stretches ? s->n
					      : series_from(s, s->x[0] + (double)(k + 1) * step);
		if (b > a)
			thin_stretch(s, a, b, out);
		a = b > a ? b : a;
	}
}

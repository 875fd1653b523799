/* axis: see axis.h. */
#include "axis.h"

#include <math.h>
#include <stdlib.h>

#include "io.h"

#define SAMPLE 20000 /* values looked at */
#define FAR 1e150    /* as far as a picture goes: what is beyond is at its edge */
#define LOG_SPAN 3.5 /* the greatest over the least, from which on a logarithm shows more */

double axis_at(const struct axis *a, double v)
{
	if (!a->log)
		return a->size * (v - a->lo) / (a->hi - a->lo);
	if (!(v > 0))
		return -a->size;
	return a->size * log(v / a->lo) / log(a->hi / a->lo);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static size_t gather(const struct series *const *s, size_t n, double x0, double x1, double *v)
{
	size_t total = 0, got = 0, step;

	for (size_t k = 0; k < n; k++)
		total += series_from(s[k], x1 + .5) - series_from(s[k], x0);
	step = total / SAMPLE + 1;
	for (size_t k = 0; k < n; k++) {
		size_t end = series_from(s[k], x1 + .5);
		for (size_t i = series_from(s[k], x0); i < end; i += step)
			if (isfinite(s[k]->y[i]) && got < SAMPLE + n)
				v[got++] = fmax(-FAR, fmin(s[k]->y[i], FAR));
	}
	qsort(v, got, sizeof(*v), by_value);
	return got;
}

int axis_fit(struct axis *a, const struct series *const *s, size_t n, double x0, double x1)
{
	double *v = lc_xalloc(SAMPLE + n + 1, sizeof(*v)), most, mid, room;
	size_t got = gather(s, n, x0, x1, v);

	a->lo = got ? v[0] : 0;
	a->hi = got ? v[got - 1] : 1;
	a->log = got && a->lo > 0 && a->hi > LOG_SPAN * a->lo;
	if (got > 20) { /* a spike to a million must not flatten all else */
		mid = a->log ? log(v[got / 2]) : v[got / 2];
		most = a->log ? log(v[got - 1 - got / 100]) : v[got - 1 - got / 100];
		room = most + 2 * (most - mid);
		a->hi = fmin(a->hi, a->log ? exp(room) : room);
	}
	free(v);
	if (!(a->hi > a->lo)) {
		room = fabs(a->lo) > 0 ? fabs(a->lo) / 10 : 1;
		a->log = 0;
		a->lo -= room;
		a->hi += room;
		return got > 0;
	}
	room = a->log ? pow(a->hi / a->lo, .04) : (a->hi - a->lo) * .04;
	a->lo = a->log ? a->lo / room : a->lo - room;
	a->hi = a->log ? a->hi * room : a->hi + room;
	return got > 0;
}

static int round_ticks(const struct axis *a, double step, double ticks[16])
{
	int n = 0;

	for (double k = ceil(a->lo / step); k * step <= a->hi && n < 16; k++)
		ticks[n++] = k * step + 0.0; /* no -0 */
	return n;
}

static int log_ticks(const struct axis *a, int every, int parts, double ticks[16])
{
	static const double part[] = {1, 2, 5};
	int n = 0;

	for (int e = (int)floor(log10(a->lo)); e <= (int)ceil(log10(a->hi)); e++)
		for (int k = 0; k < parts; k++) {
			double v = part[k] * pow(10, e);
			if (v < a->lo || v > a->hi || e % every)
				continue;
			if (n < 16)
				ticks[n] = v;
			n++;
		}
	return n;
}

int axis_ticks(const struct axis *a, int max, double ticks[16])
{
	double step = pow(10, floor(log10((a->hi - a->lo) / max)));
	int n;

	max = max > 16 ? 16 : max;
	if (a->log && a->hi > 8 * a->lo) {
		n = log_ticks(a, 1, 3, ticks);
		for (int every = 1; every < 400 && n > max; every *= 2)
			n = log_ticks(a, every, 1, ticks);
		if (n <= max)
			return n;
	}
	for (int k = 0; k < 4; k++) {
		static const double times[] = {1, 2, 5, 10};
		n = (int)(floor(a->hi / (step * times[k])) - ceil(a->lo / (step * times[k]))) + 1;
		if (n <= max)
			return round_ticks(a, step * times[k], ticks);
	}
	return 0;
}

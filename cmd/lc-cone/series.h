/*
 * series: curves: values at steps that only grow, both finite, or the value infinite or NaN.
 */
#ifndef LC_SERIES_H
#define LC_SERIES_H

#include <stddef.h>

struct series {
	double *x, *y;
	size_t n, cap;
};
void series_add(struct series *s, double x, double y);
void series_put(struct series *s, double x,
		double y); /* what is there from x on goes: it is newer */
void series_release(struct series *s);
size_t series_from(const struct series *s, double x); /* the first point at or after x */
double series_at(const struct series *s, double x);   /* between points on a line; NaN outside */
double series_end(const struct series *s);	      /* the last step; NaN: none */
double series_last(const struct series *s);	      /* NaN: none */

/*
 * At most about `points` of s, so that a drawing of that width looks the same: of each stretch the
 * first, the least, the greatest and the last finite value, and the first that is not finite.
 */
void series_thin(const struct series *s, size_t points, struct series *out);

#endif

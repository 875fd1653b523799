/*
 * axis: from values to places in a picture, and the round values that get a label.
 */
#ifndef LC_AXIS_H
#define LC_AXIS_H

#include "cone.h"

struct axis {
	double lo, hi; /* values at both ends, lo < hi; both above 0 when log */
	int log;
	double size; /* pixels between them */
};

/* Where v lies, from 0 (lo) to size (hi); outside for values beyond. */
double axis_at(const struct axis *a, double v);

/*
 * Ends such that what the curves show is seen: of all finite values between steps x0 and x1, but
 * for rare ones far above the rest. Logarithmic when all are above 0 and they span much. 0: no
 * finite value is there, and the ends say nothing.
 */
int axis_fit(struct axis *a, const struct series *const *s, size_t n, double x0, double x1);

/* Round values between the ends, at most max (up to 16) of them; how many. */
int axis_ticks(const struct axis *a, int max, double ticks[16]);

#endif

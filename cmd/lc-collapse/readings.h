/*
 * readings: one number a future is judged by, read where short horizons lie least.
 */
#ifndef READINGS_H
#define READINGS_H

#include "collapse.h"

enum metric { VAL, TEST, TRAIN };

/*
 * "return": mean over the later half of the segment back at the control's lr (a future that changes nothing lasting and
 * has no segment is read over the same steps of its own). "cool": the last value of the cooldown.
 * Infinity when it diverged; NaN when it was not read (void, failed, no segment).
 */
double read_return(const struct evidence *ev, const struct future *f, enum metric m);
double read_cool(const struct evidence *ev, const struct future *f, enum metric m);

/* Standard deviation of a reading over the null branches, which differ in nothing but the order of their data. */
struct noise {
	double ret, cool; /* sd; NaN below two nulls */
	int df;
};
struct noise noise_floor(const struct evidence *ev, enum metric m);

/* What one step of training is worth now, in nats: the mean fall per step of the null branches, at least 0. */
double step_worth(const struct evidence *ev, enum metric m);

#endif

/*
 * stat: running and robust statistics, and the distributions that intervals need.
 */
#ifndef LC_STAT_H
#define LC_STAT_H

#include <stddef.h>

/* Mean and variance of a stream (Welford 1962). Zero-initialised is empty. */
struct lc_moments {
	double n, mean, m2;
};
void lc_moments_add(struct lc_moments *s, double x);
double lc_moments_var(const struct lc_moments *s); /* unbiased; 0 below two values */

/* The last cap finite values, kept in order of size too: median and MAD cost O(1), a push O(cap).
 */
struct lc_window {
	int cap, n, at;
	double *ring, *sorted; /* ring by time, sorted by size */
};
void lc_window_init(struct lc_window *w, int cap);
void lc_window_release(struct lc_window *w);
void lc_window_push(struct lc_window *w, double x); /* x must be finite */
double lc_window_quantile(const struct lc_window *w,
			  double p); /* linear between order statistics; NaN when empty */
double lc_window_mad(const struct lc_window *w); /* 1.4826 x median |x - median|: sd of a normal */

/* Of an array; x is reordered. NaN when n is 0. */
double lc_quantile(double *x, size_t n, double p);
double lc_median(double *x, size_t n);

double lc_normal_cdf(double z);
double lc_normal_quantile(double p); /* p in (0,1) */
double lc_student_cdf(double t, double df);
double lc_student_quantile(double p, double df); /* p in (0,1), df > 0 */

#endif

/*
 * dunnett: see dunnett.h. All integrals by the trapezoid rule on integrands that fall off on both
 * sides faster than exponentially, where it converges geometrically (Trefethen and Weideman, SIAM
 * Review 56, 2014): over the control's own noise z, and over u = log(S).
 */
#include "dunnett.h"

#include <math.h>

#include "stat.h"

/* Most points of the integral over log(S). */
#define POINTS 300

struct chi {
	int n;
	double s[POINTS], w[POINTS]; /* values of S and their weights, which sum to 1 */
};

/* log of the density of u = log(S), but for a constant; its peak is at 0. */
static double log_density(double u, double df)
{
	return df * (u - .5 * (exp(2 * u) - 1));
}

/* Where the density has fallen to exp(-26), below 0 (side -1) or above it (side 1). */
static double reach(double df, int side)
{
	double near = 0, far = side;

	while (log_density(far, df) > -26)
		far *= 2;
	for (int i = 0; i < 50; i++) {
		double mid = (near + far) / 2;
		*(log_density(mid, df) > -26 ? &near : &far) = mid;
	}
	return far;
}

static void chi_points(struct chi *c, double df)
{
	double lo, hi, sum = 0;

	c->n = 1;
	c->s[0] = c->w[0] = 1;
	if (!(df < 1e6))
		return;
	lo = reach(df, -1);
	hi = reach(df, 1);
	/* as fine as the narrower side needs; a long lower tail (few df) is smooth */
	c->n = (int)fmin(POINTS, ceil((hi - lo) / hi * 12) + 1);
	for (int i = 0; i < c->n; i++) {
		double u = lo + (hi - lo) * i / (c->n - 1);
		c->s[i] = exp(u);
		c->w[i] = exp(log_density(u, df));
		sum += c->w[i];
	}
	for (int i = 0; i < c->n; i++)
		c->w[i] /= sum;
}

/* P(all of k normal differences <= x) when the noise is known. */
static double known_noise(double x, int k, double rho)
{
	const double step = .25, most = 8;
	double a = sqrt(rho), b = sqrt(1 - rho), sum = 0;

	if (k == 1 || rho == 0)
		return pow(lc_normal_cdf(x), k);
	for (double z = -most; z <= most; z += step)
		sum += exp(-z * z / 2) * pow(lc_normal_cdf((x + a * z) / b), k);
	return sum * step / sqrt(2 * M_PI);
}

static double cdf(const struct chi *c, double t, int k, double rho)
{
	double p = 0;

	for (int i = 0; i < c->n; i++)
		if (c->w[i] > 1e-14)
			p += c->w[i] * known_noise(t * c->s[i], k, rho);
	return p;
}

double lc_dunnett_cdf(double t, int k, double df, double rho)
{
	struct chi c;

	if (k == 1)
		return isinf(df) ? lc_normal_cdf(t) : lc_student_cdf(t, df);
	chi_points(&c, df);
	return cdf(&c, t, k, rho);
}

/* known_noise at multiples of GRID from 0 on: the quantile asks for it thousands of times. */
#define GRID (1. / 16)
#define GRIDS (9 * 16 + 4) /* beyond 9 it is 1 to the last digit */

struct grid {
	double at[GRIDS];
};

static void lay_grid(struct grid *g, int k, double rho)
{
	for (int i = 0; i < GRIDS; i++)
		g->at[i] = known_noise((i - 1) * GRID, k, rho);
}

/* Cubic between its four neighbours; x >= 0. */
static double look_up(const struct grid *g, double x)
{
	double at = x / GRID, f = at - floor(at);
	const double *y = g->at + (int)at; /* y[1] is the one below x */

	if (x >= 9)
		return 1;
	return y[1] + f * (y[2] - y[1]) +
	       f * (f - 1) / 6 *
		       ((2 - f) * (y[0] - 2 * y[1] + y[2]) + (f + 1) * (y[1] - 2 * y[2] + y[3]));
}

static double cdf_by_grid(const struct chi *c, const struct grid *g, double t)
{
	double p = 0;

	for (int i = 0; i < c->n; i++)
		p += c->w[i] * look_up(g, t * c->s[i]);
	return p;
}

/* The rising f(x) = p between lo and hi, by false position with the Illinois correction. */
static double solve(const struct chi *c, const struct grid *g, double p, double lo, double hi)
{
	double below = cdf_by_grid(c, g, lo) - p, above = cdf_by_grid(c, g, hi) - p;
	int side = 0;

	for (int i = 0; i < 100 && hi - lo > 1e-9 * hi; i++) {
		double x = (lo * above - hi * below) / (above - below), f;
		if (!(x > lo && x < hi))
			break;
		f = cdf_by_grid(c, g, x) - p;
		if (fabs(f) < 1e-12)
			return x;
		if (f < 0) {
			lo = x, below = f;
			above /= side < 0 ? 2 : 1;
			side = -1;
		} else {
			hi = x, above = f;
			below /= side > 0 ? 2 : 1;
			side = 1;
		}
	}
	return fabs(below) < fabs(above) ? lo : hi;
}

double lc_dunnett_quantile(double p, int k, double df, double rho)
{
	struct chi c;
	struct grid g;
	double each = 1 - (1 - p) / k, lo, hi;

	lo = isinf(df) ? lc_normal_quantile(p) : lc_student_quantile(p, df);
	if (k == 1)
		return lo;
	/* between the quantile of one arm and Bonferroni's */
	hi = isinf(df) ? lc_normal_quantile(each) : lc_student_quantile(each, df);
	chi_points(&c, df);
	lay_grid(&g, k, rho);
	return solve(&c, &g, p, lo, hi);
}

static double power(const struct chi *c, double t, double delta)
{
	double p = 0;

	for (int i = 0; i < c->n; i++)
		p += c->w[i] * lc_normal_cdf(delta - t * c->s[i]);
	return p;
}

double lc_power(double t, double df, double delta)
{
	struct chi c;

	chi_points(&c, df);
	return power(&c, t, delta);
}

double lc_selected_median(double t, double bar, double df)
{
	struct chi c;
	double lo = 0, hi = t;

	chi_points(&c, df);
	if (power(&c, t, lo) >= .5 * power(&c, bar, lo))
		return 0;
	/* the share of those above the bar that are above t rises with the truth */
	while (power(&c, t, hi) < .5 * power(&c, bar, hi))
		hi *= 1.5;
	for (int i = 0; i < 60; i++) {
		double mid = (lo + hi) / 2;
		*(power(&c, t, mid) < .5 * power(&c, bar, mid) ? &lo : &hi) = mid;
	}
	/* in true standard errors; an estimated one is as large at the median (chi of df over
	 * sqrt(df); Wilson and Hilferty, PNAS 17, 1931) */
	return fmin((lo + hi) / 2 / pow(1 - 2 / (9 * fmax(df, .5)), 1.5), t);
}

/* noise: see noise.h. */
#include "noise.h"

#include <math.h>

#include "stat.h"

#define RUNGS_MOST 8

struct table {
	int n, rungs;
	double mean[RUNGS_MOST], var[RUNGS_MOST]; /* of the runs, by rung */
};

static void describe(struct table *b, const double *y, int n, int rungs)
{
	b->n = n;
	b->rungs = rungs;
	for (int r = 0; r < rungs; r++) {
		struct lc_moments m = {0};
		for (int i = 0; i < n; i++)
			lc_moments_add(&m, y[i * rungs + r]);
		b->mean[r] = m.mean;
		b->var[r] = lc_moments_var(&m);
	}
}

/*
 * How many rungs' worth the variances of all rungs are. A sample variance has variance
 * 2 sigma^4 / (n - 1); two of them covary by that times their readings' squared correlation.
 */
static double rungs_worth(const struct table *b, const double *y)
{
	double sum = 0;

	for (int r = 0; r < b->rungs; r++)
		for (int s = 0; s < b->rungs; s++) {
			double cov = 0;
			for (int i = 0; i < b->n; i++)
				cov += (y[i * b->rungs + r] - b->mean[r]) *
				       (y[i * b->rungs + s] - b->mean[s]);
			cov /= b->n - 1;
			sum += cov * cov / (b->var[r] * b->var[s]);
		}
	return b->rungs * b->rungs / sum;
}

/* g of var = v (t/T)^g, by least squares of the logarithms, in [0,2]. */
static double growth(const struct table *b, const double *t)
{
	double sx = 0, sy = 0, sxx = 0, sxy = 0;

	for (int r = 0; r < b->rungs; r++) {
		double x = log(t[r] / t[b->rungs - 1]), v = log(b->var[r]);
		sx += x, sy += v, sxx += x * x, sxy += x * v;
	}
	return fmin(fmax((b->rungs * sxy - sx * sy) / (b->rungs * sxx - sx * sx), 0), 2);
}

/*
 * The rules below are those whose tests keep their error rate (tests/unit/noise.c: noise that is
 * white, constant, that forgets, that walks): fitting the growth costs half of one rung's degrees
 * of freedom; above g = 1/2 the earlier rungs are only believed when they say there is more noise.
 */
struct lc_noise lc_noise_of(const double *y, int n, int rungs, const double *t)
{
	struct table b;
	struct lc_noise own = {NAN, 0}, all;
	double g, var = 0;

	if (n < 2 || rungs < 1 || rungs > RUNGS_MOST)
		return own;
	describe(&b, y, n, rungs);
	own = (struct lc_noise){sqrt(b.var[rungs - 1]), n - 1};
	for (int r = 0; r < rungs; r++)
		if (!(b.var[r] > 0))
			return own;
	if (rungs < 3)
		return own;
	g = growth(&b, t);
	for (int r = 0; r < rungs; r++)
		var += b.var[r] * pow(t[rungs - 1] / t[r], g) / rungs;
	all = (struct lc_noise){sqrt(var), fmax(n - 1, (n - 1) * (rungs_worth(&b, y) - .5))};
	if (g < .5)
		return all;
	own.sd = fmax(own.sd, all.sd);
	return own;
}

struct lc_noise lc_noise_join(struct lc_noise a, struct lc_noise b)
{
	double df = a.df + b.df;

	if (!(a.df > 0) || !(b.df > 0))
		return a.df > 0 ? a : b;
	return (struct lc_noise){sqrt((a.df * a.sd * a.sd + b.df * b.sd * b.sd) / df), df};
}

double lc_noise_batch_means(const double *x, int n)
{
	int size = (int)sqrt(n), batches = n / (size ? size : 1);
	struct lc_moments m = {0};

	if (n < 16)
		return NAN;
	for (int b = 0; b < batches; b++) {
		double sum = 0;
		for (int i = 0; i < size; i++)
			sum += x[n - (b + 1) * size + i]; /* what is left over is the oldest */
		lc_moments_add(&m, sum / size);
	}
	return sqrt(lc_moments_var(&m) / batches);
}

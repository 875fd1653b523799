/*
 * sampler_tpe: one point by the tree-structured Parzen estimator.
 *
 * The trials are split into the best min(ceil(n/10), 25) and the rest; each half is a mixture of
 * one kernel a trial and a wide prior (weight 1); of 24 draws from the better mixture the one with
 * the largest ratio of densities is taken. Kernels are products over the dimensions, numbers as
 * normals cut to [0,1] with sd .2 k^(-1/(d+4)) for k kernels (Scott's rule, as in Optuna's
 * multivariate TPE), choices with 1/k of a count everywhere.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "sampler.h"
#include "stat.h"

#define CANDIDATES 24
#define MOST_GOOD 25
#define PRIOR_WEIGHT 1.0

struct half {
	const struct lc_trial **t; /* NULL: the prior */
	double *weight;
	int n;
	double sd, total;
};

static int by_value(const void *a, const void *b)
{
	const struct lc_trial *x = *(const struct lc_trial *const *)a;
	const struct lc_trial *y = *(const struct lc_trial *const *)b;
	double p = isnan(x->value) ? INFINITY : x->value, q = isnan(y->value) ? INFINITY : y->value;

	if (p != q)
		return p < q ? -1 : 1;
	return x < y ? -1 : x > y; /* so that equal values keep their order */
}

static void add(struct half *h, const struct lc_trial *t)
{
	h->t[h->n] = t;
	h->weight[h->n] = t ? t->weight : PRIOR_WEIGHT;
	h->total += h->weight[h->n++];
}

static void open_half(struct half *h, int most)
{
	memset(h, 0, sizeof(*h));
	h->t = lc_xalloc((size_t)most + 1, sizeof(*h->t));
	h->weight = lc_xalloc((size_t)most + 1, sizeof(*h->weight));
}

/* All trials are in: the prior, and how wide the kernels are. */
static void finish_half(struct half *h, int dims)
{
	double least = 1. / (h->n + 1 < 100 ? h->n + 1 : 100), most = 0;

	for (int i = 0; i < h->n; i++)
		most = h->weight[i] > most ? h->weight[i] : most;
	add(h, NULL);
	if (most > 0) { /* where all that is known is from elsewhere, it still counts */
		h->total += (most - 1) * PRIOR_WEIGHT;
		h->weight[h->n - 1] = most * PRIOR_WEIGHT;
	}
	h->sd = .2 * pow(h->n, -1. / (dims + 4));
	if (h->sd < least)
		h->sd = least;
}

static void close_half(struct half *h)
{
	free(h->t);
	free(h->weight);
}

/* Density of one dimension of one kernel, over [0,1]; of a choice, its probability times n. */
static double kernel(const struct half *h, const struct lc_dim *d, const struct lc_trial *t, int i,
		     double u)
{
	double mean = t ? t->u[i] : .5, sd = t ? h->sd : 1, z = (u - mean) / sd, mass;

	if (d->domain == LC_CHOICE) {
		int hit = t && lc_dim_choice(d, u) == lc_dim_choice(d, mean);
		double even = PRIOR_WEIGHT / h->n;
		return t ? d->n * (even + hit) / (d->n * even + 1) : 1;
	}
	mass = lc_normal_cdf((1 - mean) / sd) - lc_normal_cdf(-mean / sd);
	return exp(-.5 * z * z) / (sqrt(2 * M_PI) * sd * mass);
}

static double density(const struct lc_space *s, const struct half *h, const double *u)
{
	double sum = 0;

	for (int k = 0; k < h->n; k++) {
		double p = h->weight[k] / h->total;
		for (int i = 0; i < s->n; i++)
			p *= kernel(h, &s->dim[i], h->t[k], i, u[i]);
		sum += p;
	}
	return sum;
}

static double draw_number(struct lc_rng *rng, double mean, double sd)
{
	double lo = lc_normal_cdf(-mean / sd), hi = lc_normal_cdf((1 - mean) / sd);
	double p = lo + (hi - lo) * lc_rng_uniform(rng), u;

	p = p < 1e-12 ? 1e-12 : p > 1 - 1e-12 ? 1 - 1e-12 : p;
	u = mean + sd * lc_normal_quantile(p);
	return u < 0 ? 0 : u > 1 ? 1 : u;
}

static double draw_choice(struct lc_rng *rng, const struct half *h, const struct lc_dim *d,
			  const struct lc_trial *t, double mean)
{
	double even = PRIOR_WEIGHT / h->n * d->n; /* against 1 for the trial's own */

	if (t && lc_rng_uniform(rng) * (1 + even) < 1)
		return mean;
	return ((double)lc_rng_below(rng, (uint64_t)d->n) + .5) / d->n;
}

/* A draw from the mixture. */
static void draw(const struct lc_space *s, const struct half *h, struct lc_rng *rng, double *u)
{
	double at = lc_rng_uniform(rng) * h->total;
	int k = 0;

	while (k < h->n - 1 && (at -= h->weight[k]) >= 0)
		k++;
	for (int i = 0; i < s->n; i++) {
		const struct lc_trial *t = h->t[k];
		double mean = t ? t->u[i] : .5;
		u[i] = s->dim[i].domain == LC_CHOICE ? draw_choice(rng, h, &s->dim[i], t, mean)
						     : draw_number(rng, mean, t ? h->sd : 1);
	}
}

static void split(const struct lc_space *s, const struct lc_trial *trial, int npast, int npending,
		  struct half *good, struct half *bad)
{
	const struct lc_trial **order = lc_xalloc((size_t)npast, sizeof(*order));
	int ngood = (npast + 9) / 10;

	ngood = ngood > MOST_GOOD ? MOST_GOOD : ngood;
	for (int i = 0; i < npast; i++)
		order[i] = &trial[i];
	qsort(order, (size_t)npast, sizeof(*order), by_value);
	open_half(good, ngood);
	open_half(bad, npast + npending);
	for (int i = 0; i < npast; i++)
		add(i < ngood ? good : bad, order[i]);
	for (int i = 0; i < npending; i++)
		add(bad, &trial[npast + i]);
	finish_half(good, s->n);
	finish_half(bad, s->n);
	free(order);
}

void lc_tpe_point(const struct lc_space *s, struct lc_rng *rng, const struct lc_trial *trial,
		  int npast, int npending, double *u)
{
	double *c = lc_xalloc((size_t)s->n, sizeof(*c)), best = -INFINITY, ratio;
	struct half good, bad;

	split(s, trial, npast, npending, &good, &bad);
	draw(s, &good, rng, u);
	for (int k = 0; k < CANDIDATES; k++) {
		draw(s, &good, rng, c);
		if (!lc_point_allowed(s, c))
			continue;
		ratio = log(density(s, &good, c)) - log(density(s, &bad, c));
		if (ratio > best) {
			best = ratio;
			memcpy(u, c, (size_t)s->n * sizeof(*c));
		}
	}
	close_half(&good);
	close_half(&bad);
	free(c);
}

/* sampler: see sampler.h. */
#include "sampler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"

#define TRIES 1000
#define START_UP 4   /* trials before a model of them is worth more than an even cover */
#define BEST_SHARE 4 /* pbt: the best quarter has children */
#define RESAMPLE 0.25
#define FACTOR_DOWN 0.8
#define FACTOR_UP 1.2
#define STREAM 0x73616d70 /* "samp" */

static const char *const names[LC_SAMPLERS] = {"grid", "lhs", "random", "tpe", "pbt"};

int lc_sampler_find(const char *name)
{
	for (int i = 0; i < LC_SAMPLERS; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	return -1;
}

int lc_point_allowed(const struct lc_space *s, const double *u)
{
	json_t *a;
	int ok;

	if (s->nrules == 0)
		return 1;
	a = lc_space_actions(s, u);
	ok = lc_space_allows(s, a);
	json_decref(a);
	return ok;
}

int lc_sample_allowed(const struct lc_space *s, struct lc_rng *rng, double *u)
{
	for (int k = 0; k < TRIES; k++) {
		for (int i = 0; i < s->n; i++)
			u[i] = lc_rng_uniform(rng);
		if (lc_point_allowed(s, u))
			return 0;
	}
	return -1;
}

/* Levels of numbers, the ends among them, so that all combinations are at most n; at least 2. */
static int grid_levels(const struct lc_space *s, int n)
{
	double combinations = 1;
	int numbers = 0, levels;

	for (int i = 0; i < s->n; i++)
		if (s->dim[i].domain == LC_CHOICE)
			combinations *= s->dim[i].n;
		else
			numbers++;
	if (numbers == 0)
		return 1;
	levels = (int)floor(pow(n / combinations, 1. / numbers) + 1e-9);
	return levels < 2 ? 2 : levels;
}

static int grid(const struct lc_space *s, int n, double *out)
{
	int levels = grid_levels(s, n), *at = lc_xalloc((size_t)s->n, sizeof(*at)), made = 0, i = 0;

	while (made < n && i < s->n) {
		double *u = out + (size_t)made * (size_t)s->n;
		for (i = 0; i < s->n; i++)
			u[i] = s->dim[i].domain == LC_CHOICE ? (at[i] + .5) / s->dim[i].n
							     : (double)at[i] / (levels - 1);
		made += lc_point_allowed(s, u);
		for (i = s->n - 1; i >= 0; i--) { /* the last dimension turns first */
			if (++at[i] < (s->dim[i].domain == LC_CHOICE ? s->dim[i].n : levels))
				break;
			at[i] = 0;
		}
		if (i < 0)
			break;
	}
	free(at);
	return made;
}

static int uniform(const struct lc_space *s, struct lc_rng *rng, int n, double *out)
{
	int made = 0;

	while (made < n && lc_sample_allowed(s, rng, out + (size_t)made * (size_t)s->n) == 0)
		made++;
	return made;
}

/* Where a rule is broken another point takes its place: the cover is as even as the rules allow. */
static int lhs(const struct lc_space *s, struct lc_rng *rng, int n, double *out)
{
	int *order = lc_xalloc((size_t)n, sizeof(*order)), made = 0;

	for (int i = 0; i < s->n; i++) {
		for (int k = 0; k < n; k++)
			order[k] = k;
		for (int k = n - 1; k > 0; k--) {
			int j = (int)lc_rng_below(rng, (uint64_t)k + 1), t = order[k];
			order[k] = order[j];
			order[j] = t;
		}
		for (int k = 0; k < n; k++)
			out[(size_t)k * (size_t)s->n + (size_t)i] =
				(order[k] + lc_rng_uniform(rng)) / n;
	}
	free(order);
	for (int k = 0; k < n; k++) {
		double *u = out + (size_t)k * (size_t)s->n, *to = out + (size_t)made * (size_t)s->n;
		if (!lc_point_allowed(s, u) && lc_sample_allowed(s, rng, u) < 0)
			continue;
		memmove(to, u, (size_t)s->n * sizeof(*u));
		made++;
	}
	return made;
}

static int by_value(const void *a, const void *b)
{
	double x = ((const struct lc_trial *)a)->value, y = ((const struct lc_trial *)b)->value;

	x = isnan(x) ? INFINITY : x;
	y = isnan(y) ? INFINITY : y;
	return x < y ? -1 : x > y;
}

/* The number times 0.8 or 1.2, as a place in the domain. */
static double perturb_number(const struct lc_dim *d, double u, double factor)
{
	double x;

	if (d->domain == LC_LOG)
		u += log(factor) / log(d->hi / d->lo);
	else {
		x = (d->lo + (d->hi - d->lo) * u) * factor;
		u = (x - d->lo) / (d->hi - d->lo);
	}
	return u < 0 ? 0 : u > 1 ? 1 : u;
}

static void perturb(const struct lc_space *s, struct lc_rng *rng, const double *from, double *u)
{
	for (int i = 0; i < s->n; i++) {
		const struct lc_dim *d = &s->dim[i];
		int up = (int)lc_rng_below(rng, 2), k = lc_dim_choice(d, from[i]);

		if (lc_rng_uniform(rng) < RESAMPLE)
			u[i] = lc_rng_uniform(rng);
		else if (d->domain != LC_CHOICE)
			u[i] = perturb_number(d, from[i], up ? FACTOR_UP : FACTOR_DOWN);
		else { /* the next choice, up or down */
			k += up ? 1 : -1;
			k = k < 0 ? 0 : k >= d->n ? d->n - 1 : k;
			u[i] = (k + .5) / d->n;
		}
	}
}

static int pbt(const struct lc_space *s, struct lc_rng *rng, const struct lc_trial *past, int npast,
	       int n, double *out)
{
	struct lc_trial *best = lc_xalloc((size_t)npast, sizeof(*best));
	int parents = (npast + BEST_SHARE - 1) / BEST_SHARE, made = 0;

	memcpy(best, past, (size_t)npast * sizeof(*best));
	qsort(best, (size_t)npast, sizeof(*best), by_value);
	for (; made < n; made++) {
		double *u = out + (size_t)made * (size_t)s->n;
		const struct lc_trial *p = &best[lc_rng_below(rng, (uint64_t)parents)];
		int tries = 0;
		do
			perturb(s, rng, p->u, u);
		while (!lc_point_allowed(s, u) && ++tries < TRIES);
		if (tries == TRIES)
			break;
	}
	free(best);
	return made;
}

/* Each point is pending for those after it, so that they do not all go to one place. */
static int tpe(const struct lc_space *s, struct lc_rng *rng, const struct lc_trial *past, int npast,
	       int n, double *out)
{
	struct lc_trial *all = lc_xalloc((size_t)(npast + n), sizeof(*all));
	int made = 0;

	memcpy(all, past, (size_t)npast * sizeof(*all));
	for (; made < n; made++) {
		double *u = out + (size_t)made * (size_t)s->n;
		lc_tpe_point(s, rng, all, npast, made, u);
		if (!lc_point_allowed(s, u) && lc_sample_allowed(s, rng, u) < 0)
			break;
		all[npast + made] = (struct lc_trial){u, NAN, 1};
	}
	free(all);
	return made;
}

int lc_sample(const struct lc_space *s, enum lc_sampler how, uint64_t seed,
	      const struct lc_trial *past, int npast, int n, double *out)
{
	struct lc_rng rng = {seed, STREAM + (uint64_t)how, 0};

	if (how == LC_GRID)
		return grid(s, n, out);
	if (how == LC_RANDOM)
		return uniform(s, &rng, n, out);
	if (how == LC_TPE && npast >= START_UP)
		return tpe(s, &rng, past, npast, n, out);
	if (how == LC_PBT && npast > 0)
		return pbt(s, &rng, past, npast, n, out);
	return lhs(s, &rng, n, out);
}

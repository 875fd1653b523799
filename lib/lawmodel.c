/* lawmodel: the regression over runs. See lawmodel.h; lawmodeljson.c reads and writes it. */
#include "lawmodel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gauss.h"
#include "io.h"

enum { SIZE, DRIVE, CLOCK, TRAITS };

/*
 * Priors of a trait: its mean and sd over all runs, and over each feature's e-fold. A run's own
 * part is what no feature explains. The size grows with the lr less than in proportion: a
 * higher lr is worked off faster.
 */
static const struct trait {
	double mean, sd, own, optimizer;
	double slope[LC_RUN_FEATURES], slope_sd[LC_RUN_FEATURES];
} traits[TRAITS] = {
	[SIZE] = {-2.8, .7, .1, .3, {.4}, {.2, .2, .2, .2, .1, .2, .1}},
	[DRIVE] = {.75, .2, .08, .1, {0}, {.1, .05, .03, .05, .02, .03, .02}},
	[CLOCK] = {.8, .15, .1, .05, {0}, {.05, .02, .02, .02, .02, .02, .02}},
};
/* What counts as the middle where it is not known. */
static const double middle[LC_RUN_FEATURES] = {-6.9, 4, 18, 10, -2.3, -3, 9};

#define DEV .3	    /* of a mode's share; over this many modes one deviation: */
#define MODE_LEN 4. /* modes */
#define UNSAID 2.   /* e-folds of a feature */
#define BASE_WEIGHT .1
#define NOISE_POWER .75 /* where no member says how the noise is spread */
#define NOISE_CUT 10.

static double rate(double lam0, int j)
{
	return ldexp(4 * lam0, j);
}

static double feature(const struct lc_run *run, int f)
{
	return isfinite(run->x[f]) ? run->x[f] - middle[f] : 0;
}

static double trait_mean(const struct trait *t, const struct lc_run *run)
{
	double m = t->mean;

	for (int f = 0; f < LC_RUN_FEATURES; f++)
		m += t->slope[f] * feature(run, f);
	return m;
}

static double trait_cov(const struct trait *t, const struct lc_run *a, const struct lc_run *b)
{
	double k = t->sd * t->sd;

	for (int f = 0; f < LC_RUN_FEATURES; f++)
		k += t->slope_sd[f] * t->slope_sd[f] * feature(a, f) * feature(b, f);
	if (strcmp(a->optimizer, b->optimizer) == 0)
		k += t->optimizer * t->optimizer;
	return k;
}

static double exponent(int trait, int v)
{
	static const double clock[LC_CLOCKS] = {1, .8, .6}, drive[LC_DRIVES] = {.5, .6, .7, .85, 1};

	return trait == DRIVE ? drive[v % LC_DRIVES] : clock[v / LC_DRIVES];
}

/* A member's trait and its variance, over its variants by weight. */
static void member_trait(const struct lc_member *a, int trait, double *mean, double *var)
{
	double s = 0, ss = 0;

	for (int v = 0; v < LC_VARIANTS; v++) {
		double x = 0;
		for (int j = 0; j < LC_MODES; j++)
			x += a->b[v][j];
		x = trait == SIZE ? log(fmax(x, 1e-4)) : exponent(trait, v);
		s += a->weight[v] * x;
		ss += a->weight[v] * x * x;
	}
	*mean = s;
	*var = fmax(0, ss - s * s);
}

/* What members tell of themselves and the run does not: it may be this far from them. */
static double unsaid(const struct lc_member *const *m, int n, const struct trait *t,
		     const struct lc_run *run)
{
	double var = 0;

	for (int f = 0; f < LC_RUN_FEATURES; f++)
		for (int i = 0; i < n; i++)
			if (!isfinite(run->x[f]) && isfinite(m[i]->run.x[f])) {
				var += pow(UNSAID * t->slope_sd[f], 2);
				break;
			}
	return var;
}

/* Gaussian process regression of one trait. */
static int regress(const struct lc_member *const *m, int n, int trait, const struct lc_run *run,
		   double *mean, double *var)
{
	const struct trait *t = &traits[trait];
	double *l = lc_xalloc((size_t)n * n + 2 * (size_t)n, sizeof(*l)), *y = l + n * n,
	       *k = y + n;
	int ok;

	for (int i = 0; i < n; i++) {
		double x, own;
		member_trait(m[i], trait, &x, &own);
		for (int j = 0; j <= i; j++)
			l[i * n + j] = trait_cov(t, &m[i]->run, &m[j]->run);
		l[i * n + i] += t->own * t->own + own;
		y[i] = x - trait_mean(t, &m[i]->run);
		k[i] = trait_cov(t, &m[i]->run, run);
	}
	ok = lc_cholesky(l, n) == 0;
	lc_solve_lower(l, n, y, 1);
	lc_solve_lower(l, n, k, 1);
	*mean = trait_mean(t, run);
	*var = trait_cov(t, run, run) + t->own * t->own;
	for (int i = 0; i < n && ok; i++) {
		*mean += k[i] * y[i];
		*var -= k[i] * k[i];
	}
	free(l);
	return ok;
}

/* How the noise is spread over the rates of a new run under one variant: sums to 1. */
static void spread(const struct lc_member *const *m, int n, int v, double lam0, double *share)
{
	double sum = 0;

	for (int j = 0; j < LC_MODES; j++) {
		double nu = rate(lam0, j);
		share[j] = pow(nu, NOISE_POWER) * exp(-NOISE_CUT * nu);
		sum += share[j];
	}
	for (int j = 0; j < LC_MODES; j++)
		share[j] *= BASE_WEIGHT / sum;
	for (int i = 0; i < n; i++) {
		int shift = (int)lround(log2(lam0 / m[i]->lam0));
		double all = 0;
		for (int j = 0; j < LC_MODES; j++)
			all += fmax(0, m[i]->b[v][j]);
		for (int j = 0; j < LC_MODES && all > 0; j++) {
			int to = j - shift;
			to = to < 0 ? 0 : to >= LC_MODES ? LC_MODES - 1 : to;
			share[to] += m[i]->weight[v] * fmax(0, m[i]->b[v][j]) / all;
		}
	}
	sum = 0;
	for (int j = 0; j < LC_MODES; j++)
		sum += share[j];
	for (int j = 0; j < LC_MODES; j++)
		share[j] /= sum;
}

/*
 * The size of all of it is as uncertain as rel says; modes deviate from their shares, with their
 * sum kept: what the sum may be is the size's to say.
 */
static void spread_cov(const double *share, double size, double rel, double (*cov)[LC_MODES])
{
	double with_sum[LC_MODES] = {0}, sum = 0;

	for (int p = 0; p < LC_MODES; p++)
		for (int q = 0; q < LC_MODES; q++) {
			cov[p][q] = share[p] * share[q] * DEV * DEV *
				    exp(-.5 * pow((p - q) / MODE_LEN, 2));
			with_sum[p] += cov[p][q];
			sum += cov[p][q];
		}
	for (int p = 0; p < LC_MODES; p++)
		for (int q = 0; q < LC_MODES; q++)
			cov[p][q] = size * size *
				    (cov[p][q] - with_sum[p] * with_sum[q] / sum +
				     rel * share[p] * share[q]);
}

int lc_model_prior(const struct lc_law_model *m, const char *skip, const struct lc_run *run,
		   double lam0, struct lc_noise_prior *out)
{
	const struct lc_member **use = lc_xalloc((size_t)m->n + 1, sizeof(*use));
	double mean[TRAITS], var[TRAITS], share[LC_MODES], size, rel;
	int n = 0, ok = 1;

	memset(out, 0, sizeof(*out));
	for (int i = 0; i < m->n; i++)
		if (!skip || strcmp(m->member[i].name, skip) != 0)
			use[n++] = &m->member[i];
	for (int t = 0; t < TRAITS; t++)
		ok &= regress(use, n, t, run, &mean[t], &var[t]);
	size = exp(mean[SIZE]);
	rel = expm1(var[SIZE]);
	out->doubt = sqrt(var[SIZE] + unsaid(use, n, &traits[SIZE], run));
	for (int v = 0; v < LC_VARIANTS; v++) {
		for (int t = DRIVE; t < TRAITS; t++)
			out->logw[v] -= pow(exponent(t, v) - mean[t], 2) / (2 * var[t]);
		spread(use, n, v, lam0, share);
		for (int p = 0; p < LC_MODES; p++)
			out->mean[v][p] = size * share[p];
		spread_cov(share, size, rel, out->cov[v]);
	}
	free(use);
	return n && ok && isfinite(size) && isfinite(rel) ? 0 : -1;
}

static double log_of(double x)
{
	return x > 0 && isfinite(x) ? log(x) : NAN;
}

void lc_run_features(struct lc_run *run, const struct lc_law *law, const struct lc_past *past)
{
	const struct lc_setup *s = &past->setup;

	run->x[0] = log_of(law->eta_ref);
	run->x[1] = log_of(s->batch);
	run->x[2] = log_of(s->params);
	run->x[3] = log_of(s->tokens);
	run->x[4] = log_of(s->weight_decay);
	run->x[5] = log_of(law->eta_ref * law->gvar / fabs(law->level));
	run->x[6] = log_of(law->last);
	memset(run->optimizer, 0, sizeof(run->optimizer));
	snprintf(run->optimizer, sizeof(run->optimizer), "%s", s->optimizer);
}

int lc_model_add(struct lc_law_model *m, const char *name, const struct lc_run *run,
		 const struct lc_law *law)
{
	struct lc_member *a;

	if (!(law->eta_ref > 0) || !lc_law_own(law))
		return 0;
	m->member = lc_xrealloc(m->member, (size_t)m->n + 1, sizeof(*m->member));
	a = &m->member[m->n++];
	memset(a, 0, sizeof(*a));
	snprintf(a->name, sizeof(a->name), "%s", name);
	a->run = *run;
	a->lam0 = law->basis.lam0;
	for (int v = 0; v < LC_VARIANTS; v++) {
		a->weight[v] = law->post.weight[v];
		for (int j = 0; j < LC_MODES; j++)
			a->b[v][j] = law->post.mean[v][1 + LC_MODES + j] / law->level;
	}
	return 1;
}

void lc_model_release(struct lc_law_model *m)
{
	free(m->member);
	m->member = NULL;
	m->n = 0;
}

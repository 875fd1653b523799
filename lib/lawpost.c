/*
 * lawpost: the posterior of the law's coefficients: priors, evidence, and their mixture. See law.h.
 */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gauss.h"
#include "io.h"
#include "lawmodel.h"

enum { P = LC_COEFS, DRIFTS = 3, LEVELS = 4, SHAPES = 9, PRIORS = SHAPES * LEVELS };

/* The prior's grid. Sizes are in units of the recent loss. */
static const double drift_sd[DRIFTS] = {.0005, .0015, .005};
static const double noise_total[LEVELS] = {.012, .035, .08, .17};
/*
 * Steady noise over eta gvar: 1/4 in the noisy quadratic model (Zhang et al. 2019) far from its
 * edge of stability, up to 3 times that near it; .7 in lc-train.
 */
static const double noise_gvar[LEVELS] = {.25, .4, .6, .9};
static const double signal_power[3] = {.3, .6, 1}, noise_power[3] = {.3, .75, 1.2};

#define DRIFT_LEN .3 /* the drift forgets over this much of ln t */
/*
 * By how much of its share a mode deviates, and over how many modes one deviation. Loose where the
 * run has changed its lr and no model speaks, so that its branches shape the law: the evidence of
 * what was known is higher on each of three sources. Held together elsewhere: loose members
 * (lawmodel.h) foretold the noise of runs left out worse (rms .0126 for .0113). The signal's modes
 * deviate each for itself nearly, always: over 4 modes together they told runs of another source,
 * and lc-train's, worse (rmse .0109 for .0101, .089 for .059).
 */
static const struct loose {
	double noise_dev, noise_len;
} loose[2] = {{.35, 4}, {1, 1}};
#define SIGNAL_DEV .35
#define SIGNAL_LEN 1.
#define NOISE_CUT 10. /* no noise relaxes faster than this many updates */
#define OTHER_SD .1   /* offset of the other metric, of the level; and its drift */
#define OTHER_DRIFT_SD .005
#define EARLY .01 /* an observation is believed to this part of its distance to the recent loss */
#define BRANCH_SD .001 /* what a branch keeps to itself, of the level */
#define TEMPERATURE 4. /* evidence^(1/4): the law is not exact */
#define MISFIT .05     /* error of a forecast change of the noise, of its size */

static double drift_cov(double t, double u)
{
	return exp(-fabs(log(fmax(t, 1)) - log(fmax(u, 1))) / DRIFT_LEN);
}

/* Covariance of what is not the modes: white noise, drift, offsets. */
static double obs_cov(const struct lc_law *law, const struct lc_obs *a, const struct lc_obs *b,
		      double dvar)
{
	double l2 = law->level * law->level, r = drift_cov(a->step, b->step);
	double c = dvar * r;

	if (a == b)
		c += a->var + pow(EARLY * (a->y - law->level), 2);
	if (a->other && b->other)
		c += l2 * (OTHER_SD * OTHER_SD + OTHER_DRIFT_SD * OTHER_DRIFT_SD * r);
	if (a->series && a->series == b->series)
		c += l2 * BRANCH_SD * BRANCH_SD;
	return c;
}

/* What is the same for all variants: the whitened data under one size of the drift. */
struct white {
	int n;
	double *l, *y,
		*k; /* factor (n,n); whitened y; whitened covariance with the drift at the end */
	double ldet, yy, ky, kk, dvar;
};

static int white_init(struct white *w, const struct lc_law *law, const struct lc_obs *obs, int n,
		      double dvar)
{
	w->n = n;
	w->dvar = dvar;
	w->l = lc_xalloc((size_t)n * n, sizeof(double));
	w->y = lc_xalloc((size_t)n, sizeof(double));
	w->k = lc_xalloc((size_t)n, sizeof(double));
	for (int i = 0; i < n; i++) {
		for (int k = 0; k <= i; k++)
			w->l[(size_t)i * n + k] = obs_cov(law, &obs[i], &obs[k], dvar);
		w->y[i] = obs[i].y;
		w->k[i] = dvar * drift_cov(obs[i].step, law->last);
	}
	if (lc_cholesky(w->l, n) < 0)
		return -1;
	lc_solve_lower(w->l, n, w->y, 1);
	lc_solve_lower(w->l, n, w->k, 1);
	w->ldet = lc_log_det(w->l, n);
	w->yy = w->ky = w->kk = 0;
	for (int i = 0; i < n; i++) {
		w->yy += w->y[i] * w->y[i];
		w->ky += w->k[i] * w->y[i];
		w->kk += w->k[i] * w->k[i];
	}
	return 0;
}

static void white_release(struct white *w)
{
	free(w->l);
	free(w->y);
	free(w->k);
}

/* Sufficient statistics of one variant under one drift: G = X'K^-1 X, r = X'K^-1 y, u = X'K^-1 k.
 */
struct gram {
	double g[P][P], r[P], u[P];
};

/*
 * The columns of all variants, whitened once: the constant, the signal modes of each clock, the
 * noise modes of each variant. (n, COLUMNS).
 */
enum { NOISE_AT = 1 + LC_CLOCKS * LC_MODES, COLUMNS = NOISE_AT + LC_VARIANTS * LC_MODES };

static double *columns(const struct white *w, const struct lc_obs *obs)
{
	double *all = lc_xalloc((size_t)w->n, COLUMNS * sizeof(*all));

	for (int i = 0; i < w->n; i++) {
		double *x = all + (size_t)i * COLUMNS;
		x[0] = 1;
		memcpy(x + 1, obs[i].x.s, sizeof(obs[i].x.s));
		memcpy(x + NOISE_AT, obs[i].x.h, sizeof(obs[i].x.h));
	}
	lc_solve_lower(w->l, w->n, all, COLUMNS);
	return all;
}

static void gram_init(struct gram *g, const struct white *w, const double *all, int v)
{
	double x[P];

	memset(g, 0, sizeof(*g));
	for (int i = 0; i < w->n; i++, all += COLUMNS) {
		x[0] = all[0];
		memcpy(x + 1, all + 1 + v / LC_DRIVES * LC_MODES, LC_MODES * sizeof(*x));
		memcpy(x + 1 + LC_MODES, all + NOISE_AT + v * LC_MODES, LC_MODES * sizeof(*x));
		for (int a = 0; a < P; a++) {
			for (int b = 0; b <= a; b++)
				g->g[a][b] += x[a] * x[b];
			g->r[a] += x[a] * w->y[i];
			g->u[a] += x[a] * w->k[i];
		}
	}
	for (int a = 0; a < P; a++)
		for (int b = 0; b < a; b++)
			g->g[b][a] = g->g[a][b];
}

struct prior {
	double m[P], cov[P][P];
};

/* A block of modes: total spread sd_total along w, and deviations of its own for each mode. */
static void prior_block(struct prior *p, int at, const double *w, double mean, double sd_total,
			double dev, double len)
{
	for (int i = 0; i < LC_MODES; i++) {
		p->m[at + i] = mean * w[i];
		for (int j = 0; j < LC_MODES; j++)
			p->cov[at + i][at + j] = w[i] * w[j] *
						 (sd_total * sd_total +
						  mean * mean * dev * dev * exp(-abs(i - j) / len));
		p->cov[at + i][at + i] += 1e-6 * w[i] * w[i] * mean * mean + 1e-18;
	}
}

/*
 * What the data say before any fit: the fall of the loss between the first and last tenth of the
 * observations.
 */
struct scale {
	double level, fall;	    /* both above 0 */
	const struct lc_obs *a, *z; /* first and last observation of the metric on the trunk */
};

/* What is known besides the run itself: its gvar times its lr (0: not), or its noise (NULL: not).
 */
struct known {
	double gvar;
	const struct lc_noise_prior *noise;
	struct loose loose;
};

/* The noise of past runs in place of a shape and a size from the grid. */
static void prior_noise(struct prior *p, const struct lc_noise_prior *noise, int v, double level)
{
	for (int i = 0; i < LC_MODES; i++) {
		int at = 1 + LC_MODES + i;
		p->m[at] = noise->mean[v][i] * level;
		p->m[0] -= p->m[at];
		for (int j = 0; j < LC_MODES; j++)
			p->cov[at][1 + LC_MODES + j] = noise->cov[v][i][j] * level * level;
		p->cov[at][at] += 1e-12 * level * level;
	}
}

static void prior_init(struct prior *p, const struct lc_basis *b, const struct scale *s, int v,
		       int which, const struct known *known)
{
	int clock = v / LC_DRIVES;
	double gvar = known->gvar;
	double al = signal_power[which / 3 % 3], be = noise_power[which % 3];
	double total = gvar > 0 ? gvar * noise_gvar[which / SHAPES]
				: noise_total[which / SHAPES] * s->level;
	double a[LC_MODES], n[LC_MODES], drop = 0, left = 0, sum = 0, rest;

	for (int j = 0; j < LC_MODES; j++) {
		double lam = ldexp(b->lam0, j), nu = 4 * lam;
		a[j] = pow(lam, al);
		n[j] = pow(nu, be) * exp(-NOISE_CUT * nu);
		drop += a[j] * (s->a->x.s[clock][j] - s->z->x.s[clock][j]);
		left += a[j] * s->z->x.s[clock][j];
		sum += n[j];
	}
	drop = fmax(drop, .05 * left); /* a short past says little about what is left */
	for (int j = 0; j < LC_MODES; j++) {
		a[j] /= drop;
		n[j] /= sum;
	}
	memset(p, 0, sizeof(*p));
	rest = s->fall * left / drop;
	rest = fmin(rest, .5 * s->level);
	p->m[0] = s->z->y - rest - total;
	p->cov[0][0] = .0625 * s->level * s->level;
	prior_block(p, 1, a, s->fall, .6 * s->fall, SIGNAL_DEV, SIGNAL_LEN);
	if (!known->noise) {
		prior_block(p, 1 + LC_MODES, n, total, (gvar > 0 ? .3 : .4) * total,
			    known->loose.noise_dev, known->loose.noise_len);
		return;
	}
	p->m[0] += total;
	prior_noise(p, known->noise, v, s->level);
}

/* One posterior: mean and covariance of (beta, drift at the end), and the log evidence. */
struct post {
	double m[LC_FEATS], cov[LC_FEATS][LC_FEATS], logev, chi2;
};

/* The drift at the end given beta is k'K^-1 (y - X beta), and what is left of its variance. */
static void add_drift(struct post *q, const struct gram *g, const struct white *w)
{
	q->m[P] = w->ky;
	q->cov[P][P] = w->dvar - w->kk;
	for (int i = 0; i < P; i++) {
		double su = 0;
		for (int j = 0; j < P; j++)
			su += q->cov[i][j] * g->u[j];
		q->m[P] -= g->u[i] * q->m[i];
		q->cov[P][P] += g->u[i] * su;
		q->cov[i][P] = q->cov[P][i] = -su;
	}
}

/* -1: not positive definite. The prior is used up. */
static int posterior(struct post *q, struct prior *pr, const struct gram *g, const struct white *w)
{
	double half[P * P], work[2 * P * P + 2 * P];
	struct lc_gram data = {P, w->n, &g->g[0][0], g->r, w->yy, w->ldet};
	struct lc_gauss post = {q->m, half, 0, 0};

	if (lc_gauss_posterior(&data, pr->m, &pr->cov[0][0], work, &post) < 0)
		return -1;
	memset(q->cov, 0, sizeof(q->cov));
	for (int k = 0; k < P; k++)
		for (int i = 0; i < P; i++)
			for (int j = 0; j < P; j++)
				q->cov[i][j] += half[k * P + i] * half[k * P + j];
	q->chi2 = post.quad / w->n;
	q->logev = post.logev;
	add_drift(q, g, w);
	return 0;
}

/* Weighted first and second moments of a mixture, by variant. */
struct moments {
	double w, m[LC_FEATS], mm[LC_FEATS][LC_FEATS];
};

static void moments_add(struct moments *s, const struct post *q, double w)
{
	s->w += w;
	for (int i = 0; i < LC_FEATS; i++) {
		s->m[i] += w * q->m[i];
		for (int j = 0; j < LC_FEATS; j++)
			s->mm[i][j] += w * (q->cov[i][j] + q->m[i] * q->m[j]);
	}
}

/* share: of this variant. One that weighs nothing keeps its posterior: a model may want it. */
static void moments_take(struct lc_posterior *out, int v, const struct moments *s, double share)
{
	double f[LC_FEATS * LC_FEATS], jitter = 0;

	out->weight[v] = share < 1e-4 ? 0 : share;
	if (!(s->w > 0))
		return;
	for (int i = 0; i < LC_FEATS; i++)
		out->mean[v][i] = s->m[i] / s->w;
	do {
		for (int i = 0; i < LC_FEATS; i++)
			for (int j = 0; j < LC_FEATS; j++)
				f[i * LC_FEATS + j] =
					s->mm[i][j] / s->w - out->mean[v][i] * out->mean[v][j];
		for (int i = 0; i < LC_FEATS; i++)
			f[i * LC_FEATS + i] += jitter * f[i * LC_FEATS + i] + 1e-18;
		jitter = jitter ? 10 * jitter : 1e-12;
	} while (lc_cholesky(f, LC_FEATS) < 0 && jitter < 1);
	for (int i = 0; i < LC_FEATS; i++)
		for (int j = 0; j <= i; j++)
			out->factor[v][i][j] = f[i * LC_FEATS + j];
}

/* The first and last tenth of the trunk's observations of the metric. */
static void scale_init(struct scale *s, const struct lc_law *law, const struct lc_obs *obs, int n)
{
	double first = 0, last = 0;
	int m = 0, tenth, k = 0;

	memset(s, 0, sizeof(*s));
	for (int i = 0; i < n; i++)
		m += !obs[i].other && !obs[i].series;
	tenth = m < 10 ? 1 : m / 10;
	for (int i = 0; i < n; i++) {
		if (obs[i].other || obs[i].series)
			continue;
		s->a = k == tenth / 2 ? &obs[i] : s->a;
		s->z = k == m - 1 - tenth / 2 ? &obs[i] : s->z;
		first += k < tenth ? obs[i].y / tenth : 0;
		last += k >= m - tenth ? obs[i].y / tenth : 0;
		k++;
	}
	assert(s->a && s->z); /* lc_law_fit refuses a past with no observation of the metric */
	s->level = fmax(fabs(law->level), 1e-9);
	s->fall = fmax(first - last, .01 * s->level);
}

/* All posteriors of one drift size: q is (LC_VARIANTS, PRIORS). */
static void all_priors(const struct lc_law *law, const struct lc_obs *obs, const struct white *w,
		       const struct scale *s, const struct known *known, struct post *q)
{
	double *x = columns(w, obs);

	for (int v = 0; v < LC_VARIANTS; v++) {
		struct gram g;
		gram_init(&g, w, x, v);
		for (int i = 0; i < PRIORS; i++) {
			struct prior pr;
			struct post *one = &q[v * PRIORS + i];
			one->logev = -INFINITY;
			if (known->noise && (i >= SHAPES || i % 3))
				continue; /* it has one size and shape */
			prior_init(&pr, &law->basis, s, v, i, known);
			if (posterior(one, &pr, &g, w) < 0)
				one->logev = -INFINITY;
			else if (known->noise)
				one->logev += TEMPERATURE * known->noise->logw[v];
		}
	}
	free(x);
}

/* A fit worse than its noise is not as sure as it says: Birge's ratio on all variances. */
static void widen(struct lc_posterior *p, double chi2)
{
	double f = sqrt(fmax(1, chi2)), *x = &p->factor[0][0][0];

	for (size_t i = 0; i < sizeof(p->factor) / sizeof(*x); i++)
		x[i] *= f;
	p->drift_var *= f * f;
}

static int variant_of(int i)
{
	return i / PRIORS % LC_VARIANTS;
}

static void mix_posteriors(struct lc_law *law, const struct post *q, int n)
{
	struct moments *s = lc_xalloc(LC_VARIANTS, sizeof(*s));
	double best = -INFINITY, top[LC_VARIANTS], total = 0, w;

	for (int v = 0; v < LC_VARIANTS; v++)
		top[v] = -INFINITY;
	for (int i = 0; i < n; i++)
		top[variant_of(i)] = fmax(top[variant_of(i)], q[i].logev);
	for (int v = 0; v < LC_VARIANTS; v++)
		best = fmax(best, top[v]);
	law->chi2 = law->post.drift_var = 0;
	for (int i = 0; i < n; i++) {
		double dsd = drift_sd[i / (LC_VARIANTS * PRIORS)] * law->level;
		if (isfinite(q[i].logev))
			moments_add(&s[variant_of(i)], &q[i],
				    exp((q[i].logev - top[variant_of(i)]) / TEMPERATURE));
		w = exp((q[i].logev - best) / TEMPERATURE);
		if (!(w > 0))
			continue;
		total += w;
		law->chi2 += w * q[i].chi2;
		law->post.drift_var += w * dsd * dsd;
	}
	law->chi2 /= total;
	law->post.drift_var /= total;
	memset(law->post.factor, 0, sizeof(law->post.factor));
	for (int v = 0; v < LC_VARIANTS; v++)
		moments_take(&law->post, v, &s[v],
			     s[v].w > 0 ? s[v].w * exp((top[v] - best) / TEMPERATURE) / total : 0);
	total = 0;
	for (int v = 0; v < LC_VARIANTS; v++)
		total += law->post.weight[v];
	for (int v = 0; v < LC_VARIANTS; v++)
		law->post.weight[v] /= total;
	widen(&law->post, law->chi2);
	free(s);
}

void lc_law_condition(struct lc_law *law, const struct lc_obs *obs, int n, double gvar,
		      const struct lc_noise_prior *noise, int member)
{
	struct known known = {gvar, noise, loose[!member && !noise && lc_law_own(law)]};
	struct post *q = lc_xalloc((size_t)DRIFTS * LC_VARIANTS * PRIORS, sizeof(*q));
	struct scale s;

	scale_init(&s, law, obs, n);
	for (int d = 0; d < DRIFTS; d++) {
		struct post *part = q + d * LC_VARIANTS * PRIORS;
		double sd = drift_sd[d] * s.level;
		struct white w;
		if (white_init(&w, law, obs, n, sd * sd) == 0)
			all_priors(law, obs, &w, &s, &known, part);
		else
			for (int i = 0; i < LC_VARIANTS * PRIORS; i++)
				part[i].logev = -INFINITY;
		white_release(&w);
	}
	mix_posteriors(law, q, DRIFTS * LC_VARIANTS * PRIORS);
	law->post.t_drift = law->last;
	law->post.drift_len = DRIFT_LEN;
	law->post.misfit = MISFIT;
	law->nobs = n;
	free(q);
}

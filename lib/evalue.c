/* evalue: see evalue.h. */
#include "evalue.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "rng.h"

static const double noise_scale[] = {1, 1.4, 2}, noise_part[] = {0, .5, 1},
		    noise_tau[] = {2, 8, 32}, error_len[] = {1, 4},
		    error_scale[] = {1, 2, 4, 8, 16, 32}; /* 1: the null */
#define COUNT(a) ((int)(sizeof(a) / sizeof(*(a))))
enum { NOISES = 3 * (1 + 2 * 3), LENGTHS = 2, WORSE = 5 };

void lc_draft_at(const struct lc_draft *d, double t, double *mean, double *sd)
{
	int k = 0;
	double x;

	while (k + 2 < d->n && d->at[k + 1] < t)
		k++;
	if (d->n < 2) {
		*mean = d->mean[0];
		*sd = d->sd[0];
		return;
	}
	x = (t - d->at[k]) / (d->at[k + 1] - d->at[k]);
	*mean = d->mean[k] + x * (d->mean[k + 1] - d->mean[k]);
	x = fmin(fmax(x, 0),
		 1); /* before the first point the line goes on, the sd does not shrink */
	*sd = d->sd[k] + x * (d->sd[k + 1] - d->sd[k]);
}

/* Residuals of the values that are tested, in units of the noise. */
struct stream {
	int n;
	double t[LC_EVALUE_MAX], r[LC_EVALUE_MAX], s[LC_EVALUE_MAX]; /* s: the forecast's sd */
	double total[LC_EVALUE_MAX];				     /* sd of the residual */
};

/* A member of the family: its noise and the size and length of its error. */
struct member {
	double scale, part, tau, len, error;
};

static struct member member_of(int noise, int len, int error)
{
	struct member m = {noise_scale[noise % 3], 0, 1, error_len[len], error_scale[error]};
	int shape = noise / 3; /* 0: white; then part and tau */

	if (shape) {
		m.part = noise_part[1 + (shape - 1) / COUNT(noise_tau)];
		m.tau = noise_tau[(shape - 1) % COUNT(noise_tau)];
	}
	return m;
}

static double covariance(const struct stream *s, const struct member *m, int i, int k)
{
	double err = m->error * m->error * s->s[i] * s->s[k] *
		     exp(-fabs(log(s->t[i] / s->t[k])) / m->len);
	double noise = m->scale * m->scale * m->part * exp(-abs(i - k) / m->tau);

	if (i == k) /* the last term keeps noise that is all correlated from being singular */
		noise += m->scale * m->scale * (1 - m->part) + 1e-6;
	return err + noise;
}

/*
 * Log density of the first i+1 residuals in logp[i], for i in [0, n): a Cholesky factor gives them
 * one after the other. l is room for (n,n).
 */
static void densities(const struct stream *s, const struct member *m, double *l, double *logp)
{
	double z[LC_EVALUE_MAX], sum = 0;
	int n = s->n;

	for (int i = 0; i < n; i++) {
		double *ri = l + (size_t)i * n, var, rest = s->r[i];
		for (int k = 0; k < i; k++) {
			const double *rk = l + (size_t)k * n;
			double c = covariance(s, m, i, k);
			for (int j = 0; j < k; j++)
				c -= ri[j] * rk[j];
			ri[k] = c / rk[k];
			rest -= ri[k] * z[k];
		}
		var = covariance(s, m, i, i);
		for (int j = 0; j < i; j++)
			var -= ri[j] * ri[j];
		ri[i] = sqrt(fmax(var, 1e-12));
		z[i] = rest / ri[i];
		sum -= .5 * z[i] * z[i] + log(ri[i]);
		logp[i] = sum;
	}
}

/* log(exp(a) + exp(b)) */
static double log_add(double a, double b)
{
	double hi = fmax(a, b), lo = fmin(a, b);

	return lo == -INFINITY ? hi : hi + log1p(exp(lo - hi));
}

/* The alternatives need not be every noise: fewer of them cost the average less. */
static int is_alternative(int noise, int len)
{
	int shape = noise / 3; /* white, half or all of it correlated over 8 values */

	return len == 0 && noise % 3 < 2 && (shape == 0 || shape == 2 || shape == 5);
}

/* The e-value after each of the values. */
static void e_values(const struct stream *s, double *log_e)
{
	double *l = lc_xalloc((size_t)s->n * (size_t)s->n + 1, sizeof(*l)), logp[LC_EVALUE_MAX];
	double null[LC_EVALUE_MAX], other[LC_EVALUE_MAX], members = 0;

	for (int i = 0; i < s->n; i++)
		null[i] = other[i] = -INFINITY;
	for (int noise = 0; noise < NOISES; noise++)
		for (int len = 0; len < LENGTHS; len++)
			for (int error = 0; error <= WORSE; error++) {
				struct member m = member_of(noise, len, error);
				if (error && !is_alternative(noise, len))
					continue;
				densities(s, &m, l, logp);
				members += error > 0;
				for (int i = 0; i < s->n; i++)
					if (error)
						other[i] = log_add(other[i], logp[i]);
					else
						null[i] = fmax(null[i], logp[i]);
			}
	for (int i = 0; i < s->n; i++)
		log_e[i] = other[i] - log(members) - null[i];
	free(l);
}

/* Take what is within the forecast, evenly thinned. Returns where a value was not finite, or NaN.
 */
static double take(const struct lc_draft *d, const double *at, const double *y, int n,
		   struct stream *s)
{
	int within = 0, seen = 0;
	double noise = fmax(d->noise, 1e-12);

	s->n = 0;
	for (int i = 0; i < n; i++)
		within += at[i] > 0 && at[i] <= d->at[d->n - 1];
	for (int i = 0; i < n; i++) {
		double mean, sd;
		if (!(at[i] > 0) || at[i] > d->at[d->n - 1])
			continue;
		if (!isfinite(y[i]))
			return at[i];
		seen++;
		if (within > LC_EVALUE_MAX &&
		    (long)seen * LC_EVALUE_MAX < (long)(s->n + 1) * within)
			continue;
		lc_draft_at(d, at[i], &mean, &sd);
		if (d->holds) /* at least a fifth of it is the forecast's */
			sd = sqrt(fmax(sd * sd - d->noise * d->noise, .04 * sd * sd));
		s->t[s->n] = at[i];
		s->r[s->n] = (y[i] - mean) / noise;
		s->s[s->n] = sd / noise;
		s->total[s->n] = hypot(sd / noise, 1);
		s->n++;
	}
	return NAN;
}

/* The residuals' slope through the fork, to the end of the draft, over the sd it says there. */
static double drift_at_end(const struct lc_draft *d, const struct stream *s)
{
	double tr = 0, tt = 0;

	for (int i = 0; i < s->n; i++) {
		tr += s->t[i] * s->r[i];
		tt += s->t[i] * s->t[i];
	}
	return s->n ? fabs(tr) / tt * fmax(d->noise, 1e-12) * d->at[d->n - 1] / d->sd[d->n - 1] : 0;
}

void lc_evalue_test(const struct lc_draft *d, const double *at, const double *y, int n,
		    double delta, struct lc_evalue *e)
{
	double log_e[LC_EVALUE_MAX], broke = NAN, sum = 0;
	struct stream s = {0};

	memset(e, 0, sizeof(*e));
	e->step = NAN;
	if (d->n < 1)
		return;
	broke = take(d, at, y, n, &s);
	e->n = s.n;
	e_values(&s, log_e);
	for (int i = 0; i < s.n; i++) {
		e->log_e = log_e[i];
		e->log_max = fmax(e->log_max, log_e[i]);
		if (isnan(e->step) && log_e[i] >= -log(delta))
			e->step = s.t[i];
		sum += pow(s.r[i] / s.total[i], 2) / s.n;
	}
	e->misfit = sum;
	e->score = drift_at_end(d, &s);
	if (!isnan(broke)) {
		e->n++;
		e->log_e = e->log_max = e->misfit = e->score = INFINITY;
		e->step = isnan(e->step) ? broke : e->step;
	}
}

double lc_evalue_reach(const struct lc_draft *d, double every, double sds, double delta)
{
	double end = d->n ? d->at[d->n - 1] : 0, *at, *y, sd;
	int n;
	struct lc_rng rng = {.seed = 1};
	struct lc_evalue e;

	if (!(every > 0) || end < every)
		return NAN;
	n = (int)fmin(end / every, 1 << 20);
	at = lc_xalloc((size_t)n, sizeof(*at));
	y = lc_xalloc((size_t)n, sizeof(*y));
	for (int i = 0; i < n; i++) {
		at[i] = every * (i + 1);
		lc_draft_at(d, at[i], &y[i], &sd);
		y[i] += sds * sd + d->noise * lc_rng_normal(&rng); /* too smooth is no run */
	}
	lc_evalue_test(d, at, y, n, delta, &e);
	free(at);
	free(y);
	return e.step;
}

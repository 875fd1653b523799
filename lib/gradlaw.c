/* gradlaw: see gradlaw.h. */
#include "gradlaw.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "json.h"
#include "stat.h"

enum { X = LC_GRAD_X, BINS = 64, FEWEST = 4, NEWEST = 1024 };
#define PRIOR_SD .3  /* of b1 */
#define TIME_SD .1   /* of b2 */
#define LEVEL_SD 20. /* of b0 */
#define LEAST_SD .01 /* of r */
#define LEAST_LR 1e-3
#define MOST_LN 80. /* so that exp of a forecast is finite */

struct bin {
	double step, y, x[X];
};

static enum lc_optimizer optimizer(const char *name)
{
	char low[16] = "";

	for (int i = 0; i < 15 && name[i]; i++)
		low[i] = (char)(name[i] | 32);
	return strstr(low, "adam") ? LC_OPT_ADAM : strstr(low, "sgd") ? LC_OPT_SGD : LC_OPT_UNKNOWN;
}

/* ln of the trunk's clean norms and their steps, of its later half; how many. */
static long take(const struct lc_past *p, double *y, double *step)
{
	const struct lc_series *s = &p->series[0];
	long n = s->n, m = 0;

	while (n > 0 && s->row[n - 1].step > lc_past_clean(p))
		n--;
	for (long i = 0; i < n; i++) {
		double g = s->row[i].grad_norm;
		if (!(g > 1e-12 && g < 1e12) || s->row[i].step < s->row[n - 1].step / 2)
			continue;
		y[m] = log(g);
		step[m++] = (double)s->row[i].step;
	}
	return m;
}

static void set_x(double t, double eta, double last, double x[X])
{
	x[0] = 1;
	x[1] = log(fmax(isfinite(eta) ? eta : 1, LEAST_LR));
	x[2] = log(fmax(t, 1) / fmax(last, 1));
}

/* Bins of equal count; y becomes what is left of each value within its bin. */
static int make_bins(double *y, const double *step, long m, const struct lc_lrpath *path,
		     struct bin *b)
{
	int n = (int)(m < BINS ? m : BINS);

	for (int i = 0; i < n; i++) {
		long from = m * i / n, to = m * (i + 1) / n;
		b[i] = (struct bin){0, 0, {0}};
		for (long k = from; k < to; k++) {
			b[i].y += y[k] / (double)(to - from);
			b[i].step += step[k] / (double)(to - from);
		}
		for (long k = from; k < to; k++)
			y[k] -= b[i].y;
	}
	for (int i = 0; i < n; i++)
		set_x(b[i].step, lc_lrpath_at(path, b[i].step), b[n - 1].step, b[i].x);
	return n;
}

/* a (X,X), symmetric and positive, becomes its inverse: Gauss-Jordan, in place. */
static void invert(double a[X][X])
{
	for (int k = 0; k < X; k++) {
		double d = 1 / a[k][k];
		a[k][k] = 1;
		for (int j = 0; j < X; j++)
			a[k][j] *= d;
		for (int i = 0; i < X; i++) {
			double f = a[i][k];
			if (i == k)
				continue;
			a[i][k] = 0;
			for (int j = 0; j < X; j++)
				a[i][j] -= f * a[k][j];
		}
	}
}

/* The posterior of beta when a residual has variance var. */
static void solve(struct lc_gradlaw *g, const struct bin *b, int n, double var)
{
	double a[X][X] = {{1 / (LEVEL_SD * LEVEL_SD), 0, 0},
			  {0, 1 / (PRIOR_SD * PRIOR_SD), 0},
			  {0, 0, 1 / (TIME_SD * TIME_SD)}},
	       c[X] = {0};

	for (int k = 0; k < n; k++)
		for (int i = 0; i < X; i++) {
			c[i] += b[k].x[i] * b[k].y / var;
			for (int j = 0; j < X; j++)
				a[i][j] += b[k].x[i] * b[k].x[j] / var;
		}
	invert(a);
	memcpy(g->cov, a, sizeof(a));
	for (int i = 0; i < X; i++) {
		g->beta[i] = 0;
		for (int j = 0; j < X; j++)
			g->beta[i] += a[i][j] * c[j];
	}
}

static double line(const struct lc_gradlaw *g, const double x[X])
{
	double y = 0;

	for (int i = 0; i < X; i++)
		y += g->beta[i] * x[i];
	return y;
}

/* Size and memory of the residuals. */
static void residuals(struct lc_gradlaw *g, const struct bin *b, int n)
{
	double ss = 0, lag = 0, before = 0;

	for (int i = 0; i < n; i++) {
		double r = b[i].y - line(g, b[i].x);
		ss += r * r;
		lag += i ? r * before : 0;
		before = r;
	}
	g->sd = fmax(sqrt(ss / fmax(n - X, 1)), LEAST_SD);
	g->phi = ss > 0 ? fmin(fmax(lag / ss, 0), .95) : 0;
	g->resid = before;
}

static void histogram(struct lc_gradlaw *g, const struct lc_past *p, double *y, double *step)
{
	long m = take(p, y, step), first = m > NEWEST ? m - NEWEST : 0;

	for (int i = 0; i < LC_GRAD_HIST; i++)
		g->hist[i] =
			exp(lc_quantile(y + first, (size_t)(m - first), i / (LC_GRAD_HIST - 1.)));
}

void lc_gradlaw_fit(struct lc_gradlaw *g, const struct lc_past *past, const struct lc_lrpath *path)
{
	const struct lc_setup *s = &past->setup;
	size_t room = (size_t)past->series[0].n + 1;
	double *y = lc_xalloc(room, sizeof(*y)), *step = lc_xalloc(room, sizeof(*step));
	struct bin *b = lc_xalloc(BINS, sizeof(*b));
	long m = take(past, y, step);

	memset(g, 0, sizeof(*g));
	g->optimizer = optimizer(s->optimizer);
	g->clip = s->clip > 0 && isfinite(s->clip) ? s->clip : NAN;
	g->beta2 = s->beta2 >= 0 && s->beta2 < 1 ? s->beta2 : NAN;
	if (m >= FEWEST) {
		g->n = make_bins(y, step, m, path, b);
		g->last = b[g->n - 1].step;
		g->spacing = fmax((g->last - b[0].step) / (g->n - 1), 1);
		g->lo = lc_quantile(y, (size_t)m, .05);
		g->hi = lc_quantile(y, (size_t)m, .95);
		solve(g, b, g->n, LEAST_SD * LEAST_SD);
		for (int pass = 0; pass < 2; pass++) {
			residuals(g, b, g->n);
			solve(g, b, g->n, g->sd * g->sd * (1 + g->phi) / (1 - g->phi));
		}
		residuals(g, b, g->n);
		histogram(g, past, y, step);
	}
	free(b);
	free(y);
	free(step);
}

/* (1 + k/16): over many bins r drifts further than in the past; chosen on 24 public runs the band
 * held .81. */
void lc_gradlaw_at(const struct lc_gradlaw *g, double t, double eta, double more, double q[3])
{
	double x[X], var = more * more, stays, k = fmax(t - g->last, 0) / g->spacing, keep, mid;

	set_x(t, eta, g->last, x);
	keep = pow(g->phi, k);
	stays = pow(g->phi, fmin(k, 1));
	mid = line(g, x) + stays * g->resid;
	var += g->sd * g->sd * (1 - keep * keep) * (1 + k / 16) + pow((stays - keep) * g->resid, 2);
	for (int i = 0; i < X; i++)
		for (int j = 0; j < X; j++)
			var += x[i] * g->cov[X * i + j] * x[j];
	var = fmax(var, 0) * 1.6448536269514722 * 1.6448536269514722;
	q[0] = exp(fmax(mid - sqrt(var + g->lo * g->lo), -MOST_LN));
	q[1] = exp(fmin(fmax(mid, -MOST_LN), MOST_LN));
	q[2] = exp(fmin(mid + sqrt(var + g->hi * g->hi), MOST_LN));
}

/* The doubles of the law, in the order of the struct, are written as one array. */
enum {
	FIRST = offsetof(struct lc_gradlaw, beta) / sizeof(double),
	NUMBERS = sizeof(struct lc_gradlaw) / sizeof(double) - FIRST
};

json_t *lc_gradlaw_json(const struct lc_gradlaw *g)
{
	const double *x = (const double *)g + FIRST;
	json_t *j = json_object(), *a = json_array();

	for (int i = 0; i < NUMBERS; i++)
		json_array_append_new(a, lc_json_num(x[i]));
	json_object_set_new(j, "n", json_integer(g->n));
	json_object_set_new(j, "numbers", a);
	return j;
}

/* In range: what a fit can give, so that no forecast is a NaN. */
static int sane(const struct lc_gradlaw *g)
{
	const double *x = g->beta;
	int ok = g->n >= 0 && g->n <= BINS;

	for (int i = 0; i < NUMBERS - 3; i++) /* the optimizer and what may be NaN come last */
		ok = ok && fabs(x[i]) < 1e15;
	for (int i = 0; i < LC_GRAD_HIST; i++)
		ok = ok && g->hist[i] >= (i ? g->hist[i - 1] : 0);
	ok = ok && (g->optimizer == LC_OPT_UNKNOWN || g->optimizer == LC_OPT_ADAM ||
		    g->optimizer == LC_OPT_SGD);
	ok = ok && (isnan(g->clip) || g->clip > 0) && (isnan(g->beta2) || fabs(g->beta2) < 1);
	return ok && (!g->n || (g->phi >= 0 && g->phi < 1 && g->spacing >= 1));
}

int lc_gradlaw_parse(struct lc_gradlaw *g, const json_t *j)
{
	const json_t *a = json_object_get(j, "numbers");

	memset(g, 0, sizeof(*g));
	g->clip = g->beta2 = NAN;
	if (!j)
		return 0;
	if (json_array_size(a) != NUMBERS)
		return -1;
	g->n = (int)lc_json_get_int(j, "n", -1);
	for (int i = 0; i < NUMBERS; i++)
		if (lc_json_to_num(json_array_get(a, (size_t)i), (double *)g + FIRST + i) < 0)
			return -1;
	return sane(g) ? 0 : -1;
}

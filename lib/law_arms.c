/* law_arms: see law_arms.h. law_wide.c makes the features, law_wit.c the observations. */
#include "law_arms.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gauss.h"
#include "io.h"
#include "law_wit.h"
#include "rng.h"
#include "stat.h"

enum { P = WIDE_COEFS, SHAPES = 36, NOISES = 4, DRAWS = 8192 };
enum { EACH = WIDE_FORMS * SHAPES, POSTS = NOISES * EACH };

/*
 * How much larger the noise is than the trunk's own second differences say: they see little of what
 * wanders slowly, and too much where the trunk is rough.
 */
static const double noise_scale[NOISES] = {.6, .85, 1.2, 1.7};

/* The prior. Sizes are in units of the recent loss. */
static const double signal_power[3] = {.6, 1, 1.5}, noise_power[4] = {.3, .6, .9, 1.2};
static const double noise_cut[3] = {4, 10, 30}; /* no noise relaxes faster than this */
#define NOISE_TOTAL .115 /* of all drives together, at the run's lr and heat 1 */
#define DRIVE_SD .75	 /* of a drive's share */
#define MODE_SD .8	 /* of a mode's share; neighbours agree */
#define MODE_LEN 1.5	 /* over this many modes */
#define ADAPT_SD .029	 /* at heat 1 */
#define TEMPERATURE 4.
#define PAIR_SHARED .66 /* of the wandering at the end: what arms of one order share */
#define LEAST_NEAR .1
/*
 * What the law makes of a difference is too small: truth over forecast was 1.2 on the trunks it was
 * designed on and 1.2 (.95 to 1.5) on those it was tuned on (scripts/bench/collapse-data). One
 * factor a fork, not known better than that; an error that is shared leaves the order alone.
 */
#define STRETCH 1.2
#define STRETCH_SD .2
#define OFF_SD .0017 /* of the level, a factor e in lr */
/*
 * On the tuning trunks 96 % lay in intervals of 90 %: this much narrower, 90 % do. Widths that went
 * with the root of the misfit scored .22 nats a difference better there, a trunk left out each
 * time, and did not hold on the test trunks (80 %, against .93 at 1).
 */
#define WIDTH .862

/* A block of n modes along w: one total and deviations of each mode. */
static void prior_block(double *m, double *cov, int at, int n, const double *w, double mean,
			double sd_total)
{
	for (int i = 0; i < n; i++) {
		m[at + i] = mean * w[i];
		for (int j = 0; j < n; j++) {
			double dev = MODE_SD * MODE_SD * mean * mean *
				     exp(-.5 * pow((i - j) / MODE_LEN, 2));
			cov[(at + i) * P + at + j] = w[i] * w[j] * (sd_total * sd_total + dev);
		}
		cov[(at + i) * P + at + i] += 1e-6 * pow(w[i] * mean, 2) + 1e-18;
	}
}

/* First and last witnesses of the trunk, and how far it fell between them. */
struct scale {
	double level, fall, last, heat;
	double first_x[P], last_x[P]; /* under one form */
	const struct lc_wit *a, *z;
};

static void scale_init(struct scale *s, const struct lc_wits *ws)
{
	double first = 0, last = 0;
	int m = 0, tenth;

	memset(s, 0, sizeof(*s));
	while (m < ws->n && ws->w[m].series == 0)
		m++;
	tenth = m < 10 ? 1 : m / 10;
	for (int i = 0; i < tenth; i++) {
		first += ws->w[i].y / tenth;
		last += ws->w[m - 1 - i].y / tenth;
	}
	s->a = &ws->w[tenth / 2];
	s->z = &ws->w[m - 1 - tenth / 2];
	s->level = ws->level;
	s->heat = ws->heat;
	s->last = last;
	s->fall = fmax(first - last, .01 * s->level);
}

static void prior_init(double *m, double *cov, const struct scale *s, double total, int shape)
{
	double al = signal_power[shape % 3], be = noise_power[shape / 3 % 4];
	double a[WIDE_SIGNAL], b[WIDE_NOISE], drop = 0, left = 0, sum = 0;
	double cut = noise_cut[shape / 12], noise = NOISE_TOTAL * s->heat * s->level;
	double each = noise / WIDE_DRIVES;

	for (int j = 0; j < WIDE_SIGNAL; j++) {
		a[j] = pow(lc_wide_signal_rate(total, j), al);
		drop += a[j] * (s->first_x[1 + j] - s->last_x[1 + j]);
		left += a[j] * s->last_x[1 + j];
	}
	drop = fmax(drop, .05 * left); /* a short past says little about what is left */
	for (int j = 0; j < WIDE_SIGNAL; j++)
		a[j] /= drop;
	for (int j = 0; j < WIDE_NOISE; j++) {
		double nu = lc_wide_noise_rate(total, j);
		b[j] = pow(nu, be) * exp(-cut * nu);
		sum += b[j];
	}
	for (int j = 0; j < WIDE_NOISE; j++)
		b[j] /= sum;
	memset(m, 0, P * sizeof(*m));
	memset(cov, 0, P * P * sizeof(*cov));
	m[0] = s->last - fmin(s->fall * left / drop, .5 * s->level) - noise;
	cov[0] = .0625 * s->level * s->level;
	prior_block(m, cov, 1, WIDE_SIGNAL, a, s->fall, .6 * s->fall);
	for (int q = 0; q < WIDE_DRIVES; q++)
		prior_block(m, cov, WIDE_AT_H + q * WIDE_NOISE, WIDE_NOISE, b, each,
			    DRIVE_SD * each);
	for (int k = 0; k < WIDE_ADAPT; k++)
		cov[(WIDE_AT_C + k) * P + WIDE_AT_C + k] = pow(ADAPT_SD * s->heat * s->level, 2);
}

/* What one posterior says: the control's end and the differences, mean (n) and cov (n,n). */
struct said {
	double logev, chi2, *mean, *cov;
};

/* The fork: witnesses whitened, ends of the arms. */
struct fork {
	const struct lc_wits *ws;
	struct scale scale;
	double total, *l, *y, yy, ldet;
	double noise;		   /* scale of it */
	int n;			   /* arms */
	struct lc_wide_state *end; /* [n] */
	double *extra;		   /* (n,n) covariance of the ends that is not the law's */
};

static int whiten(struct fork *f)
{
	const struct lc_wits *ws = f->ws;
	int n = ws->n;

	for (int i = 0; i < n; i++) {
		for (int j = 0; j <= i; j++)
			f->l[i * n + j] = lc_wits_cov(ws, f->noise, &ws->w[i], &ws->w[j]);
		f->y[i] = ws->w[i].y;
	}
	if (lc_cholesky(f->l, n) < 0)
		return -1;
	lc_solve_lower(f->l, n, f->y, 1);
	f->ldet = lc_log_det(f->l, n);
	f->yy = 0;
	for (int i = 0; i < n; i++)
		f->yy += f->y[i] * f->y[i];
	return 0;
}

/* G = X'X and r = X'y of the whitened features of one form. */
static void gram_of(const struct fork *f, int form, double *g, double *r)
{
	int n = f->ws->n;
	double *x = lc_xalloc((size_t)n * P, sizeof(*x));

	for (int i = 0; i < n; i++)
		lc_wide_features(&f->ws->w[i].st, form, x + i * P);
	lc_solve_lower(f->l, n, x, P);
	memset(g, 0, P * P * sizeof(*g));
	memset(r, 0, P * sizeof(*r));
	for (int i = 0; i < n; i++)
		for (int a = 0; a < P; a++) {
			for (int b = 0; b < P; b++)
				g[a * P + b] += x[i * P + a] * x[i * P + b];
			r[a] += x[i * P + a] * f->y[i];
		}
	free(x);
}

/* d (n,P): row 0 the control's end, row i arm i's less the control's. */
static void differences(const struct fork *f, int form, double *d)
{
	lc_wide_features(&f->end[0], form, d);
	for (int i = 1; i < f->n; i++) {
		lc_wide_features(&f->end[i], form, d + i * P);
		for (int j = 0; j < P; j++)
			d[i * P + j] -= d[j];
	}
}

static void stretch(int n, double *hd, double *mean)
{
	for (int i = 1; i < n; i++) {
		mean[i] *= STRETCH;
		for (int k = 0; k < P; k++)
			hd[i * P + k] *= STRETCH;
	}
}

static void say(const struct fork *f, const struct lc_gauss *post, const double *d,
		struct said *out)
{
	int n = f->n;
	double *hd = lc_xalloc((size_t)n * P, sizeof(*hd));

	for (int i = 0; i < n; i++) {
		out->mean[i] = 0;
		for (int j = 0; j < P; j++)
			out->mean[i] += d[i * P + j] * post->mean[j];
		for (int k = 0; k < P; k++)
			for (int j = k; j < P; j++)
				hd[i * P + k] += post->half[k * P + j] * d[i * P + j];
	}
	stretch(n, hd, out->mean);
	for (int i = 0; i < n; i++)
		for (int j = 0; j < n; j++) {
			double s = f->extra[i * n + j] * f->noise * f->noise;
			if (i && j)
				s += STRETCH_SD * STRETCH_SD * out->mean[i] * out->mean[j] /
				     (STRETCH * STRETCH);
			for (int k = 0; k < P; k++)
				s += hd[i * P + k] * hd[j * P + k];
			out->cov[i * n + j] = s;
		}
	free(hd);
}

/* All shapes of the prior under one form. */
static void one_form(struct fork *f, int form, struct said *said)
{
	double *g = lc_xalloc((size_t)P * P * 6 + (size_t)P * 6, sizeof(*g)), *half = g + P * P;
	double *cov = half + P * P, *work = cov + P * P, *r = work + 2 * P * P + 2 * P;
	double *m = r + P, *mean = m + P, *d = lc_xalloc((size_t)f->n * P, sizeof(*d));
	struct lc_gram data = {P, f->ws->n, g, r, f->yy, f->ldet};
	struct lc_gauss post = {mean, half, 0, 0};

	gram_of(f, form, g, r);
	differences(f, form, d);
	lc_wide_features(&f->scale.a->st, form, f->scale.first_x);
	lc_wide_features(&f->scale.z->st, form, f->scale.last_x);
	for (int k = 0; k < SHAPES; k++) {
		prior_init(m, cov, &f->scale, f->total, k);
		said[k].logev = -INFINITY;
		if (lc_gauss_posterior(&data, m, cov, work, &post) < 0)
			continue;
		said[k].logev = post.logev;
		said[k].chi2 = post.quad / f->ws->n * f->noise * f->noise;
		say(f, &post, d, &said[k]);
	}
	free(d);
	free(g);
}

/* P(best) by draws, a share of them for each posterior: ties go to the earlier arm. */
static void draw_best(const struct said *s, double w, int n, struct lc_rng *rng, double *best)
{
	double *l = lc_xalloc((size_t)n * n + 2 * n, sizeof(*l)), *z = l + n * n, *x = z + n;
	int draws = (int)ceil(w * DRAWS);

	memcpy(l, s->cov, (size_t)n * n * sizeof(*l));
	for (int i = 0; i < n; i++) /* arms that are the same have the same row */
		l[i * n + i] += 1e-9 * l[i * n + i] + 1e-30;
	for (int k = lc_cholesky(l, n) < 0 ? draws : 0; k < draws; k++) {
		int low = 0;
		for (int i = 0; i < n; i++) {
			z[i] = lc_rng_normal(rng);
			x[i] = i ? s->mean[i] : 0;
			for (int j = 0; i && j <= i; j++)
				x[i] += l[i * n + j] * z[j];
			low = x[i] < x[low] ? i : low;
		}
		best[low] += w / draws;
	}
	free(l);
}

static void add_moments(const struct said *s, double w, struct lc_arms *out)
{
	int n = out->n;

	out->control += w * s->mean[0];
	out->control_sd += w * (s->cov[0] + s->mean[0] * s->mean[0]);
	for (int i = 1; i < n; i++) {
		double sd = sqrt(fmax(s->cov[i * n + i], 1e-30));
		out->better[i] += w * lc_normal_cdf(-s->mean[i] / sd);
		for (int j = 1; j < n; j++)
			out->cov[i * n + j] += w * (s->cov[i * n + j] + s->mean[i] * s->mean[j]);
	}
	out->chi2 += w * s->chi2;
}

/* The mixture of the differences, WIDTH as wide about its mean. */
static void widen(struct said *said, const double *weight, struct lc_arms *out)
{
	int n = out->n;

	for (int k = 0; k < POSTS; k++)
		for (int i = 0; i < n && weight[k] > 0; i++)
			out->mean[i] += i ? weight[k] * said[k].mean[i] : 0;
	for (int k = 0; k < POSTS; k++)
		for (int i = 1; i < n && weight[k] > 0; i++) {
			double *mean = &said[k].mean[i];
			*mean = out->mean[i] + WIDTH * (*mean - out->mean[i]);
			for (int j = 0; j < n; j++) {
				said[k].cov[i * n + j] *= WIDTH;
				said[k].cov[j * n + i] *= WIDTH;
			}
		}
}

static int weigh(const struct said *said, double *weight, double *best)
{
	double total = 0;

	*best = -INFINITY;
	for (int k = 0; k < POSTS; k++)
		*best = fmax(*best, said[k].logev);
	if (!isfinite(*best))
		return -1;
	for (int k = 0; k < POSTS; k++)
		total += weight[k] = exp((said[k].logev - *best) / TEMPERATURE);
	for (int k = 0; k < POSTS; k++)
		weight[k] /= total;
	return 0;
}

static int mix(struct said *said, struct lc_arms *out)
{
	struct lc_rng rng = {.seed = 1};
	double weight[POSTS], drawn = 0;

	if (weigh(said, weight, &out->logev) < 0)
		return -1;
	widen(said, weight, out);
	for (int k = 0; k < POSTS; k++) {
		if (weight[k] > 0)
			add_moments(&said[k], weight[k], out);
		if (weight[k] > 1e-4)
			draw_best(&said[k], weight[k], out->n, &rng, out->best);
	}
	for (int i = 0; i < out->n; i++)
		drawn += out->best[i];
	out->control_sd = sqrt(fmax(0, out->control_sd - out->control * out->control));
	for (int i = 0; i < out->n; i++) {
		out->best[i] /= drawn;
		for (int j = 0; j < out->n; j++)
			out->cov[i * out->n + j] -= out->mean[i] * out->mean[j];
		out->sd[i] = sqrt(fmax(0, out->cov[i * out->n + i]));
	}
	return 0;
}

/* What differs at the end besides the law: wandering that pairing does not cancel, misfit. */
static void ends(struct fork *f, const struct lc_past *past, const struct lc_arm *arm, double end)
{
	const struct lc_wits *ws = f->ws;
	int n = f->n;
	double *own = lc_xalloc((size_t)n, sizeof(*own));

	for (int i = 0; i < n; i++) {
		struct lc_lrpath path;
		struct lc_wide_walk w = {.total = f->total, .heat = ws->heat, .path = &path};
		lc_lrpath_init(&path);
		lc_wits_ahead(ws, past, &arm[i], &path);
		lc_wide_init(&w.st);
		lc_wide_to(&w, end);
		f->end[i] = w.st;
		own[i] = ws->noise * ws->noise * fmax(w.st.near, LEAST_NEAR);
		lc_lrpath_release(&path);
	}
	f->extra[0] = own[0];
	for (int i = 1; i < n; i++) {
		double off = OFF_SD * ws->level * lc_wits_ratio(ws, past, &arm[i], &arm[0]);
		for (int j = 1; j < n; j++)
			f->extra[i * n + j] = (1 - PAIR_SHARED) * own[0];
		f->extra[i * n + i] += (1 - PAIR_SHARED) * own[i] + off * off;
	}
	free(own);
}

/* Rows of the arms' descendants, by whether their lr lies below the control's or at it. */
static void count_segments(const struct lc_wits *ws, const struct lc_past *past,
			   const struct lc_arm *arm, struct lc_arms *out)
{
	for (int i = 0; i < ws->n; i++) {
		const struct lc_wit *w = &ws->w[i];
		double eta, at;
		if (w->series == 0)
			continue;
		out->nwitness++;
		if (w->arm < 0 || w->series == arm[w->arm].series)
			continue;
		eta = lc_lrpath_at(&ws->path[w->series], w->last);
		at = lc_lrpath_at(&ws->path[past->series[arm[w->arm].series].parent], w->last);
		out->cool[w->arm] += eta < .5 * at;
		out->back[w->arm] += fabs(eta - at) < .02 * at;
	}
}

static void out_init(struct lc_arms *out, int n, const struct lc_wits *ws)
{
	size_t k = (size_t)n;

	out->n = n;
	out->mean = lc_xalloc(k, sizeof(double));
	out->sd = lc_xalloc(k, sizeof(double));
	out->cov = lc_xalloc(k * k, sizeof(double));
	out->better = lc_xalloc(k, sizeof(double));
	out->best = lc_xalloc(k, sizeof(double));
	out->cool = lc_xalloc(k, sizeof(int));
	out->back = lc_xalloc(k, sizeof(int));
	out->level = ws->level;
	out->noise = ws->noise;
	out->nobs = ws->n;
	out->metric = ws->metric;
}

static int run(struct fork *f, struct lc_arms *out, struct lc_err *err)
{
	size_t n = (size_t)f->n;
	struct said *said = lc_xalloc(POSTS, sizeof(*said));
	double *room = lc_xalloc(POSTS * (n + n * n), sizeof(*room));
	int ret = -1;

	for (size_t k = 0; k < POSTS; k++) {
		said[k].mean = room + k * (n + n * n);
		said[k].cov = said[k].mean + n;
	}
	f->l = lc_xalloc((size_t)f->ws->n * f->ws->n, sizeof(double));
	f->y = lc_xalloc((size_t)f->ws->n, sizeof(double));
	for (int k = 0; k < NOISES; k++) {
		f->noise = noise_scale[k];
		for (int i = 0; i < EACH; i++)
			said[k * EACH + i].logev = -INFINITY;
		if (whiten(f) < 0)
			continue;
		for (int form = 0; form < WIDE_FORMS; form++)
			one_form(f, form, said + k * EACH + form * SHAPES);
	}
	ret = mix(said, out);
	if (ret < 0)
		lc_fail(err, LC_DATA, "history: its values are too far apart for a law");
	free(room);
	free(said);
	return ret;
}

int lc_law_arms(const struct lc_past *past, const struct lc_arm *arm, int n, double end,
		struct lc_arms *out, struct lc_err *err)
{
	struct fork f = {.total = end, .n = n};
	struct lc_wits ws;
	int ret;

	memset(out, 0, sizeof(*out));
	if (n < 1 || n > LC_ARMS_MAX || !(end >= 1 && end <= 1e12))
		return lc_fail(err, LC_DATA, "arms: not 1 to %d of them, or no end", LC_ARMS_MAX);
	if (lc_wits_gather(&ws, past, arm, n, end, err) < 0)
		return lc_wits_release(&ws), -1;
	f.ws = &ws;
	f.end = lc_xalloc((size_t)n, sizeof(*f.end));
	f.extra = lc_xalloc((size_t)n * (size_t)n, sizeof(*f.extra));
	out_init(out, n, &ws);
	scale_init(&f.scale, &ws);
	ends(&f, past, arm, end);
	count_segments(&ws, past, arm, out);
	ret = run(&f, out, err);
	if (ret < 0)
		lc_arms_release(out);
	free(f.l);
	free(f.y);
	free(f.end);
	free(f.extra);
	lc_wits_release(&ws);
	return ret;
}

void lc_arms_release(struct lc_arms *out)
{
	free(out->mean);
	free(out->sd);
	free(out->cov);
	free(out->better);
	free(out->best);
	free(out->cool);
	free(out->back);
	memset(out, 0, sizeof(*out));
}

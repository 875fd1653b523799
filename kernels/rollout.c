/*
 * rollout: see rollout.h. The definition, a branch at a time; rollout_lanes.inc does the same for a
 * register's worth of branches, rollout.cu for a device's.
 */
#include "rollout_impl.h"
#include "rollout_way.h"

#include <math.h>
#include <string.h>

void lc_modes_init(struct lc_modes *m)
{
	memset(m, 0, sizeof(*m));
	for (int c = 0; c < LC_CLOCKS; c++)
		for (int j = 0; j < LC_MODES; j++)
			m->s[c][j] = 1;
}

/*
 * One piece. With r the change of the lr over it, relative to its mean, the clock runs for S = n
 * eta^p (1 + p (p - 1) r^2 / 24), and the drive is the parabola through its values first, in the
 * middle and last: e + de x + 4 bend x (1 - x), x in S, whose middle is not that of the updates.
 * Then h' = nu (e - h) ends, with u = nu S and y = 1 - exp(-u), lag = 1 - y/u, at
 *	h + y (e - h) + de lag + 4 bend (1 - lag - (2/u) (y - lag))
 * It errs by r^3.
 */
static void advance(const struct lc_basis *b, struct lc_modes *m, const struct lc_piece *p,
		    double scale)
{
	double e[LC_DRIVES], de[LC_DRIVES], mid[LC_DRIVES], y[RATES];
	double eta = fmax(p->eta, ETA_MIN), first = fmax(p->first, ETA_MIN),
	       last = fmax(p->last, ETA_MIN), r = fmin(fmax((last - first) / eta, -2), 2);

	for (int d = 0; d < LC_DRIVES; d++) {
		e[d] = scale * pow(first, b->drive[d]);
		de[d] = scale * pow(last, b->drive[d]) - e[d];
		mid[d] = scale * pow(eta, b->drive[d]) - (e[d] + .5 * de[d]);
	}
	for (int c = 0; c < LC_CLOCKS; c++) {
		double k = b->clock[c], over;
		double u = b->lam0 * p->n * pow(eta, k) * (1 + k * (k - 1) / 24 * r * r);
		y[0] = -expm1(-u);
		for (int j = 1; j < RATES; j++)
			y[j] = y[j - 1] * (2 - y[j - 1]);
		over = .25 / u;
		for (int j = 0; j < LC_MODES; j++, over *= .5) {
			double yj = y[j + 2], lag = 1 - yj * over;
			double arc = 4 * (1 - lag - 2 * over * (yj - lag));
			m->s[c][j] -= y[j] * m->s[c][j];
			for (int d = 0; d < LC_DRIVES; d++) {
				double *h = &m->h[c * LC_DRIVES + d][j];
				double add = yj * (e[d] - *h);
				if (first != last)
					add += de[d] * lag + (mid[d] + de[d] * k * r / 8) * arc;
				*h += add;
			}
		}
	}
}

void lc_modes_advance(const struct lc_basis *b, struct lc_modes *m, double n, double eta,
		      double scale)
{
	struct lc_piece p = {n, eta, eta, eta};

	advance(b, m, &p, scale);
}

void lc_modes_ramp(const struct lc_basis *b, struct lc_modes *m, double k0, double k1, double eta0,
		   double eta1, double scale, double tol)
{
	struct lc_piece p;
	struct lc_way w;

	lc_way_segment(&w, tol, k0, k1, eta0, eta1);
	while (lc_way_piece(&w, &p))
		advance(b, m, &p, scale);
}

static void walk_to(const struct lc_basis *b, struct lc_modes *m, struct lc_way *w, double tol,
		    double stop)
{
	struct lc_piece p;

	while (lc_way_next(w, tol, stop, &p))
		advance(b, m, &p, w->br->scale);
}

static double drift_left(const struct lc_posterior *p, double t)
{
	return t > p->t_drift && p->t_drift > 0 ? pow(p->t_drift / t, 1 / p->drift_len) : 1;
}

static void features(const struct lc_modes *m, int v, double rho, double *x)
{
	x[0] = 1;
	memcpy(x + 1, m->s[v / LC_DRIVES], sizeof(m->s[0]));
	memcpy(x + 1 + LC_MODES, m->h[v], sizeof(m->h[0]));
	x[LC_COEFS] = rho;
}

/* Mean and variance of x . beta under one variant. */
static void project(const struct lc_posterior *p, int v, const double *x, double *mean, double *var)
{
	double y[LC_FEATS_PAD] = {0}, f = 0, s = 0;

	for (int i = 0; i < LC_FEATS; i++) {
		const double *row = p->factor[v][i];
		for (int k = 0; k <= i;
		     k += 8) /* a row ends at its diagonal: whole vectors up to there */
			for (int l = k; l < k + 8; l++)
				y[l] += x[i] * row[l];
		f += x[i] * p->mean[v][i];
	}
	for (int k = 0; k < LC_FEATS_PAD; k++)
		s += y[k] * y[k];
	*mean = f;
	*var = s;
}

/* The noise part at h less that at h0, under one variant. */
static double noise_change(const struct lc_posterior *p, int v, const double *h, const double *h0)
{
	double s = 0;

	for (int j = 0; j < LC_MODES; j++)
		s += p->mean[v][1 + LC_MODES + j] * (h[j] - h0[j]);
	return s;
}

/* The mixture at the state m after the start m0; ref (or NULL) is subtracted from the features. */
static void mix(const struct lc_posterior *p, const struct lc_modes *m, const struct lc_modes *m0,
		double rho, const double *ref, double *mean, double *sd)
{
	double x[LC_FEATS], f, var, m1 = 0, m2 = 0, miss;

	for (int v = 0; v < LC_VARIANTS; v++) {
		if (p->weight[v] == 0)
			continue;
		features(m, v, rho, x);
		for (int i = 0; ref && i < LC_FEATS; i++)
			x[i] -= ref[v * LC_FEATS + i];
		project(p, v, x, &f, &var);
		miss = p->misfit * noise_change(p, v, m->h[v],
						ref ? ref + v * LC_FEATS + 1 + LC_MODES : m0->h[v]);
		m1 += p->weight[v] * f;
		m2 += p->weight[v] * (var + miss * miss + f * f);
	}
	if (!ref)
		m2 += p->drift_var * (1 - rho * rho);
	*mean = m1;
	*sd = sqrt(fmax(0, m2 - m1 * m1));
}

void lc_rollout_plain(const struct lc_basis *b, const struct lc_posterior *post, double tol,
		      struct lc_rollout_branch *br)
{
	struct lc_modes m = *br->start;
	struct lc_way w;
	double rho = 1;

	lc_way_start(&w, br);
	for (int o = 0; o < br->nout; o++) {
		walk_to(b, &m, &w, tol, br->out[o]);
		rho = drift_left(post, br->from + br->out[o]);
		mix(post, &m, br->start, rho, NULL, &br->mean[o], &br->sd[o]);
	}
	if (br->ref && br->nout)
		mix(post, &m, br->start, rho, br->ref, &br->ref_mean, &br->ref_sd);
	for (int v = 0; v < LC_VARIANTS && br->x; v++)
		features(&m, v, rho, br->x + v * LC_FEATS);
}

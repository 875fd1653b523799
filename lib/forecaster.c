/* forecaster: see forecaster.h. */
#include "forecaster.h"

#include <math.h>
#include <string.h>

#include "rng.h"

#define AHEAD FORECAST_AHEAD
#define DEPTH FORECAST_DEPTH
#define UNITS FORECAST_UNITS
#define ROWS FORECAST_ROWS
#define CLIP 4.0	  /* spreads at which a score enters */
#define RATE .01	  /* of the GRU: .002 does alike on public runs */
#define SLOW .25	  /* of the slow linear member */
#define STEP .02	  /* of the linear members, below 2; .003 and .1 do alike */
#define MEMORY 256.0	  /* steps of the usual error and spread */
#define LEAST_ERROR .1	  /* of a spread of the loss */
#define LEAST_SPREAD .02  /* the same */
#define YOUNG (4 * AHEAD) /* forecasts that were learned from before any is judged */

enum { UPDATE, RESET, CANDIDATE };

/* A step of the GRU, kept for the way back. */
struct passed {
	double before[UNITS], update[UNITS], reset[UNITS], candidate[UNITS], gated[UNITS];
};

static double clamp(double x, double low, double high)
{
	return x < low ? low : x > high ? high : x;
}

static double softsign(double x)
{
	return x / (1 + fabs(x));
}

static void begin(struct lc_forecaster *f)
{
	struct lc_rng rng = {.seed = 1};
	double *w = &f->gru[0][0][0];

	memset(f, 0, sizeof(*f));
	for (int i = 0; i < 3 * ROWS * UNITS; i++)
		w[i] = .6 * (lc_rng_uniform(&rng) - .5);
	for (int i = 0; i < UNITS; i++)
		f->gru[UPDATE][ROWS - 1][i] = -1.5 * i / UNITS; /* units of various memories */
	f->error = .5;
	f->spread = .1;
	f->surprise = f->disagreement = NAN;
}

/* sums += what the rows from first on give, of values v. */
static void add_rows(double (*w)[UNITS], const double *v, int n, double *sums)
{
	for (int r = 0; r < n; r++)
		for (int i = 0; i < UNITS; i++)
			sums[i] += w[r][i] * v[r];
}

/* h is (UNITS); what it was and how it came to be is left in p. */
static void gru_step(struct lc_forecaster *f, const double *x, double *h, struct passed *p)
{
	double z[UNITS], r[UNITS], c[UNITS];

	memcpy(z, f->gru[UPDATE][ROWS - 1], sizeof(z));
	memcpy(r, f->gru[RESET][ROWS - 1], sizeof(r));
	memcpy(c, f->gru[CANDIDATE][ROWS - 1], sizeof(c));
	add_rows(f->gru[UPDATE], x, 2, z);
	add_rows(f->gru[UPDATE] + 2, h, UNITS, z);
	add_rows(f->gru[RESET], x, 2, r);
	add_rows(f->gru[RESET] + 2, h, UNITS, r);
	for (int i = 0; i < UNITS; i++) {
		p->before[i] = h[i];
		p->update[i] = .5 + .5 * softsign(z[i]);
		p->reset[i] = .5 + .5 * softsign(r[i]);
		p->gated[i] = p->reset[i] * h[i];
	}
	add_rows(f->gru[CANDIDATE], x, 2, c);
	add_rows(f->gru[CANDIDATE] + 2, p->gated, UNITS, c);
	for (int i = 0; i < UNITS; i++) {
		p->candidate[i] = softsign(c[i]);
		h[i] += p->update[i] * (p->candidate[i] - h[i]);
	}
}

static double gru_says(const struct lc_forecaster *f, const double *h)
{
	double y = f->out[UNITS];

	for (int i = 0; i < UNITS; i++)
		y += f->out[i] * h[i];
	return y;
}

/* From da, the derivative by the rows' sums: to the weights' in g, and to the values' in dv. */
static void back_rows(double (*w)[UNITS], const double *v, int n, const double *da,
		      double (*g)[UNITS], double *dv)
{
	for (int r = 0; r < n; r++) {
		double s = 0;

		for (int i = 0; i < UNITS; i++) {
			g[r][i] += da[i] * v[r];
			s += w[r][i] * da[i];
		}
		if (dv)
			dv[r] += s;
	}
}

/* d is the derivative by the units after the step; becomes that by the units before it. */
static void gru_back(struct lc_forecaster *f, const double *x, const struct passed *p, double *d,
		     double (*g)[ROWS][UNITS])
{
	double az[UNITS], ar[UNITS], ac[UNITS], dgated[UNITS] = {0}, before[UNITS];

	for (int i = 0; i < UNITS; i++) {
		double left = 1 - fabs(p->candidate[i]), u = 1 - fabs(2 * p->update[i] - 1);

		ac[i] = d[i] * p->update[i] * left * left;
		az[i] = d[i] * (p->candidate[i] - p->before[i]) * .5 * u * u;
		before[i] = d[i] * (1 - p->update[i]);
		g[CANDIDATE][ROWS - 1][i] += ac[i];
		g[UPDATE][ROWS - 1][i] += az[i];
	}
	back_rows(f->gru[CANDIDATE], x, 2, ac, g[CANDIDATE], NULL);
	back_rows(f->gru[CANDIDATE] + 2, p->gated, UNITS, ac, g[CANDIDATE] + 2, dgated);
	for (int i = 0; i < UNITS; i++) {
		double left = 1 - fabs(2 * p->reset[i] - 1);

		ar[i] = dgated[i] * p->before[i] * .5 * left * left;
		before[i] += dgated[i] * p->reset[i];
		g[RESET][ROWS - 1][i] += ar[i];
	}
	back_rows(f->gru[UPDATE], x, 2, az, g[UPDATE], NULL);
	back_rows(f->gru[UPDATE] + 2, p->before, UNITS, az, g[UPDATE] + 2, before);
	back_rows(f->gru[RESET], x, 2, ar, g[RESET], NULL);
	back_rows(f->gru[RESET] + 2, p->before, UNITS, ar, g[RESET] + 2, before);
	memcpy(d, before, sizeof(before));
}

static struct lc_forecast_step *at(struct lc_forecaster *f, double n)
{
	return &f->held[(int)fmod(n, FORECAST_HELD)];
}

/* The GRU learns y of step n from the DEPTH steps up to it, with the units it had before them. */
static void gru_learn(struct lc_forecaster *f, double n, double y)
{
	struct passed p[DEPTH];
	double g[3][ROWS][UNITS] = {{{0}}}, h[UNITS], d[UNITS], e, *w = &f->gru[0][0][0];
	int depth = (int)fmin(DEPTH, n + 1);

	memcpy(h, at(f, n + 1 - depth)->units, sizeof(h));
	for (int i = 0; i < depth; i++)
		gru_step(f, at(f, n + 1 - depth + i)->x, h, &p[i]);
	e = clamp(gru_says(f, h) - y, -2, 2) * RATE;
	for (int i = 0; i < UNITS; i++) {
		d[i] = e * f->out[i];
		f->out[i] -= e * h[i];
	}
	f->out[UNITS] -= e;
	for (int i = depth - 1; i >= 0; i--)
		gru_back(f, at(f, n + 1 - depth + i)->x, &p[i], d, g);
	for (int i = 0; i < 3 * ROWS * UNITS; i++)
		w[i] = clamp(w[i] - (&g[0][0][0])[i], -8, 8);
}

/* The loss's means alone are the first of the features. */
static int features_of(int member)
{
	return member == 0 ? FORECAST_SCALES + 1 : FORECAST_FEATURES;
}

static double linear_says(const double *w, const double *x, int n)
{
	double y = 0;

	for (int i = 0; i < n; i++)
		y += w[i] * x[i];
	return y;
}

/* Normalised least mean squares (Nagumo and Noda 1967). */
static void linear_learn(double *w, const double *x, int n, double y, double step)
{
	double e = y - linear_says(w, x, n), norm = 1;

	for (int i = 0; i < n; i++)
		norm += x[i] * x[i];
	for (int i = 0; i < n; i++)
		w[i] += step * e / norm * x[i];
}

static void learn(struct lc_forecaster *f, double n, double y)
{
	const struct lc_forecast_step *s = at(f, n);

	for (int m = 0; m < FORECAST_LINEAR; m++)
		linear_learn(f->linear[m], s->features, features_of(m), y,
			     m == 2 ? STEP * SLOW : STEP);
	gru_learn(f, n, y);
}

static double mean_of(const double *x)
{
	double sum = 0;

	for (int m = 0; m < FORECAST_MEMBERS; m++)
		sum += x[m];
	return sum / FORECAST_MEMBERS;
}

/* Standard deviation of the members. */
static double spread_of(const double *x)
{
	double mean = mean_of(x), sum = 0;

	for (int m = 0; m < FORECAST_MEMBERS; m++)
		sum += (x[m] - mean) * (x[m] - mean);
	return sqrt(sum / FORECAST_MEMBERS);
}

/* What was forecast AHEAD steps before this one, the nth, against what came. */
static void judge(struct lc_forecaster *f, int learns)
{
	const struct lc_forecast_step *then = at(f, f->n - AHEAD);
	double mean = 0, y, e, gain = fmax(1 / MEMORY, 1 / (f->n - AHEAD + 8));

	for (int i = 0; i < AHEAD; i++)
		mean += at(f, f->n - i)->loss / AHEAD;
	y = clamp((mean - then->base) / then->spread, -2 * CLIP, 2 * CLIP);
	e = y - mean_of(then->forecast);
	f->surprise = NAN;
	if (isnan(e) || f->n - AHEAD < f->judged_from)
		return;
	f->surprise = f->n < YOUNG ? NAN : e / f->error;
	if (!learns)
		return;
	f->error += gain * (fmin(fabs(e), 3 * f->error) - f->error);
	f->error = fmax(f->error, LEAST_ERROR);
	learn(f, f->n - AHEAD, y);
}

static void see(struct lc_forecaster *f, struct lc_forecast_step *s,
		const struct lc_forecast_seen *seen)
{
	double *to = s->features;

	s->x[0] = isnan(seen->loss_z) ? 0 : clamp(seen->loss_z, -CLIP, CLIP);
	s->x[1] = isnan(seen->grad_z) ? 0 : clamp(seen->grad_z, -CLIP, CLIP);
	s->loss = seen->loss;
	if (fabs(seen->loss_z) > CLIP)
		s->loss = seen->level + s->x[0] * seen->spread;
	s->base = seen->level + (AHEAD + 1) / 2. * seen->slope;
	s->spread = seen->spread;
	memcpy(s->units, f->units, sizeof(s->units));
	for (int c = 0; c < 2; c++)
		for (int k = 0; k < FORECAST_SCALES; k++) {
			double gain = 2. / ((1 << 2 * k) + 1), *m = &f->means[c][k];

			*m += gain * (s->x[c] - *m);
			*to++ = *m;
			if (c == 0 && k == FORECAST_SCALES - 1)
				*to++ = 1;
		}
}

static void forecast(struct lc_forecaster *f, struct lc_forecast_step *s, int learns)
{
	double gain = fmax(1 / MEMORY, 1 / (f->n + 8)), spread;
	struct passed p;

	for (int m = 0; m < FORECAST_LINEAR; m++)
		s->forecast[m] = linear_says(f->linear[m], s->features, features_of(m));
	gru_step(f, s->x, f->units, &p);
	s->forecast[FORECAST_LINEAR] = gru_says(f, f->units);
	spread = spread_of(s->forecast);
	f->disagreement = f->n < YOUNG ? NAN : log(fmax(spread, LEAST_SPREAD) / f->spread);
	if (learns)
		f->spread += gain * (fmin(spread, 3 * f->spread) - f->spread);
	f->spread = fmax(f->spread, LEAST_SPREAD);
}

void lc_forecaster_take(struct lc_forecaster *f, const struct lc_forecast_seen *seen, int learns)
{
	struct lc_forecast_step *s;

	if (f->n == 0)
		begin(f);
	s = at(f, f->n);
	see(f, s, seen);
	if (f->n >= AHEAD)
		judge(f, learns);
	forecast(f, s, learns);
	f->n++;
}

void lc_forecaster_settle(struct lc_forecaster *f)
{
	f->judged_from = f->n;
	f->surprise = f->disagreement = NAN;
}

/*
 * history: see history.h.
 *
 * Held-out readings of one run scatter about its trend by the luck of its latest batches, as those
 * of equal runs scatter about each other: measured, sd .0081 in a trunk and .0074 to .0097 over 13
 * nulls; .016 against .009 where the readings are single ones and the nulls' means over a segment
 * that they share. So it is as large or larger, never the smaller one. Of neighbours that hang
 * together two count as one.
 */
#include "history.h"

#include <math.h>

#include "readings.h"

#define READINGS_MOST 24
#define READINGS_LEAST 8
#define LR_APART 1.25 /* noise goes with the lr */

/* The newest readings before the first state that a future began from, latest first; how many. */
static int newest(const struct evidence *ev, double *step, double *value)
{
	const struct future *run = &ev->run;
	long before = INT32_MAX;
	double lr = NAN;
	int n = 0;

	for (int i = 0; i < ev->n; i++)
		if (!ev->f[i].parent && ev->f[i].from_step < before)
			before = ev->f[i].from_step;
	for (int i = run->n - 1; i >= 0 && n < READINGS_MOST; i--) {
		const struct reading *r = &run->r[i];
		if (r->step > before || isnan(r->val_loss))
			continue;
		before = r->step - 1; /* of a step that was gone again, the newest line */
		if (n == 0)
			lr = r->lr;
		if (!isfinite(r->val_loss) ||
		    (r->lr > 0 && lr > 0 && (r->lr > lr * LR_APART || r->lr < lr / LR_APART)))
			break;
		step[n] = r->step;
		value[n++] = r->val_loss;
	}
	return n;
}

/* Standard deviation about the least squares line. */
static struct lc_noise about_line(const double *x, const double *y, int n)
{
	double mx = 0, my = 0, sxx = 0, sxy = 0, left = 0, d;

	for (int i = 0; i < n; i++) {
		mx += x[i] / n;
		my += y[i] / n;
	}
	for (int i = 0; i < n; i++) {
		sxx += (x[i] - mx) * (x[i] - mx);
		sxy += (x[i] - mx) * (y[i] - my);
	}
	for (int i = 0; i < n; i++) {
		d = y[i] - my - sxy / sxx * (x[i] - mx);
		left += d * d;
	}
	return (struct lc_noise){sqrt(left / (n - 2)), (n - 2) / 2.};
}

void history_pool(const struct evidence *ev, struct rule *rule)
{
	double step[READINGS_MOST], value[READINGS_MOST];
	struct noise nulls = noise_floor(ev, VAL);
	int n = newest(ev, step, value);
	struct lc_noise h;

	if (n < READINGS_LEAST || nulls.nulls < 2 || nulls.diverged || nulls.identical)
		return;
	h = about_line(step, value, n);
	if (!(h.sd > 0))
		return;
	if (nulls.ret.df + rule->ret.df < HISTORY_ENOUGH)
		rule->ret = lc_noise_join(rule->ret, h);
	if (nulls.cool.df + rule->cool.df < HISTORY_ENOUGH && nulls.cool.df > 0)
		rule->cool = lc_noise_join(rule->cool, h);
}

/* hazardfit: see hazardfit.h. */
#include "hazardfit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "skill.h"
#include "stat.h"

enum { RECENT = 20 };
#define INIT_DOUBT .4 /* it is from 90 forks: about their standard errors */

static double loss_of(const struct lc_row *r)
{
	return isnan(r->loss) ? r->val_loss : r->loss;
}

/* What the trunk was like when a branch left it. */
struct left {
	double base, lr; /* recent loss; highest lr it had while its loss was finite */
	int damaged, broken;
};

static void look_back(const struct lc_past *p, long from, struct left *l)
{
	const struct lc_series *s = &p->series[0];
	double y[RECENT];
	size_t n = 0;

	*l = (struct left){.damaged = p->onset >= 0 && from >= p->onset};
	for (long i = s->n - 1; i >= 0; i--) {
		const struct lc_row *r = &s->row[i];
		if (r->step > from)
			continue;
		l->broken |= l->damaged && r->step >= p->onset && isinf(loss_of(r));
		if (!isfinite(loss_of(r)))
			continue;
		if (n < RECENT)
			y[n++] = loss_of(r);
		if (p->onset < 0 || r->step < p->onset)
			l->lr = fmax(l->lr, isfinite(r->lr) ? r->lr : 0);
	}
	l->base = lc_median(y, n);
}

/* The branch's losses after the fork, and into over its highest lr of each interval. */
static int look_ahead(const struct lc_series *s, long from, double *at, double *y, double *over)
{
	double last = 0;
	int n = 0;

	for (long i = 0; i < s->n; i++) {
		double t = (double)(s->row[i].step - from), loss = loss_of(&s->row[i]);
		int k = lc_hazard_interval(t);
		if (t < 1)
			continue;
		if (isfinite(s->row[i].lr))
			last = over[k] = fmax(over[k], s->row[i].lr);
		if (isnan(loss)) /* not said; what was lost is infinite (lawdata.h) */
			continue;
		at[n] = t;
		y[n++] = isfinite(loss) ? loss : NAN;
	}
	for (int k = 0; k < LC_HAZARD_INTERVALS; k++)
		over[k] = over[k] > 0 ? over[k] : last;
	return n;
}

int lc_hazard_fork(const struct lc_past *p, int series, int run, struct lc_hazard_fork *f)
{
	const struct lc_series *s = &p->series[series];
	long from = lc_series_from(s);
	double *at = lc_xalloc((size_t)s->n + 1, sizeof(*at)), *y, last;
	struct left l;
	int n;

	y = lc_xalloc((size_t)s->n + 1, sizeof(*y));
	memset(f, 0, sizeof(*f));
	look_back(p, from, &l);
	n = look_ahead(s, from, at, y, f->over);
	if (n && isfinite(l.base) && l.lr > 0 && f->over[0] > 0) {
		f->run = run;
		f->damaged = l.damaged;
		f->broken = l.broken;
		f->n = lc_hazard_rows(at, y, n, l.base, 1, l.damaged, l.broken, f->row);
		f->diverged = f->row[f->n - 1].event;
		last = at[n - 1];
		f->seen = lc_hazard_interval(last) + 1;
		for (int k = 0; k < LC_HAZARD_INTERVALS; k++)
			f->over[k] /= l.lr;
		for (int k = 0; k < f->n; k++)
			lc_hazard_x(f->over[k], k, l.damaged, l.broken, f->row[k].x);
	}
	free(at);
	free(y);
	return f->n > 0;
}

/* From all forks but those of one run (-1: all). */
static void fit_without(const struct lc_hazard_fork *f, int n, int run, struct lc_hazard *h)
{
	struct lc_hazard_row *row = lc_xalloc((size_t)n * LC_HAZARD_INTERVALS + 1, sizeof(*row));
	size_t rows = 0;

	for (int i = 0; i < n; i++)
		for (int k = 0; k < f[i].n && f[i].run != run; k++)
			row[rows++] = f[i].row[k];
	lc_hazard_init(h);
	lc_hazard_fit(h, INIT_DOUBT, row, rows);
	free(row);
}

void lc_hazard_learn(const struct lc_hazard_fork *f, int n, struct lc_hazard_fitted *out)
{
	double *risk = lc_xalloc((size_t)n + 1, sizeof(*risk)), sq = 0;
	char *is = lc_xalloc((size_t)n + 1, 1);
	struct lc_hazard h;
	int runs = 0, last = -1;

	*out = (struct lc_hazard_fitted){.forks = n, .auroc = NAN, .brier = NAN};
	for (int i = 0; i < n; i++) {
		if (f[i].run != last) {
			fit_without(f, n, f[i].run, &h);
			runs++;
		}
		last = f[i].run;
		risk[i] = lc_hazard_risk(&h, f[i].over, f[i].seen, f[i].damaged, f[i].broken);
		is[i] = (char)f[i].diverged;
		out->diverged += f[i].diverged;
		sq += pow(risk[i] - f[i].diverged, 2);
	}
	fit_without(f, n, -1, &out->h);
	if (runs > 1) {
		out->auroc = lc_skill_auroc(risk, is, n);
		out->brier = sq / n;
	}
	free(risk);
	free(is);
}

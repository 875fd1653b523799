/* lawcalib: see lawcalib.h. */
#include "lawcalib.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "held.h"
#include "io.h"
#include "stat.h"

#define Z90 1.6448536269514722
#define SEEN .95 /* an lr below this of the lowest seen has not been seen */

#define MORE 2. /* runs that a bucket's belief of itself counts as */

enum { MOST_BRANCHES = 12, MOST_OWN = 8, FEWEST = 3, LEAST_PAST = 8 };

static int bucket_of(double ahead)
{
	return ahead < .03 ? 0 : ahead < .1 ? 1 : ahead < .3 ? 2 : 3;
}

double lc_law_width(const struct lc_law *law, int unseen, double ahead)
{
	return law->width[unseen][bucket_of(ahead / fmax(1, law->last - law->first))];
}

int lc_law_unseen(const struct lc_law *law, double lr)
{
	return lr < SEEN * law->lr_lo || lr * SEEN > law->lr_hi;
}

int lc_calib_cell(const struct lc_law *law, double lr, double ahead)
{
	return lc_law_unseen(law, lr) * LC_BUCKETS +
	       bucket_of(ahead / fmax(1, law->last - law->first));
}

void lc_calib_take(struct lc_law *law, const struct lc_law_model *model, double doubt)
{
	law->calib = law->lr_lo < .7 * law->lr_hi ? LC_CALIB_OWN
		     : doubt <= LC_NEAR		  ? LC_CALIB_NEAR
						  : LC_CALIB_FAR;
	for (int u = 0; u < 2; u++)
		for (int b = 0; b < LC_BUCKETS; b++) {
			double w = model ? model->calib[law->calib][u][b] : 1;
			law->width[u][b] = w > 0 ? w : 1;
		}
}

/* |z| of one bucket, with the run it came from. */
struct bag {
	int n, cap;
	struct score {
		double z;
		int run;
	} * s;
	int *count, have;	  /* by run, and how many have any; bag_count() */
	const struct bag *parent; /* what is believed besides; NULL: the law */
};

static void bag_add(struct bag *b, double z, int run)
{
	if (b->n == b->cap) {
		b->cap = b->cap ? 2 * b->cap : 64;
		b->s = lc_xrealloc(b->s, (size_t)b->cap, sizeof(*b->s));
	}
	b->s[b->n++] = (struct score){z, run};
}

static void bag_count(struct bag *b, int runs)
{
	b->count = lc_xalloc((size_t)runs + 1, sizeof(*b->count));
	b->have = 0;
	for (int i = 0; i < b->n; i++)
		b->have += b->count[b->s[i].run]++ == 0;
}

static void bag_release(struct bag *b)
{
	free(b->s);
	free(b->count);
}

/* P(|z| <= z): each run counts once, what the parent believes as MORE runs. */
static double below(const struct bag *b, double z)
{
	double sum;

	if (!b)
		return 2 * lc_normal_cdf(z) - 1;
	sum = MORE * below(b->parent, z);
	for (int i = 0; i < b->n; i++)
		sum += b->s[i].z <= z ? 1. / b->count[b->s[i].run] : 0;
	return sum / (b->have + MORE);
}

/* The 90 % quantile over that of a normal. */
static double width_of(const struct bag *b)
{
	double lo = 0, hi = 100;

	for (int k = 0; k < 40; k++) {
		double z = (lo + hi) / 2;
		*(below(b, z) >= .9 ? &hi : &lo) = z;
	}
	return hi / Z90;
}

/*
 * A series forecast under a law of its past: z[i] in units of the sd, seen[i] whether its lr was
 * not. Returns how many.
 */
struct scored {
	int n, bucket[LC_POINTS], unseen[LC_POINTS];
	double z[LC_POINTS];
};

static void score(const struct lc_law *law, const struct lc_past *past, int series, double from,
		  double until, struct scored *out)
{
	double span = fmax(1, law->last - law->first);
	struct lc_held h;

	lc_held_roll(&h, law, past, series, from, until, LC_POINTS);
	out->n = h.n;
	for (int i = 0; i < h.n; i++) {
		out->unseen[i] = lc_law_unseen(law, lc_lrpath_at(&h.path, h.at[i]));
		out->bucket[i] = bucket_of((h.at[i] - from) / span);
		out->z[i] = fabs(h.y[i] - h.mean[i]) / h.sd[i];
	}
	lc_held_release(&h);
}

static void learn_branch(const struct lc_law_model *model, const struct lc_pupil *run, int series,
			 int kind, int r, struct bag (*bags)[2][LC_BUCKETS])
{
	long from = lc_series_from(&run->past->series[series]);
	struct lc_law_model rest = {0};
	struct scored got = {0};
	struct lc_past known;
	struct lc_law law;

	lc_held_known(run->past, series, from, kind == LC_CALIB_OWN ? LC_HELD_ENDED : LC_HELD_NONE,
		      &known);
	if (kind != LC_CALIB_OWN || known.n > 1) {
		lc_held_without(model, run->name, kind == LC_CALIB_FAR, &rest);
		if (lc_law_fit_once(&law, &known, 0, rest.n ? &rest : NULL, NULL) == 0) {
			if (law.eta_ref > 0)
				score(&law, run->past, series, (double)from, INFINITY, &got);
			lc_law_release(&law);
		}
	}
	for (int i = 0; i < got.n; i++)
		bag_add(&bags[kind][got.unseen[i]][got.bucket[i]], got.z[i], r);
	lc_model_release(&rest);
	lc_held_known_release(&known);
}

static void bag_pour(struct bag *to, const struct bag *from)
{
	for (int i = 0; i < from->n; i++)
		bag_add(to, from->s[i].z, from->s[i].run);
}

/* The widths of one kind: a bucket believes in all of its lr's, these in all of the kind's. */
static void widths_of(struct bag (*bags)[LC_BUCKETS], int runs, double (*width)[LC_BUCKETS])
{
	struct bag all = {0}, lr[2] = {{.parent = &all}, {.parent = &all}};

	for (int u = 0; u < 2; u++)
		for (int b = 0; b < LC_BUCKETS; b++) {
			bag_pour(&lr[u], &bags[u][b]);
			bag_pour(&all, &bags[u][b]);
		}
	bag_count(&all, runs);
	for (int u = 0; u < 2; u++) {
		bag_count(&lr[u], runs);
		for (int b = 0; b < LC_BUCKETS; b++) {
			bags[u][b].parent = &lr[u];
			bag_count(&bags[u][b], runs);
			width[u][b] = width_of(&bags[u][b]);
			bag_release(&bags[u][b]);
		}
		bag_release(&lr[u]);
	}
	bag_release(&all);
}

void lc_calib_fit(struct lc_law_model *model, const struct lc_pupil *run, int n)
{
	struct bag bags[LC_CALIBS][2][LC_BUCKETS] = {0};

	for (int r = 0; r < n; r++) {
		int all = run[r].past->n - 1, stride = (all + MOST_BRANCHES - 1) / MOST_BRANCHES;
		for (int s = 1; s <= all; s += stride)
			for (int kind = 0; kind < LC_CALIBS; kind++)
				if (run[r].past->series[s].parent == 0)
					learn_branch(model, &run[r], s, kind, r, bags);
	}
	for (int k = 0; k < LC_CALIBS; k++)
		widths_of(bags[k], n, model->calib[k]);
}

/* One earlier forecast of the run itself, by what was known then. */
struct own {
	const struct lc_past *past;
	double total;
	const struct lc_law_model *model;
	struct bag bags[2]; /* lr seen or not: |z| over the width it was given */
	int n;
};

static void own_forecast(struct own *o, int series, long from, long until)
{
	struct scored got = {0};
	struct lc_past known;
	struct lc_law law;
	int in[2] = {0};

	lc_held_known(o->past, series, from, series ? LC_HELD_SIBLINGS : LC_HELD_ENDED, &known);
	if (known.series[0].n >= LEAST_PAST &&
	    lc_law_fit_once(&law, &known, o->total, o->model, NULL) == 0) {
		if (law.eta_ref > 0)
			score(&law, o->past, series, (double)from, (double)until, &got);
		for (int i = 0; i < got.n; i++) {
			got.z[i] /= law.width[got.unseen[i]][got.bucket[i]];
			in[got.unseen[i]]++;
		}
		lc_law_release(&law);
	}
	for (int i = 0; i < got.n; i++)
		if (in[got.unseen[i]] >= FEWEST)
			bag_add(&o->bags[got.unseen[i]], got.z[i], o->n);
	o->n++;
	lc_held_known_release(&known);
}

void lc_calib_adapt(struct lc_law *law, const struct lc_past *past, double total,
		    const struct lc_law_model *model)
{
	static const double origin[] = {.5, .65, .8};
	struct own o = {.past = past, .total = total, .model = model};
	long clean = lc_past_clean(past);

	if (!(law->eta_ref > 0))
		return;
	for (size_t i = 0; i < sizeof(origin) / sizeof(*origin); i++)
		own_forecast(&o, 0, (long)(origin[i] * law->last),
			     clean < (long)law->last ? clean : (long)law->last);
	for (int s = past->n - 1; s > 0 && o.n < MOST_OWN; s--)
		if (past->series[s].parent == 0 && lc_series_from(&past->series[s]) <= clean)
			own_forecast(&o, s, lc_series_from(&past->series[s]), LONG_MAX);
	for (int u = 0; u < 2; u++) {
		double factor;
		bag_count(&o.bags[u], o.n);
		factor = width_of(&o.bags[u]);
		for (int b = 0; b < LC_BUCKETS; b++)
			law->width[u][b] *= o.bags[u].n ? factor : 1;
		bag_release(&o.bags[u]);
	}
}

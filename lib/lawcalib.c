/* lawcalib: see lawcalib.h. */
#include "lawcalib.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "stat.h"

#define PIECE_TOL .05
#define Z90 1.6448536269514722
#define SEEN .95 /* an lr below this of the lowest seen has not been seen */

enum { MOST_BRANCHES = 12 };

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
};

static void bag_add(struct bag *b, double z, int run)
{
	if (b->n == b->cap) {
		b->cap = b->cap ? 2 * b->cap : 64;
		b->s = lc_xrealloc(b->s, (size_t)b->cap, sizeof(*b->s));
	}
	b->s[b->n++] = (struct score){z, run};
}

/*
 * The 90 % quantile, each run counting once and one run more as the law believes its errors to be,
 * over that of a normal: few runs move it little.
 */
static double width_of(const struct bag *b, int runs)
{
	int *count = lc_xalloc((size_t)runs + 1, sizeof(*count)), have = 0;
	double lo = 0, hi = 100;

	for (int i = 0; i < b->n; i++)
		have += count[b->s[i].run]++ == 0;
	for (int k = 0; k < 40; k++) {
		double z = (lo + hi) / 2, below = 2 * lc_normal_cdf(z) - 1;
		for (int i = 0; i < b->n; i++)
			below += b->s[i].z <= z ? 1. / count[b->s[i].run] : 0;
		*(below >= .9 * (have + 1) ? &hi : &lo) = z;
	}
	free(count);
	return hi / Z90;
}

/* A branch's own values: at most LC_POINTS of them, evenly. */
struct values {
	int n;
	double at[LC_POINTS], y[LC_POINTS];
};

static void values_of(const struct lc_law *law, const struct lc_series *s, double from,
		      struct values *v)
{
	long n = 0, k = 0;

	for (int pass = 0; pass < 2; pass++) {
		long stride = pass ? (n + LC_POINTS - 1) / LC_POINTS : 1;
		for (long i = 0; i < s->n; i++) {
			double y = law->metric == LC_VAL_LOSS ? s->row[i].val_loss : s->row[i].loss;
			if (!isfinite(y) || (double)s->row[i].step < from + 1)
				continue;
			n += !pass;
			if (!pass || k++ % stride || v->n == LC_POINTS)
				continue;
			v->at[v->n] = (double)s->row[i].step - from;
			v->y[v->n++] = y;
		}
	}
}

/* The lr ahead as control points after the fork, in eta_ref. */
static void knots_of(const struct lc_law *law, const struct lc_lrpath *path, double from,
		     struct lc_lrpath *ahead)
{
	lc_lrpath_add(ahead, 1, lc_lrpath_at(path, from + 1) / law->eta_ref);
	for (int i = 0; i < path->n; i++)
		if (path->at[i] > from + 1)
			lc_lrpath_add(ahead, path->at[i] - from, path->lr[i] / law->eta_ref);
}

/* A branch forecast under a law of its past; scores into bags by (unseen, bucket). */
static void score(const struct lc_law *law, const struct lc_past *past, int series, int run,
		  struct bag (*bags)[LC_BUCKETS])
{
	double from = (double)lc_series_from(&past->series[series]), mean[LC_POINTS], sd[LC_POINTS];
	struct lc_lrpath path, ahead;
	struct values v = {.n = 0};
	struct lc_modes m;

	lc_lrpath_init(&path);
	lc_lrpath_init(&ahead);
	lc_past_lrpath(past, series, -1, &path);
	knots_of(law, &path, from, &ahead);
	values_of(law, &past->series[series], from, &v);
	lc_law_modes(law, 0, from, &m);
	struct lc_rollout_branch br = {.start = &m,
				       .from = from,
				       .scale = 1,
				       .npoint = ahead.n,
				       .nout = v.n,
				       .at = ahead.at,
				       .eta = ahead.lr,
				       .out = v.at,
				       .mean = mean,
				       .sd = sd};
	if (v.n && isfinite(ahead.lr[0]))
		lc_rollout_cpu(&law->basis, &law->post, PIECE_TOL, &br, 1, NULL);
	for (int i = 0; i < v.n && isfinite(ahead.lr[0]); i++) {
		int unseen = lc_law_unseen(law, lc_lrpath_at(&ahead, v.at[i]));
		int b = bucket_of(v.at[i] / fmax(1, law->last - law->first));
		bag_add(&bags[unseen][b], fabs(v.y[i] - mean[i]) / hypot(sd[i], law->noise), run);
	}
	lc_lrpath_release(&path);
	lc_lrpath_release(&ahead);
}

/* What was known at a fork: the trunk up to it, and with `earlier` the branches that had ended. */
static void known_at(const struct lc_past *past, long from, int earlier, struct lc_past *out)
{
	out->setup = past->setup;
	for (int i = 0; i < past->n; i++) {
		const struct lc_series *s = &past->series[i];
		struct lc_series *t;
		long n = 0;
		if (i && (!earlier || s->parent != 0 || !s->n || s->row[s->n - 1].step > from))
			continue;
		while (n < s->n && s->row[n].step <= from)
			n++;
		if (i) {
			out->series = lc_xrealloc(out->series, (size_t)out->n + 1, sizeof(*t));
			out->n++;
		}
		t = &out->series[out->n - 1];
		*t = *s; /* rows are borrowed */
		t->n = n;
	}
}

/* The model without a run: without its name, or (far) without all of its lr. */
static void without(const struct lc_law_model *m, const struct lc_pupil *run, int far,
		    struct lc_law_model *out)
{
	double lr = NAN;

	for (int i = 0; i < m->n; i++)
		if (strcmp(m->member[i].name, run->name) == 0)
			lr = m->member[i].run.x[0];
	out->member = lc_xalloc((size_t)m->n + 1, sizeof(*out->member));
	for (int i = 0; i < m->n; i++)
		if (far ? !(fabs(m->member[i].run.x[0] - lr) < .05)
			: strcmp(m->member[i].name, run->name) != 0)
			out->member[out->n++] = m->member[i];
}

static void learn_branch(const struct lc_law_model *model, const struct lc_pupil *run, int series,
			 int kind, int r, struct bag (*bags)[2][LC_BUCKETS])
{
	long from = lc_series_from(&run->past->series[series]);
	struct lc_law_model rest = {0};
	struct lc_past known;
	struct lc_law law;

	lc_past_init(&known);
	known_at(run->past, from, kind == LC_CALIB_OWN, &known);
	if (kind != LC_CALIB_OWN || known.n > 1) {
		without(model, run, kind == LC_CALIB_FAR, &rest);
		if (lc_law_fit_model(&law, &known, 0, rest.n ? &rest : NULL, NULL) == 0) {
			if (law.eta_ref > 0)
				score(&law, run->past, series, r, bags[kind]);
			lc_law_release(&law);
		}
	}
	lc_model_release(&rest);
	for (int i = 0; i < known.n; i++)
		known.series[i].row = NULL;
	lc_past_release(&known);
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
		for (int u = 0; u < 2; u++)
			for (int b = 0; b < LC_BUCKETS; b++) {
				model->calib[k][u][b] = width_of(&bags[k][u][b], n);
				free(bags[k][u][b].s);
			}
}

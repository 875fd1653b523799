/* lawcalib: see lawcalib.h. */
#include "lawcalib.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "stat.h"

#define Z90 1.6448536269514722
#define SEEN .95 /* an lr below this of the lowest seen has not been seen */

#define MORE 2. /* runs that a bucket's belief of itself counts as */

enum { FEWEST = 3 };

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
	law->calib = lc_law_own(law)	? LC_CALIB_OWN
		     : doubt <= LC_NEAR ? LC_CALIB_NEAR
					: LC_CALIB_FAR;
	for (int u = 0; u < 2; u++)
		for (int b = 0; b < LC_BUCKETS; b++) {
			double w = model ? model->calib[law->calib][u][b] : 1;
			/* others were too careful of each other: of this run that says nothing */
			if (!(w > 0) || law->calib == LC_CALIB_FAR)
				w = fmax(w, 1);
			law->width[u][b] = w;
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

struct lc_calib_book {
	struct bag bags[LC_CALIBS][2][LC_BUCKETS]; /* kind of law; lr seen or not; how far */
};

struct lc_calib_book *lc_calib_open(void)
{
	return lc_xalloc(1, sizeof(struct lc_calib_book));
}

void lc_calib_close(struct lc_calib_book *b)
{
	for (int i = 0; i < LC_CALIBS * 2 * LC_BUCKETS; i++)
		free((&b->bags[0][0][0])[i].s);
	free(b);
}

void lc_calib_hear(struct lc_calib_book *b, const struct lc_held_fold *fold)
{
	const struct lc_law *law = fold->law;
	double span = fmax(1, law->last - law->first);
	struct lc_held h;
	int of[LC_POINTS], in[2] = {0};

	lc_held_roll(&h, law, fold->past, fold->series, fold->from, fold->until, LC_POINTS);
	for (int i = 0; i < h.n; i++) {
		of[i] = lc_law_unseen(law, lc_lrpath_at(&h.path, h.at[i]));
		in[of[i]]++;
	}
	for (int i = 0; i < h.n; i++) {
		int far = bucket_of((h.at[i] - fold->from) / span);
		double z = fabs(h.y[i] - h.mean[i]) / h.sd[i] / law->width[of[i]][far];
		if (!fold->own || in[of[i]] >= FEWEST)
			bag_add(&b->bags[fold->kind][of[i]][far], z, fold->group);
	}
	lc_held_release(&h);
}

static void bag_pour(struct bag *to, const struct bag *from)
{
	for (int i = 0; i < from->n; i++)
		bag_add(to, from->s[i].z, from->s[i].run);
}

/* The widths of one kind: a bucket believes in all of its lr's, these in all of the kind's. */
static void widths_of(const struct bag (*bags)[LC_BUCKETS], int runs, double (*width)[LC_BUCKETS])
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
			struct bag one = bags[u][b];
			one.parent = &lr[u];
			bag_count(&one, runs);
			width[u][b] = width_of(&one);
			free(one.count);
		}
		bag_release(&lr[u]);
	}
	bag_release(&all);
}

void lc_calib_fit(struct lc_law_model *model, const struct lc_calib_book *b, int groups)
{
	for (int k = 0; k < LC_CALIBS; k++)
		widths_of(b->bags[k], groups, model->calib[k]);
}

void lc_calib_adapt(struct lc_law *law, const struct lc_calib_book *b, int groups)
{
	for (int u = 0; u < 2; u++) {
		struct bag all = {0};
		double factor;
		for (int i = 0; i < LC_CALIBS * LC_BUCKETS; i++)
			bag_pour(&all, &b->bags[i / LC_BUCKETS][u][i % LC_BUCKETS]);
		bag_count(&all, groups);
		factor = all.n ? width_of(&all) : 1;
		for (int i = 0; i < LC_BUCKETS; i++)
			law->width[u][i] *= factor;
		bag_release(&all);
	}
}

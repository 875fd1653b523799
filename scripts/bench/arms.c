/*
 * arms: lc_law_arms on forks whose ends are known. A fork is a trunk, a data order and a horizon of
 * 100, 200 or 400 steps: six arms, each with its cooldown and its return. A line a trunk, and one
 * for all: Kendall's tau with the true order; regret of the lowest mean, of acting at P(better) of
 * .95 and .80 (the lowest mean among those, else the control), and of the control; how often acting
 * was worse than the control; of the differences to the control the rmse, how many lay in their 90
 * % intervals, rms z, and the slope of truth over forecast.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "law_arms.h"

enum { ARMS = 6, FORK = 2000, TOTAL = 4000 };

static const char *const scale[ARMS] = {"1", "0.1", "0.3", "0.6", "1.5", "2.5"};
static int verbose;

struct sums {
	int forks, n, inside, worse95, worse80;
	double tau, top, act95, act80, stay, sq, z2, xy, xx, chi2;
};

/* Append the file's rows up to `to` as a series; what comes after is its lr ahead. -1: no file. */
static int add_series(struct lc_past *p, const char *file, int parent, long from, long to,
		      long order, struct lc_lrpath *ahead, double *last)
{
	struct lc_past one;
	struct lc_series *s, *t;

	lc_past_init(&one);
	if (lc_past_read(&one, file, NULL, NULL) < 0)
		return lc_past_release(&one), -1;
	p->series = lc_xrealloc(p->series, (size_t)p->n + 1, sizeof(*p->series));
	s = &p->series[p->n];
	t = &one.series[one.n - 1];
	*s = *t;
	t->row = NULL;
	snprintf(s->name, sizeof(s->name), "k%d", p->n);
	s->parent = parent;
	s->from = from;
	s->order = order;
	if (last)
		*last = s->n ? s->row[s->n - 1].val_loss : NAN;
	for (long i = 0; ahead && i < s->n; i++)
		if (s->row[i].step > to)
			lc_lrpath_add(ahead, (double)s->row[i].step, s->row[i].lr);
	while (s->n && s->row[s->n - 1].step > to)
		s->n--;
	lc_past_release(&one);
	return p->n++;
}

static int read_file(struct lc_past *p, const char *dir, const char *trunk, const char *tail,
		     int parent, long from, long to, long order, struct lc_lrpath *ahead,
		     double *last)
{
	char *file = lc_path("%s/%s/%s.jsonl", dir, trunk, tail);
	int k = add_series(p, file, parent, from, to, order, ahead, last);

	free(file);
	return k;
}

/* -1: the fork is not there, or not all of it. */
static int read_fork(const char *dir, const char *trunk, long order, int h, struct lc_past *p,
		     struct lc_arm *arm, struct lc_lrpath *ahead, double *truth)
{
	static const char *const segment[2] = {"return", "cool"};
	char *file = lc_path("%s/%s/trunk.jsonl", dir, trunk), name[64];
	int ok = lc_past_read(p, file, NULL, NULL) == 0;

	free(file);
	for (int i = 0; i < ARMS && ok; i++) {
		int k;
		snprintf(name, sizeof(name), "o%ld-x%s", order, scale[i]);
		k = read_file(p, dir, trunk, name, 0, FORK, FORK + h, order, &ahead[i], &truth[i]);
		arm[i] = (struct lc_arm){k, FORK, &ahead[i]};
		ok = k >= 0 && isfinite(truth[i]);
		for (int s = 0; s < 2 && ok; s++) {
			snprintf(name, sizeof(name), "o%ld-x%s.%d.%s", order, scale[i], h,
				 segment[s]);
			ok = read_file(p, dir, trunk, name, k, FORK + h, TOTAL, order, NULL,
				       NULL) >= 0;
		}
	}
	return ok ? 0 : -1;
}

static int choose(const struct lc_arms *a, double level)
{
	int best = 0;

	for (int i = 1; i < ARMS; i++)
		if (a->better[i] >= level && a->mean[i] < a->mean[best])
			best = i;
	return best;
}

static void score(const struct lc_arms *a, const double *truth, struct sums *s)
{
	int best = 0, conc = 0, p95 = choose(a, .95), p80 = choose(a, .8);

	for (int i = 0; i < ARMS; i++) {
		double d = truth[i] - truth[0], e = a->mean[i] - d;
		best = truth[i] < truth[best] ? i : best;
		for (int j = 0; j < i; j++)
			conc += (truth[i] - truth[j]) * (a->mean[i] - a->mean[j]) > 0 ? 1 : -1;
		if (i == 0)
			continue;
		s->n++;
		s->sq += e * e;
		s->z2 += e * e / (a->sd[i] * a->sd[i]);
		s->inside += fabs(e) <= 1.645 * a->sd[i];
		s->xy += d * a->mean[i];
		s->xx += a->mean[i] * a->mean[i];
		if (verbose)
			printf("  x%s %+.4f (%.4f) true %+.4f P %.2f;", scale[i], a->mean[i],
			       a->sd[i], d, a->better[i]);
	}
	s->forks++;
	s->tau += conc / (ARMS * (ARMS - 1) / 2.);
	s->top += truth[choose(a, 0)] - truth[best];
	s->act95 += truth[p95] - truth[best];
	s->act80 += truth[p80] - truth[best];
	s->stay += truth[0] - truth[best];
	s->worse95 += truth[p95] > truth[0];
	s->worse80 += truth[p80] > truth[0];
	s->chi2 += a->chi2;
}

static void one_fork(const char *dir, const char *trunk, long order, int h, struct sums *s,
		     struct sums *all)
{
	struct lc_lrpath ahead[ARMS] = {{0}};
	struct lc_arm arm[ARMS];
	struct lc_arms out;
	struct lc_past p;
	struct lc_err err;
	double truth[ARMS];
	int quiet = verbose;

	lc_past_init(&p);
	if (read_fork(dir, trunk, order, h, &p, arm, ahead, truth) == 0) {
		if (lc_law_arms(&p, arm, ARMS, TOTAL, &out, &err) < 0)
			lc_die(&err);
		if (verbose)
			printf("%s order %ld H %d chi2 %.2f:", trunk, order, h, out.chi2);
		score(&out, truth, s);
		if (verbose)
			putchar('\n');
		verbose = 0;
		score(&out, truth, all);
		verbose = quiet;
		lc_arms_release(&out);
	}
	for (int i = 0; i < ARMS; i++)
		lc_lrpath_release(&ahead[i]);
	lc_past_release(&p);
}

static void print(const char *name, const struct sums *s)
{
	double k = s->forks;

	if (s->forks == 0) {
		printf("%-6s no whole fork\n", name);
		return;
	}
	printf("%-6s %d forks: chi2 %.2f tau %.2f regret top %.4f P95 %.4f P80 %.4f control %.4f, "
	       "worse %d %d | rmse %.4f cover %.3f z %.2f slope %.2f\n",
	       name, s->forks, s->chi2 / k, s->tau / k, s->top / k, s->act95 / k, s->act80 / k,
	       s->stay / k, s->worse95, s->worse80, sqrt(s->sq / s->n), (double)s->inside / s->n,
	       sqrt(s->z2 / s->n), s->xy / s->xx);
}

int main(int argc, char **argv)
{
	static const long orders[] = {0, 11, 12};
	static const int horizons[] = {100, 200, 400};
	struct sums all = {0};

	lc_setup(argv[0]);
	verbose = argc > 1 && strcmp(argv[1], "-v") == 0;
	argv += verbose;
	argc -= verbose;
	if (argc < 3)
		lc_usage("wants a folder and trunks");
	for (int a = 2; a < argc; a++) {
		struct sums s = {0};
		for (int o = 0; o < 3; o++)
			for (int h = 0; h < 3; h++)
				one_fork(argv[1], argv[a], orders[o], horizons[h], &s, &all);
		print(argv[a], &s);
	}
	print("all", &all);
	return 0;
}

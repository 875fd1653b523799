/*
 * hazard: rows from forks of known outcome, leave-one-run-out reliability, and the coefficients.
 *
 *	hazard DIR   with tI.jsonl (trunks) and tI-M.jsonl (their forks at M times the lr), I from 1
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hazard.h"
#include "io.h"
#include "lawdata.h"
#include "stat.h"

enum { RUNS = 64, FORKS = 16, BINS = 5 };

/* What was thought before any fork was run: 1 in 100, and a doubling of the lr e times the odds. */
static const struct lc_hazard guess = {{-4.6, 1, -.5, 2, 9}};

struct fork {
	int run, rows, diverged, intervals;
	double over;
	struct lc_hazard_row row[LC_HAZARD_INTERVALS];
};

static int read_series(const char *dir, int run, const char *fork, struct lc_past *p)
{
	char *path = lc_path("%s/t%d%s.jsonl", dir, run, fork);
	struct lc_err err;
	int ok;

	lc_past_init(p);
	ok = lc_past_read(p, path, NULL, &err) >= 0;
	free(path);
	return ok && p->n > 0;
}

static double base_of(const struct lc_past *p)
{
	const struct lc_series *s = &p->series[0];
	double y[20];
	size_t n = 0;

	for (long i = s->n - 1; i >= 0 && n < 20; i--)
		if (isfinite(s->row[i].loss))
			y[n++] = s->row[i].loss;
	return lc_median(y, n);
}

static void add(const struct lc_past *p, long from, double base, struct fork *f)
{
	const struct lc_series *s = &p->series[p->n - 1];
	double *at = lc_xalloc((size_t)s->n + 1, sizeof(*at));
	double *y = lc_xalloc((size_t)s->n + 1, sizeof(*y));

	for (long i = 0; i < s->n; i++) {
		at[i] = (double)(s->row[i].step - from);
		y[i] = s->row[i].loss;
	}
	f->intervals = s->n ? lc_hazard_interval(at[s->n - 1]) + 1 : 0;
	f->rows = lc_hazard_rows(at, y, (int)s->n, base, f->over, 0, 0, f->row);
	f->diverged = f->rows && f->row[f->rows - 1].event;
	free(at);
	free(y);
}

static int load(const char *dir, struct fork *all)
{
	static const int mult[] = {1, 2, 4, 8, 16, 32, 64, 128, 512};
	int n = 0;

	for (int run = 1; run < RUNS; run++) {
		struct lc_past trunk, branch;
		char name[32];
		long from;
		if (!read_series(dir, run, "", &trunk))
			break;
		from = trunk.series[0].row[trunk.series[0].n - 1].step;
		for (size_t m = 0; m < sizeof(mult) / sizeof(*mult); m++) {
			snprintf(name, sizeof(name), "-%d", mult[m]);
			if (!read_series(dir, run, name, &branch))
				continue;
			all[n].run = run;
			all[n].over = mult[m];
			add(&branch, from, base_of(&trunk), &all[n]);
			n += all[n].rows > 0;
			lc_past_release(&branch);
		}
		lc_past_release(&trunk);
	}
	return n;
}

static void fit_without(const struct fork *all, int n, int run, struct lc_hazard *h)
{
	struct lc_hazard_row *row = lc_xalloc((size_t)n * LC_HAZARD_INTERVALS, sizeof(*row));
	size_t rows = 0;

	for (int i = 0; i < n; i++)
		for (int k = 0; k < all[i].rows && all[i].run != run; k++)
			row[rows++] = all[i].row[k];
	lc_hazard_fit(h, 1, row, rows);
	free(row);
}

/* Probability that a random diverged fork was given more risk than a random whole one. */
static double auroc(const struct fork *all, const double *risk, int n)
{
	double wins = 0, pairs = 0;

	for (int i = 0; i < n; i++)
		for (int j = 0; j < n; j++)
			if (all[i].diverged && !all[j].diverged) {
				wins += risk[i] > risk[j] ? 1 : risk[i] == risk[j] ? .5 : 0;
				pairs++;
			}
	return pairs ? wins / pairs : NAN;
}

static void report(const struct fork *all, const double *risk, int n, const char *what)
{
	double sum[BINS] = {0}, seen[BINS] = {0}, brier = 0, rate = 0;
	int count[BINS] = {0};

	for (int i = 0; i < n; i++)
		rate += (double)all[i].diverged / n;
	for (int i = 0; i < n; i++) {
		int b = (int)fmin(BINS - 1, floor(BINS * risk[i]));
		sum[b] += risk[i];
		seen[b] += all[i].diverged;
		count[b]++;
		brier += (risk[i] - all[i].diverged) * (risk[i] - all[i].diverged) / n;
	}
	printf("%s: %d forks, %.0f diverged; AUROC %.3f, Brier %.3f (skill %.2f)\n", what, n,
	       rate * n, auroc(all, risk, n), brier, 1 - brier / (rate * (1 - rate)));
	for (int b = 0; b < BINS; b++)
		if (count[b])
			printf("\tforecast %.2f, seen %.2f (%d)\n", sum[b] / count[b],
			       seen[b] / count[b], count[b]);
}

int main(int argc, char **argv)
{
	struct fork *all = lc_xalloc((size_t)RUNS * FORKS, sizeof(*all));
	double *risk = lc_xalloc((size_t)RUNS * FORKS, sizeof(*risk)), over[LC_HAZARD_INTERVALS];
	int n = argc > 1 ? load(argv[1], all) : 0;
	struct lc_hazard h;

	for (int pass = 0; pass < 2; pass++) {
		for (int i = 0; i < n; i++) {
			h = guess;
			if (pass)
				fit_without(all, n, all[i].run, &h);
			for (int k = 0; k < all[i].intervals; k++)
				over[k] = all[i].over;
			risk[i] = lc_hazard_risk(&h, over, all[i].intervals, 0, 0);
		}
		if (n)
			report(all, risk, n, pass ? "fitted without its run" : "a guess");
	}
	h = guess;
	fit_without(all, n, -1, &h);
	printf("coefficients, all runs:");
	for (int i = 0; i < LC_HAZARD_X; i++)
		printf(" %.3f", h.beta[i]);
	putchar('\n');
	free(all);
	free(risk);
	return n ? 0 : 1;
}

/*
 * wide: what an lr does, as the wide law of lib/law_arms.h says it, against the modal law.
 *
 *	wide < cases        as lc-proxy backtest's; branches of one "group" are compared
 *
 * Each branch is forecast to its last value: by the modal law; and by the modal law's forecast of
 * the held lr plus the wide law's difference, as it says it and over its stretch.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/lc-proxy/case.h"
#include "io.h"
#include "law_arms.h"
#include "skill.h"

enum { LAW, STRETCHED, WIDE, WAYS, MOST = 512 };
#define STRETCH 1.2 /* of lib/law_arms.c */

static struct said {
	char *group;
	double end[WAYS], truth, noise, effect[WAYS], true_effect;
} said[MOST];
static int nsaid;

static double law_at(const struct lc_law *law, const struct lc_lrpath *path, double from, double at)
{
	double mean, sd;
	struct outcome o = {.n = 1, .at = &at, .from = from, .sd = &sd};

	o.mean[MODEL_LAW] = &mean;
	outcome_roll(law, path, &o);
	return mean;
}

static void take(const struct bt_case *c)
{
	static const struct options none;
	struct lc_lrpath path = {0}, hold = {0};
	struct said *s = &said[nsaid];
	const struct lc_series *own;
	struct lc_past past;
	struct lc_arms arms;
	struct lc_law law;
	struct lc_err err;
	double end = 0, held;

	case_read(&none, c, &past);
	own = &past.series[--past.n];
	if (lc_law_fit_once(&law, &past, 0, NULL, &err) < 0)
		lc_die(&err);
	for (long i = 0; i < own->n; i++) {
		double y = law.metric == LC_VAL_LOSS ? own->row[i].val_loss : own->row[i].loss;
		if (isfinite(y) && own->row[i].step > c->at) {
			end = (double)own->row[i].step;
			s->truth = y;
		}
	}
	past.n++;
	lc_past_lrpath(&past, past.n - 1, -1, &path);
	past.n--;
	lc_past_lrpath(&past, 0, c->at, &hold);
	lc_lrpath_add(&hold, end, lc_lrpath_at(&hold, (double)c->at));
	struct lc_arm arm[2] = {{-1, c->at, &hold}, {-1, c->at, &path}};
	if (lc_law_arms(&past, arm, 2, end, &arms, &err) < 0)
		lc_die(&err);
	held = law_at(&law, &hold, (double)c->at, end);
	s->group = lc_path("%s", c->group);
	s->noise = law.noise;
	s->true_effect = s->truth - held;
	s->effect[LAW] = law_at(&law, &path, (double)c->at, end) - held;
	s->effect[STRETCHED] = arms.mean[1];
	s->effect[WIDE] = arms.mean[1] / STRETCH;
	for (int w = 0; w < WAYS; w++)
		s->end[w] = held + s->effect[w];
	nsaid++;
	lc_arms_release(&arms);
	lc_lrpath_release(&path);
	lc_lrpath_release(&hold);
	lc_law_release(&law);
	past.n++;
	lc_past_release(&past);
}

/* Squares of what errors of one group do not share, and its tau and regret. */
static void rank(int w, int i, char *done, double *sq, int *free_of, double *tau, double *regret)
{
	double f[MOST], t[MOST], gap = 0, mean = 0;
	int n = 0;

	for (int k = i; k < nsaid; k++)
		if (!done[k] && strcmp(said[k].group, said[i].group) == 0) {
			done[k] = 1;
			f[n] = said[k].end[w];
			t[n] = said[k].truth;
			mean += f[n] - t[n];
			n++;
			gap = fmax(gap, said[k].noise);
		}
	mean /= n;
	for (int k = 0; k < n; k++)
		*sq += pow(f[k] - t[k] - mean, 2);
	*free_of += n - 1;
	*tau = n > 1 ? lc_skill_tau(f, t, n, gap) : NAN;
	*regret = n > 1 ? lc_skill_regret(f, t, n) : NAN;
}

static void print(int w)
{
	static const char *const name[] = {"law", "wide, stretched", "wide"};
	double all = 0, sq = 0, xy = 0, xx = 0, tau = 0, regret = 0;
	char done[MOST] = {0};
	int freedom = 0, ntau = 0, nregret = 0;

	for (int i = 0; i < nsaid; i++) {
		double t, r;
		all += pow(said[i].end[w] - said[i].truth, 2) / nsaid;
		xy += said[i].effect[w] * said[i].true_effect;
		xx += said[i].effect[w] * said[i].effect[w];
		if (done[i])
			continue;
		rank(w, i, done, &sq, &freedom, &t, &r);
		tau += isfinite(t) ? t : 0;
		ntau += isfinite(t);
		regret += isfinite(r) ? r : 0;
		nregret += isfinite(r);
	}
	printf("  %-16s last value rms %.5f, of differences %.5f; truth over forecast %.2f; ",
	       name[w], sqrt(all), sqrt(sq / fmax(1, freedom)), xy / xx);
	printf("tau %.2f regret %.5f\n", tau / fmax(1, ntau), regret / fmax(1, nregret));
}

int main(int argc, char **argv)
{
	struct bt_case *all;
	int n;

	(void)argc;
	lc_setup(argv[0]);
	n = cases_load("-", &all);
	for (int i = 0; i < n && i < MOST; i++)
		take(&all[i]);
	cases_release(all, n);
	printf("%d branches\n", nsaid);
	for (int w = 0; w < WAYS && nsaid; w++)
		print(w);
	return 0;
}

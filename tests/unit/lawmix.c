/*
 * lawmix: who is right in a world has the weight there; with nobody better than the law, it has
 * all.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "lawlearn.h"
#include "rng.h"

enum { RUNS = 5 };

/* What the noise of a world drawn from the law is worth at an lr of 1, after update t. */
static double noise_of(const struct lc_modes *m, const struct lc_basis *b)
{
	double h = 0, sum = 0;

	for (int j = 0; j < LC_MODES; j++) {
		double w = sqrt(ldexp(b->lam0, j + 2)) * exp(-10 * ldexp(b->lam0, j + 2));
		h += w * m->h[LC_DRIVES - 3][j];
		sum += w;
	}
	return h / sum;
}

/*
 * A run of 40 values at lr and two branches of it at a tenth of it, from 2000 and 3000 on. `noise`
 * is what the law's own noise adds; 0 is a world in which the lr does nothing.
 */
static void run_of(struct lc_past *p, int seed, double lr, double noise)
{
	struct lc_step st = {.has = 1u << LC_VAL_LOSS | 1u << LC_LR};
	struct lc_basis basis = {{1, .8, .6}, {.5, .6, .7, .85, 1}, exp2(-14)};
	struct lc_rng r = {7, (uint64_t)seed, 0};

	lc_past_init(p);
	for (int b = 0; b < 3; b++) {
		long from = b ? 1000 * (b + 1) : 0;
		struct lc_modes m;
		lc_modes_init(&m);
		lc_modes_ramp(&basis, &m, 0, (double)from, 1, 1, 1, .05);
		snprintf(st.branch, sizeof(st.branch), "%s", b ? b > 1 ? "b" : "a" : "");
		for (long t = from + 100; t <= (b ? from + 1000 : 4000); t += 100) {
			double eta = b ? .1 : 1;
			lc_modes_ramp(&basis, &m, (double)t - 100, (double)t, eta, eta, 1, .05);
			st.step = t;
			st.v[LC_LR] = eta * lr;
			st.v[LC_VAL_LOSS] = 2 + (20 + seed) / sqrt((double)t + 1) +
					    noise * noise_of(&m, &basis) + .002 * lc_rng_normal(&r);
			lc_past_add(p, &st);
		}
	}
}

static const double blind[RUNS], torn[RUNS] = {.3, -.2, .1, -.3, .2};

/* A model of RUNS runs of a world. */
static void learn(struct lc_law_model *m, const double noise[RUNS])
{
	static const char *const name[RUNS] = {"r0", "r1", "r2", "r3", "r4"};
	struct lc_pupil pupil[RUNS];
	struct lc_past past[RUNS];

	memset(m, 0, sizeof(*m));
	for (int i = 0; i < RUNS; i++) {
		struct lc_run run;
		struct lc_law law;
		run_of(&past[i], i, 1e-3, noise[i]);
		cr_assert(lc_law_fit(&law, &past[i], 0, NULL) == 0);
		lc_run_features(&run, &law, &past[i]);
		cr_assert(lc_model_add(m, name[i], &run, &law) == 1);
		pupil[i] = (struct lc_pupil){name[i], &past[i]};
		lc_law_release(&law);
	}
	lc_model_learn(m, pupil, RUNS);
	for (int i = 0; i < RUNS; i++)
		lc_past_release(&past[i]);
}

/* A new run's trunk alone, at a constant lr; and what is said of 1000 updates at a tenth of it. */
struct said {
	struct lc_law law;
	double mean[2], sd[2], mix[2], mix_sd[2];
};

static void ask(struct said *s, const struct lc_law_model *m, double lr)
{
	static const double at[2] = {3500, 4000};
	struct lc_lrpath path;
	struct lc_past past;

	run_of(&past, RUNS, lr, 0);
	past.series[0].n = 30;
	for (int i = 1; i < past.n; i++)
		free(past.series[i].row);
	past.n = 1;
	cr_assert(lc_law_fit_model(&s->law, &past, 0, m, NULL) == 0);
	lc_lrpath_init(&path);
	lc_lrpath_add(&path, 1, 1);
	lc_lrpath_add(&path, 3000, 1);
	lc_lrpath_add(&path, 3001, .1);
	for (int i = 0; i < 2; i++) {
		s->mean[i] = 2.2;
		s->sd[i] = .1;
	}
	struct lc_mix_query q = {&path, 3000, 0, at, 2, s->mean, s->sd, NULL};
	lc_mix_apply(&s->law, &q, s->mix, s->mix_sd);
	lc_lrpath_release(&path);
	lc_past_release(&past);
}

Test(lawmix, a_blind_law_is_believed_where_the_lr_does_nothing, .timeout = 120)
{
	struct lc_law_model m;
	const struct lc_mix_weights *w;
	struct said s;

	learn(&m, blind);
	w = &m.mix.kind[LC_CALIB_FAR];
	cr_assert_eq(w->groups, RUNS);
	cr_assert(w->gain > w->se, "%g %g", w->gain, w->se);
	cr_assert(w->stack.weight[5][LC_MIX_POWER] > .5, "%g", w->stack.weight[5][LC_MIX_POWER]);
	cr_assert(w->stack.weight[5][LC_MIX_LAW] < .5);
	ask(&s, &m, 1); /* an lr no run had: what was learned of the unknown holds */
	cr_assert_eq(s.law.calib, LC_CALIB_FAR);
	cr_assert_eq(s.law.mix.from, LC_MIX_MODEL);
	cr_assert(lc_mix_others(&s.law.mix));
	for (int i = 0; i < 2; i++) {
		double truth = 2 + 25 / sqrt(i ? 4001 : 3501);
		cr_assert(fabs(s.mix[i] - truth) < .5 * fabs(s.mean[i] - truth), "%g %g", s.mix[i],
			  truth);
		cr_assert(s.mix_sd[i] > 0 && s.mix_sd[i] < .2);
	}
	lc_law_release(&s.law);
	lc_model_release(&m);
}

Test(lawmix, the_law_keeps_all_where_no_other_is_better, .timeout = 120)
{
	struct lc_law_model m;
	struct said s;

	learn(&m, torn);
	for (int b = 0; b < LC_STACK_BUCKETS; b++)
		cr_assert_eq(m.mix.kind[LC_CALIB_NEAR].stack.weight[b][LC_MIX_LAW], 1);
	ask(&s, &m, 1e-3);
	cr_assert_eq(s.law.mix.from, LC_MIX_MODEL);
	cr_assert_not(lc_mix_others(&s.law.mix));
	for (int i = 0; i < 2; i++)
		cr_assert(s.mix[i] == s.mean[i] && s.mix_sd[i] == s.sd[i]);
	lc_law_release(&s.law);
	lc_model_release(&m);
}

/* Without a model the run's own branches tell. */
Test(lawmix, a_run_that_has_branched_knows_without_a_model, .timeout = 120)
{
	struct lc_past past;
	struct lc_law law;

	run_of(&past, 1, 1e-3, 0);
	cr_assert(lc_law_fit_model(&law, &past, 0, NULL, NULL) == 0);
	cr_assert_eq(law.mix.from, LC_MIX_OWN);
	cr_assert_geq(law.mix.w.groups, 3);
	for (int b = 0; b < LC_STACK_BUCKETS; b++) {
		double sum = 0;
		for (int e = 0; e < LC_MIXED; e++)
			sum += law.mix.w.stack.weight[b][e];
		cr_assert_float_eq(sum, 1, 1e-9);
	}
	lc_law_release(&law);
	lc_past_release(&past);
}

Test(lawmix, what_was_learned_reads_back, .timeout = 120)
{
	struct lc_law_model m, again;
	struct lc_law back;
	struct said s;
	json_t *j;

	learn(&m, blind);
	j = lc_model_json(&m);
	cr_assert(lc_model_parse(&again, j, NULL) == 0);
	for (int k = 0; k < LC_MIX_KINDS; k++) {
		cr_assert_eq(again.mix.kind[k].groups, m.mix.kind[k].groups);
		cr_assert_arr_eq(again.mix.kind[k].stack.weight, m.mix.kind[k].stack.weight,
				 sizeof(m.mix.kind[k].stack.weight));
	}
	json_array_remove(json_object_get(json_object_get(j, "experts"), "kinds"), 0);
	lc_model_release(&again);
	cr_assert(lc_model_parse(&again, j, NULL) == -1);
	json_decref(j);
	ask(&s, &m, 1);
	j = lc_law_json(&s.law);
	cr_assert(lc_law_parse(&back, j, NULL) == 0);
	cr_assert_eq(back.mix.from, LC_MIX_MODEL);
	cr_assert_arr_eq(back.mix.expert[LC_MIX_POWER].par, s.law.mix.expert[LC_MIX_POWER].par,
			 sizeof(back.mix.expert[0].par));
	cr_assert_arr_eq(back.mix.w.rms, s.law.mix.w.rms, sizeof(back.mix.w.rms));
	lc_law_release(&back);
	json_object_del(json_object_get(j, "experts"), "weights");
	cr_assert(lc_law_parse(&back, j, NULL) == -1);
	json_decref(j);
	lc_law_release(&s.law);
	lc_model_release(&m);
}

/*
 * lawcalib: widths learned from past runs follow their errors; a run's own earlier forecasts narrow
 * what was too wide and widen what missed.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lawcalib.h"
#include "lawlearn.h"
#include "rng.h"

/* A run of 40 values at lr, and two branches that fall by `drop`, forked at 2000 and 3000. */
static void run_of(struct lc_past *p, double lr, double drop)
{
	struct lc_step st = {.has = 1u << LC_VAL_LOSS | 1u << LC_LR};

	lc_past_init(p);
	for (int b = 0; b < 3; b++) {
		snprintf(st.branch, sizeof(st.branch), "%s", b ? b > 1 ? "b" : "a" : "");
		for (long t = b ? 1000 * (b + 1) + 100 : 100; t <= (b ? 1000 * (b + 2) : 4000);
		     t += 100) {
			double gone = b ? (double)(t - 1000 * (b + 1)) / 1000 : 0;
			st.step = t;
			st.v[LC_LR] = lr * (1 - gone);
			st.v[LC_VAL_LOSS] = 2 + 20 / sqrt((double)t + 100) - drop * gone;
			lc_past_add(p, &st);
		}
	}
}

/* Widths learned from runs that all behave alike are narrow, from runs that do not, wide. */
Test(lawcalib, widths_follow_the_errors, .timeout = 120)
{
	double wide[2];

	for (int k = 0; k < 2; k++) {
		static const char *const name[] = {"r0", "r1", "r2"};
		struct lc_law_model m = {0};
		struct lc_pupil pupil[3];
		struct lc_past past[3];
		for (int i = 0; i < 3; i++) {
			struct lc_run run;
			struct lc_law law;
			struct lc_err err;
			run_of(&past[i], 1e-3, k ? .02 + .15 * i : .1);
			cr_assert(lc_law_fit(&law, &past[i], 0, &err) == 0, "%s", err.text);
			lc_run_features(&run, &law, &past[i]);
			cr_assert(lc_model_add(&m, name[i], &run, &law) == 1);
			pupil[i] = (struct lc_pupil){name[i], &past[i]};
			lc_law_release(&law);
		}
		lc_model_learn(&m, pupil, 3);
		wide[k] = m.calib[LC_CALIB_NEAR][1][LC_BUCKETS - 1];
		for (int i = 0; i < LC_CALIBS * 2 * LC_BUCKETS; i++)
			cr_assert((&m.calib[0][0][0])[i] > 0 && (&m.calib[0][0][0])[i] < 50);
		for (int i = 0; i < 3; i++)
			lc_past_release(&past[i]);
		lc_model_release(&m);
	}
	cr_assert(wide[1] > 1.3 * wide[0], "%g %g", wide[0], wide[1]);
}

/* What alike runs teach of too careful a law narrows it for their like alone. */
Test(lawcalib, a_stranger_is_given_no_less_than_the_law_says)
{
	struct lc_law_model m = {0};
	struct lc_law law = {.lr_lo = 1, .lr_hi = 1};

	for (int i = 0; i < LC_CALIBS * 2 * LC_BUCKETS; i++)
		(&m.calib[0][0][0])[i] = i % LC_BUCKETS ? .5 : 1.5;
	lc_calib_take(&law, &m, LC_NEAR / 2);
	cr_assert(law.calib == LC_CALIB_NEAR && law.width[0][0] == 1.5 && law.width[1][1] == .5);
	lc_calib_take(&law, &m, 2 * LC_NEAR);
	cr_assert(law.calib == LC_CALIB_FAR && law.width[0][0] == 1.5 && law.width[1][1] == 1);
	law.lr_lo = .5;
	lc_calib_take(&law, &m, 2 * LC_NEAR);
	cr_assert(law.calib == LC_CALIB_OWN && law.width[1][1] == .5);
	lc_calib_take(&law, NULL, INFINITY);
	cr_assert(law.width[0][0] == 1 && law.width[1][1] == 1);
}

/* A trunk of 80 values that falls as a power of the step; `jump` more from 60 % of it on. */
static void trunk_of(struct lc_past *p, double jump)
{
	struct lc_step st = {.has = 1u << LC_VAL_LOSS | 1u << LC_LR};
	struct lc_rng r = {1, 1, 0};

	lc_past_init(p);
	for (long t = 100; t <= 8000; t += 100) {
		st.step = t;
		st.v[LC_LR] = 1e-3;
		st.v[LC_VAL_LOSS] = 2 + 20 / sqrt((double)t + 100) + .002 * lc_rng_normal(&r) +
				    (t > 4800 ? jump : 0);
		lc_past_add(p, &st);
	}
}

/* Of the widths with a run's own forecasts over those without, lr seen. */
static double adapted(const struct lc_past *p, struct lc_law *law)
{
	struct lc_err err;
	double was;

	cr_assert(lc_law_fit_once(law, p, 0, NULL, &err) == 0, "%s", err.text);
	was = law->width[0][2];
	lc_law_release(law);
	cr_assert(lc_law_fit_model(law, p, 0, NULL, &err) == 0, "%s", err.text);
	return law->width[0][2] / was;
}

Test(lawcalib, what_came_true_narrows_and_what_missed_widens)
{
	struct lc_past good, bad;
	struct lc_law law;

	trunk_of(&good, 0);
	trunk_of(&bad, .3);
	cr_assert_lt(adapted(&good, &law), .95);
	cr_assert_eq(law.width[1][2], 1, "of a lr that was not seen this says nothing");
	lc_law_release(&law);
	cr_assert_gt(adapted(&bad, &law), 1.3);
	lc_law_release(&law);
	lc_past_release(&good);
	lc_past_release(&bad);
}

/* The damage after an incident is no witness of the widths. */
Test(lawcalib, an_incident_does_not_widen)
{
	struct lc_past p;
	struct lc_law law;

	trunk_of(&p, .3);
	p.onset = 4850;
	cr_assert_lt(adapted(&p, &law), 1.01);
	lc_law_release(&law);
	lc_past_release(&p);
}

Test(lawcalib, no_lr_and_short_pasts_change_nothing)
{
	struct lc_past p;
	struct lc_law law;

	trunk_of(&p, 0);
	p.series[0].n = 5;
	cr_assert_eq(adapted(&p, &law), 1);
	lc_law_release(&law);
	p.series[0].n = 80;
	for (int i = 0; i < 80; i++)
		p.series[0].row[i].lr = NAN;
	cr_assert_eq(adapted(&p, &law), 1);
	lc_law_release(&law);
	lc_past_release(&p);
}

/* Branches of one fork that the law missed widen a lr that is new, not one that was seen. */
Test(lawcalib, earlier_branches_speak_of_their_own_lr)
{
	struct lc_law law, once;
	struct lc_err err;
	struct lc_past p;

	run_of(&p, 1e-3, .1);
	cr_assert(lc_law_fit_once(&once, &p, 0, NULL, &err) == 0, "%s", err.text);
	cr_assert(lc_law_fit_model(&law, &p, 0, NULL, &err) == 0, "%s", err.text);
	cr_assert(once.width[1][3] == 1 && law.width[1][3] != 1, "%g", law.width[1][3]);
	for (int i = 0; i < 2 * LC_BUCKETS; i++)
		cr_assert((&law.width[0][0])[i] > .1 && (&law.width[0][0])[i] < 10);
	lc_law_release(&law);
	lc_law_release(&once);
	lc_past_release(&p);
}

/* sd of a value 1000 updates ahead at lr times the run's own, width and all. */
static double sd_at(const struct lc_law *law, double lr)
{
	double at = 1, ahead = 1000, mean, sd;
	struct lc_modes m;
	struct lc_rollout_branch br = {.start = &m,
				       .from = law->last,
				       .scale = 1,
				       .npoint = 1,
				       .nout = 1,
				       .at = &at,
				       .eta = &lr,
				       .out = &ahead,
				       .mean = &mean,
				       .sd = &sd};

	lc_law_modes(law, 0, law->last, &m);
	lc_rollout_cpu(&law->basis, &law->post, 0, &br, 1, NULL);
	return hypot(sd, law->noise) * lc_law_width(law, lc_law_unseen(law, lr), ahead);
}

Test(lawcalib, outside_the_hull_is_wider)
{
	struct lc_past p;
	struct lc_law law;

	trunk_of(&p, 0);
	adapted(&p, &law);
	cr_assert_gt(sd_at(&law, .3), 1.5 * sd_at(&law, 1));
	cr_assert_gt(sd_at(&law, .1), sd_at(&law, .3));
	cr_assert_gt(sd_at(&law, 2), 1.5 * sd_at(&law, 1));
	lc_law_release(&law);
	lc_past_release(&p);
}

/*
 * law_arms: worlds drawn from the wide law, where the end of every arm is known; and what must be
 * refused.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "law_arms.h"
#include "law_wide.h"
#include "rng.h"

enum { TOTAL = 4000, FORK = 2000, LOOK = 200, SEGMENT = 200, ARMS = 4 };
#define LR 1e-3

static const double scale[ARMS] = {1, .3, .6, 2};
static double gvar; /* that is logged; 0: none */

/* Loss under one form: power-law signal, noise that goes with eta. */
static double world_loss(const struct lc_wide_state *st, double noise)
{
	double x[WIDE_COEFS], l = 1.5, sum = 0, h = 0;

	lc_wide_features(st, 0, x);
	for (int j = 0; j < WIDE_SIGNAL; j++)
		l += 3 * pow(lc_wide_signal_rate(TOTAL, j), .4) * x[1 + j];
	for (int j = 0; j < WIDE_NOISE; j++) {
		double nu = lc_wide_noise_rate(TOTAL, j), b = pow(nu, .6) * exp(-10 * nu);
		h += b * x[WIDE_AT_H + WIDE_NOISE + j];
		sum += b;
	}
	return l + noise * h / sum;
}

/* The plan: warm-up, constant, linear to 0 over the last fifth. */
static double plan(double step)
{
	return step < 100 ? LR * step / 100 : step > 3200 ? LR * (TOTAL - step) / 800 : LR;
}

/* The lr of a kind of future: 0 the arm, 1 back at the plan, 2 a cooldown from it. */
static double lr_of(int arm, int kind, double step)
{
	double m = step > FORK ? scale[arm] : 1, at = FORK + LOOK;

	if (kind == 0 || step <= at)
		return m * plan(step);
	return kind == 1 ? plan(step) : plan(step) * (1 - (step - at) / SEGMENT);
}

/* Rows of (from, to], and the loss at `to`. */
static double simulate(struct lc_past *p, const char *name, int arm, int kind, long from, long to,
		       double noise, double sigma, uint64_t seed)
{
	struct lc_lrpath path;
	struct lc_wide_walk w = {.total = TOTAL, .heat = 1, .path = &path};
	struct lc_rng rng = {.seed = seed};

	lc_lrpath_init(&path);
	for (long t = 0; t <= to; t++)
		lc_lrpath_add(&path, (double)t, lr_of(arm, kind, (double)t) / LR);
	lc_wide_init(&w.st);
	for (long t = 25; t <= to; t += 25) {
		struct lc_step st = {.step = t, .has = 1u << LC_VAL_LOSS | 1u << LC_LR};
		lc_wide_to(&w, (double)t);
		st.v[LC_VAL_LOSS] = world_loss(&w.st, noise) + sigma * lc_rng_normal(&rng);
		st.v[LC_LR] = lr_of(arm, kind, (double)t);
		st.v[LC_GVAR] = gvar;
		st.has |= gvar > 0 ? 1u << LC_GVAR : 0;
		snprintf(st.branch, sizeof(st.branch), "%s", name);
		if (p && t > from)
			lc_past_add(p, &st);
	}
	lc_lrpath_release(&path);
	return world_loss(&w.st, noise);
}

static void leaves(struct lc_past *p, const char *name, const char *parent, long from)
{
	json_t *j = json_pack("{s:s,s:{s:s,s:i}}", "branch", name, "from", "branch", parent, "step",
			      (int)from);

	if (!*parent)
		json_object_del(json_object_get(j, "from"), "branch");
	lc_past_branch(p, j);
	json_decref(j);
}

/* A fork with all its witnesses, asked; truth is final - control. */
static void fork_of(double noise, double sigma, uint64_t seed, struct lc_arms *out, double *truth)
{
	struct lc_lrpath ahead[ARMS];
	struct lc_arm arm[ARMS];
	struct lc_past p;
	struct lc_err err;

	lc_past_init(&p);
	simulate(&p, "", 0, 0, 0, FORK, noise, sigma, seed);
	for (int i = 0; i < ARMS; i++) {
		char name[8], seg[16];
		snprintf(name, sizeof(name), "b%d", i);
		leaves(&p, name, "", FORK);
		simulate(&p, name, i, 0, FORK, FORK + LOOK, noise, sigma, seed + 100 + i);
		for (int k = 1; k < 3; k++) {
			snprintf(seg, sizeof(seg), "%s.%d", name, k);
			leaves(&p, seg, name, FORK + LOOK);
			simulate(&p, seg, i, k, FORK + LOOK, FORK + LOOK + SEGMENT, noise, sigma,
				 seed + 200 + 10 * k + i);
		}
		truth[i] = simulate(NULL, "", i, 0, 0, TOTAL, noise, 0, 0) - (i ? truth[0] : 0);
		lc_lrpath_init(&ahead[i]);
		for (long t = FORK + LOOK + 1; t <= TOTAL; t++)
			lc_lrpath_add(&ahead[i], (double)t, lr_of(i, 0, (double)t));
		arm[i] = (struct lc_arm){lc_past_find(&p, name), FORK, &ahead[i]};
	}
	cr_assert(lc_law_arms(&p, arm, ARMS, TOTAL, out, &err) == 0, "%s", err.text);
	for (int i = 0; i < ARMS; i++)
		lc_lrpath_release(&ahead[i]);
	lc_past_release(&p);
}

Test(law_arms, ends_are_known_within_their_intervals, .timeout = 120)
{
	int inside = 0, n = 0;

	for (int i = 0; i < 8; i++) {
		double truth[ARMS], sum = 0;
		struct lc_arms out;
		fork_of(.05 + .03 * i, .003, 1000 * (uint64_t)(i + 1), &out, truth);
		cr_assert(out.metric == LC_VAL_LOSS && out.n == ARMS && out.chi2 < 3);
		cr_assert(fabs(out.control - truth[0]) < 4 * out.control_sd, "%g (%g) not %g; chi2 %g", out.control, out.control_sd, truth[0], out.chi2);
		for (int a = 0; a < ARMS; a++) {
			sum += out.best[a];
			cr_assert(out.cool[a] > 0 && out.back[a] > 0);
		}
		cr_assert_float_eq(sum, 1, 1e-9);
		for (int a = 1; a < ARMS; a++, n++) {
			double z = (out.mean[a] - truth[a]) / out.sd[a];
			inside += fabs(z) < 1.645;
			cr_assert(fabs(z) < 4, "world %d, arm %d: %g (%g), not %g", i, a,
				  out.mean[a], out.sd[a], truth[a]);
			cr_assert(out.cov[a * ARMS + a] > 0);
		}
		lc_arms_release(&out);
	}
	cr_assert(inside >= 19, "%d of %d", inside, n);
}

Test(law_arms, the_same_fork_gives_the_same_bits, .timeout = 60)
{
	double truth[ARMS];
	struct lc_arms a, b;

	fork_of(.1, .003, 7, &a, truth);
	fork_of(.1, .003, 7, &b, truth);
	cr_assert(memcmp(a.mean, b.mean, ARMS * sizeof(double)) == 0);
	cr_assert(memcmp(a.cov, b.cov, ARMS * ARMS * sizeof(double)) == 0);
	cr_assert(memcmp(a.best, b.best, ARMS * sizeof(double)) == 0);
	lc_arms_release(&a);
	lc_arms_release(&b);
}

/* Of a world with little noise: gvar says so, and one in other units is not believed. */
Test(law_arms, gvar_says_how_large_the_noise_is, .timeout = 90)
{
	double truth[ARMS], told[3] = {0, 5.6, 1e6};
	struct lc_arms out[3];

	for (int i = 0; i < 3; i++) {
		gvar = told[i];
		fork_of(.01, .0005, 3, &out[i], truth);
	}
	for (int a = 1; a < ARMS; a++) {
		cr_assert(fabs(out[1].mean[a] - truth[a]) < 4 * out[1].sd[a]);
		cr_assert(out[1].sd[a] < out[0].sd[a], "arm %d: %g, %g", a, out[1].sd[a], out[0].sd[a]);
	}
	cr_assert(out[1].logev > out[0].logev, "%g, %g", out[1].logev, out[0].logev);
	cr_assert(memcmp(out[2].mean, out[0].mean, ARMS * sizeof(double)) == 0);
	for (int i = 0; i < 3; i++)
		lc_arms_release(&out[i]);
}

static void row(struct lc_past *p, long step, double loss, double lr)
{
	struct lc_step st = {.step = step, .has = 1u << LC_LOSS};

	st.v[LC_LOSS] = loss;
	st.v[LC_LR] = lr;
	st.has |= isnan(lr) ? 0 : 1u << LC_LR;
	lc_past_add(p, &st);
}

Test(law_arms, what_is_not_known_is_refused)
{
	struct lc_arm arm = {-1, 10, NULL};
	struct lc_past p;
	struct lc_arms out;
	struct lc_err err;

	lc_past_init(&p);
	cr_assert(lc_law_arms(&p, &arm, 1, 100, &out, &err) == -1 && err.code == LC_DATA);
	for (long t = 1; t <= 10; t++)
		row(&p, t, 2, NAN);
	cr_assert(lc_law_arms(&p, &arm, 1, 100, &out, &err) == -1 && err.code == LC_DATA);
	cr_assert(strstr(err.text, "no lr"));
	lc_past_release(&p);
	lc_past_init(&p);
	for (long t = 1; t <= 10; t++)
		row(&p, t, NAN, 1e-3);
	cr_assert(lc_law_arms(&p, &arm, 1, 100, &out, &err) == -1 && err.code == LC_DATA);
	cr_assert(lc_law_arms(&p, &arm, 0, 100, &out, &err) == -1 && err.code == LC_DATA);
	lc_past_release(&p);
}

/* From one row to a few, with rows that are not finite among them: numbers, and wide ones. */
Test(law_arms, little_to_go_by, .timeout = 60)
{
	struct lc_past p;

	lc_past_init(&p);
	for (long t = 1; t <= 5; t++) {
		struct lc_arm arm[2] = {{-1, t, NULL}, {-1, t, NULL}};
		struct lc_lrpath half;
		struct lc_arms out;
		struct lc_err err;
		row(&p, 2 * t - 1, 3 - .1 * (double)t, 1e-3);
		row(&p, 2 * t, t % 2 ? NAN : INFINITY, 1e-3);
		lc_lrpath_init(&half);
		lc_lrpath_add(&half, (double)t + 1, 5e-4);
		arm[1].lr = &half;
		cr_assert(lc_law_arms(&p, arm, 2, 100, &out, &err) == 0, "%s", err.text);
		cr_assert(isfinite(out.mean[1]) && isfinite(out.sd[1]) && out.sd[1] > 0);
		cr_assert(isfinite(out.control) && isfinite(out.chi2));
		cr_assert(out.better[1] > .01 && out.better[1] < .99);
		cr_assert(out.cool[1] == 0 && out.back[1] == 0);
		lc_arms_release(&out);
		lc_lrpath_release(&half);
	}
	lc_past_release(&p);
}

/*
 * gradlaw, mechanism: a planted law of the gradient norm is found and its band holds; clip and
 * reset do to the lr what an optimizer, stepped by hand, does.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mechanism.h"
#include "rng.h"

static double gauss(struct lc_rng *r)
{
	return sqrt(-2 * log(1 - lc_rng_uniform(r))) * cos(2 * M_PI * lc_rng_uniform(r));
}

/* .8 lr^-.4 (t/4000)^.2, 5 % of scatter a row; the lr is 1, .5 and .25 of the peak. */
static double planted(double t, double eta)
{
	return .8 * pow(eta, -.4) * pow(t / 4000, .2);
}

static double eta_of(long t)
{
	return t < 1500 ? 1 : t < 2500 ? .5 : .25;
}

static void past_of(struct lc_past *p, struct lc_rng *r, double scatter)
{
	lc_past_init(p);
	for (long t = 1; t <= 4000; t++) {
		struct lc_step st = {.step = t,
				     .has = 1u << LC_LOSS | 1u << LC_GRAD_NORM | 1u << LC_LR};
		st.v[LC_LOSS] = 2;
		st.v[LC_LR] = eta_of(t) * 1e-3;
		st.v[LC_GRAD_NORM] = planted((double)t, eta_of(t)) * exp(scatter * gauss(r));
		lc_past_add(p, &st);
	}
}

static void fit(struct lc_gradlaw *g, struct lc_past *p)
{
	struct lc_lrpath path;

	lc_lrpath_init(&path);
	lc_past_lrpath(p, 0, -1, &path);
	for (int i = 0; i < path.n; i++)
		path.lr[i] /= 1e-3;
	lc_gradlaw_fit(g, p, &path);
	lc_lrpath_release(&path);
}

Test(gradlaw, planted_law_is_found_and_its_band_holds)
{
	struct lc_rng r = {.seed = 3};
	struct lc_gradlaw g;
	struct lc_past p;
	int in = 0, n = 0;

	past_of(&p, &r, .05);
	fit(&g, &p);
	cr_assert_float_eq(g.beta[1], -.4, .1, "%g", g.beta[1]);
	cr_assert_float_eq(g.beta[2], .2, .1, "%g", g.beta[2]);
	for (double eta = .25; eta <= 1; eta *= 2)
		for (double t = 4001; t < 4400; t++, n++) {
			double q[3], y = planted(t, eta) * exp(.05 * gauss(&r));
			lc_gradlaw_at(&g, t, eta, 0, q);
			cr_assert(q[0] < q[1] && q[1] < q[2]);
			in += y >= q[0] && y <= q[2];
		}
	cr_assert(in > .8 * n && in < .99 * n, "%d of %d within", in, n);
	lc_past_release(&p);
}

Test(gradlaw, without_norms_there_is_none_and_json_reads_back)
{
	struct lc_rng r = {.seed = 3};
	struct lc_gradlaw g, back;
	struct lc_past p;
	json_t *j;

	lc_past_init(&p);
	fit(&g, &p);
	cr_assert_eq(g.n, 0);
	lc_past_release(&p);
	past_of(&p, &r, .05);
	fit(&g, &p);
	j = lc_gradlaw_json(&g);
	cr_assert_eq(lc_gradlaw_parse(&back, j), 0);
	cr_assert_float_eq(back.hist[LC_GRAD_HIST - 1], g.hist[LC_GRAD_HIST - 1], 0);
	cr_assert(isnan(back.clip));
	json_array_remove(json_object_get(j, "numbers"), 3);
	cr_assert_eq(lc_gradlaw_parse(&back, j), -1);
	json_decref(j);
	lc_past_release(&p);
}

/* Norms exp(s z), as quantiles. */
static void spread(struct lc_gradlaw *g, double s, enum lc_optimizer opt)
{
	double z[LC_GRAD_HIST] = {-2.4};

	memset(g, 0, sizeof(*g));
	for (int i = 1; i < LC_GRAD_HIST; i++) /* even in z: enough for a test */
		z[i] = -2.4 + 4.8 * i / (LC_GRAD_HIST - 1);
	for (int i = 0; i < LC_GRAD_HIST; i++)
		g->hist[i] = exp(s * z[i]);
	g->n = 9;
	g->optimizer = opt;
	g->clip = g->beta2 = NAN;
}

Test(mechanism, clip_scales_sgd_and_hardly_adam)
{
	struct lc_gradlaw g;

	spread(&g, 0, LC_OPT_SGD);
	cr_assert_float_eq(lc_clip_factor(&g, .25), .25, 1e-12);
	cr_assert_float_eq(lc_clip_factor(&g, 4), 1, 1e-12);
	g.clip = .5;
	cr_assert_float_eq(lc_clip_factor(&g, .25), .5, 1e-12);
	spread(&g, 0, LC_OPT_ADAM);
	cr_assert_float_eq(lc_clip_factor(&g, .25), 1, 1e-12);
	spread(&g, .2, LC_OPT_ADAM);
	cr_assert(lc_clip_factor(&g, .1) > 1 && lc_clip_factor(&g, .1) < 1.2);
	cr_assert_float_eq(lc_clip_factor(&g, .1), lc_clip_factor(&g, .01), 1e-12);
	g.optimizer = LC_OPT_UNKNOWN;
	cr_assert(isnan(lc_clip_factor(&g, .1)));
}

/* What a gradient of 1 at update s moves by, in the end, when m was zeroed before update 1. */
Test(mechanism, reset_of_m_counts_the_first_gradients_more)
{
	struct lc_reset r;
	struct lc_gradlaw g;
	double all = 0;

	spread(&g, 0, LC_OPT_ADAM);
	cr_assert_eq(lc_reset_init(&r, &g, "m"), 1);
	for (int s = 1; s <= 100; s += 9) {
		double m = 0, moved = 0;
		for (int t = 1; t < 3000; t++) {
			m = .9 * m + .1 * (t == s);
			moved += m / (1 - pow(.9, t));
		}
		cr_assert_float_eq(lc_reset_factor(&r, s), moved, 1e-4, "%d: %g", s, moved);
	}
	for (int s = 1; s <= LC_RESET_M; s++)
		all += lc_reset_factor(&r, s) - 1;
	cr_assert_float_eq(all, 9, .01, "as many as the old ones that were lost: %g", all);
	g.optimizer = LC_OPT_UNKNOWN;
	cr_assert_eq(lc_reset_init(&r, &g, "mv"), 0);
	spread(&g, 0, LC_OPT_SGD);
	cr_assert_eq(lc_reset_init(&r, &g, "v"), 0);
}

/* Mean of 1/sqrt(v) over random gradients, against the table; beta2 decides how long it lasts. */
Test(mechanism, reset_of_v_raises_the_lr_for_a_while)
{
	struct lc_rng rng = {.seed = 11};
	struct lc_reset r;
	struct lc_gradlaw g;
	double sum[40] = {0};

	spread(&g, 0, LC_OPT_ADAM);
	g.beta2 = .999;
	cr_assert_eq(lc_reset_init(&r, &g, "v"), 1);
	for (int k = 0; k < 20000; k++) {
		double v = 0;
		for (int t = 1; t < 40; t++) {
			double x = gauss(&rng);
			v = .999 * v + .001 * x * x;
			sum[t] += 1 / sqrt(v / (1 - pow(.999, t))) / 20000;
		}
	}
	for (int t = 4; t < 40; t++)
		cr_assert_float_eq(lc_reset_factor(&r, t) / sum[t], 1, .1, "%d: %g is %g", t,
				   lc_reset_factor(&r, t), sum[t]);
	cr_assert_float_eq(lc_reset_factor(&r, 5000), 1, 1e-3);
	cr_assert(lc_reset_factor(&r, 1) < 2);
}

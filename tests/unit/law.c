/*
 * law: against worlds drawn from the law itself, where the right answer is known; and the roll-out
 * against its definition in long double.
 */
#include <criterion/criterion.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "forecast.h"
#include "json.h"
#include "rng.h"

/*
 * A world: power-law signal, noise of its own spectrum, white observation noise; loss known without
 * it.
 */
struct world {
	struct lc_basis basis;
	double l0, a[LC_MODES], b[LC_MODES];
	double sigma;
	int variant;
};

static void world_init(struct world *w, double total, double noise)
{
	double sum = 0;

	memset(w, 0, sizeof(*w));
	w->basis = (struct lc_basis){{1, .8, .6}, {.5, .6, .7, .85, 1}, 1 / (4 * total)};
	w->l0 = 2;
	w->sigma = .003;
	w->variant = 2; /* clock 1, drive .7 */
	for (int j = 0; j < LC_MODES; j++) {
		double lam = ldexp(w->basis.lam0, j);
		w->a[j] = 4 * pow(lam, .45);
		w->b[j] = pow(4 * lam, .5) * exp(-40 * lam);
		sum += w->b[j];
	}
	for (int j = 0; j < LC_MODES; j++)
		w->b[j] *= noise / sum;
}

static double world_loss(const struct world *w, const struct lc_modes *m)
{
	double s = w->l0;

	for (int j = 0; j < LC_MODES; j++)
		s += w->a[j] * m->s[w->variant / LC_DRIVES][j] + w->b[j] * m->h[w->variant][j];
	return s;
}

typedef double schedule(double step);

static double constant(double step)
{
	(void)step;
	return 1e-3;
}

static double halved(double step)
{
	return step > 4000 ? 5e-4 : 1e-3;
}

static double zigzag(double step)
{
	return 1e-3 * (step < 1500 ? 1 : step < 2500 ? .3 : step < 3200 ? 1 : .5);
}

static double zigzag_then_cut(double step)
{
	return step > 4000 ? 1e-4 : zigzag(step);
}

/*
 * Rows of a run under a schedule, steps (from, to]; every: between val losses. Returns the loss at
 * the end.
 */
static double simulate(const struct world *w, struct lc_past *p, const char *branch, schedule *lr,
		       long from, long to, long every, uint64_t seed)
{
	struct lc_rng rng = {seed, 7, 0};
	struct lc_modes m;

	lc_modes_init(&m);
	for (long t = 1; t <= to; t++) {
		struct lc_step st = {.step = t, .has = 1u << LC_LR};
		lc_modes_advance(&w->basis, &m, 1, lr((double)t) / 1e-3, 1);
		if (t <= from || !p)
			continue;
		snprintf(st.branch, sizeof(st.branch), "%s", branch);
		st.v[LC_LR] = lr((double)t);
		if (t % every == 0) {
			st.has |= 1u << LC_VAL_LOSS;
			st.v[LC_VAL_LOSS] = world_loss(w, &m) + w->sigma * lc_rng_normal(&rng);
		}
		lc_past_add(p, &st);
	}
	return world_loss(w, &m);
}

static void ask(const struct lc_law *law, const char *branch, struct lc_forecast *f)
{
	struct lc_forecaster *fc = lc_forecaster_open(law, NULL, 8);
	struct lc_err err;
	json_t *j = lc_json_parse(branch, strlen(branch), "test", &err);

	cr_assert(j != NULL, "%s", err.text);
	cr_assert(lc_forecast_ask(fc, j, f, &err) == 0, "%s", err.text);
	lc_forecast_run(fc, f, 1, NULL);
	json_decref(j);
	lc_forecaster_close(fc);
}

#define ON "{\"branch\":\"b\",\"from\":{\"step\":4000},\"horizon\":2000,\"actions\":{}}"
#define CUT                                                                                        \
	"{\"branch\":\"b\",\"from\":{\"step\":4000},\"horizon\":2000,\"actions\":{\"lr_scale\":0." \
	"1}}"
#define FIFTH                                                                                      \
	"{\"branch\":\"b\",\"from\":{\"step\":4000},\"horizon\":2000,\"actions\":{\"lr_scale\":0." \
	"2}}"
#define RAISE                                                                                      \
	"{\"branch\":\"b\",\"from\":{\"step\":4000},\"horizon\":2000,\"actions\":{\"lr_scale\":2}" \
	"}"

static void fit(struct lc_law *law, const struct lc_past *p)
{
	struct lc_err err;

	cr_assert(lc_law_fit(law, p, 0, &err) == 0, "%s", err.text);
}

/* The definition, mode by mode and update by update, in long double. */
static long double naive(const struct world *w, const double *at, const double *eta, int n,
			 long steps)
{
	long double s[LC_MODES], h[LC_MODES], loss = w->l0;
	double p = w->basis.clock[w->variant / LC_DRIVES],
	       q = w->basis.drive[w->variant % LC_DRIVES];
	int k = 0;

	for (int j = 0; j < LC_MODES; j++)
		s[j] = 1, h[j] = 0;
	for (long t = 1; t <= steps; t++) {
		long double lr, e;
		while (k + 1 < n && at[k + 1] < (double)t)
			k++;
		lr = k + 1 < n ? eta[k] + (eta[k + 1] - eta[k]) * (t - at[k]) / (at[k + 1] - at[k])
			       : eta[n - 1];
		lr = (double)t <= at[0] ? eta[0] : lr;
		e = powl(lr, q);
		for (int j = 0; j < LC_MODES; j++) {
			long double lam = ldexp(w->basis.lam0, j), ds = powl(lr, p);
			s[j] *= expl(-lam * ds);
			h[j] = e + (h[j] - e) * expl(-4 * lam * ds);
		}
	}
	for (int j = 0; j < LC_MODES; j++)
		loss += w->a[j] * s[j] + w->b[j] * h[j];
	return loss;
}

static void posterior_of(const struct world *w, struct lc_posterior *post)
{
	memset(post, 0, sizeof(*post));
	post->weight[w->variant] = 1;
	post->mean[w->variant][0] = w->l0;
	memcpy(post->mean[w->variant] + 1, w->a, sizeof(w->a));
	memcpy(post->mean[w->variant] + 1 + LC_MODES, w->b, sizeof(w->b));
	post->drift_len = 1;
}

/*
 * Unit pieces agree to rounding; pieces of 5 % to what second order in 5 % leaves of a change of
 * the loss.
 */
Test(law, rollout_is_its_definition)
{
	const double at[] = {1, 300, 301, 700, 1501}, eta[] = {1, 1.2, .4, .4, .0};
	double out[] = {1, 299, 300, 640, 1501, 1777}, mean[6], sd[6], tol[] = {0, .05},
	       ok[] = {1e-12, 5e-5};
	struct lc_modes start;
	struct lc_posterior *post = malloc(sizeof(*post));
	struct world w;

	world_init(&w, 1000, .2);
	posterior_of(&w, post);
	lc_modes_init(&start);
	for (int i = 0; i < 2; i++) {
		struct lc_rollout_branch br = {.start = &start,
					       .scale = 1,
					       .npoint = 5,
					       .nout = 6,
					       .at = at,
					       .eta = eta,
					       .out = out,
					       .mean = mean,
					       .sd = sd};
		lc_rollout_plain(&w.basis, post, tol[i], &br);
		for (int o = 0; o < 6; o++) {
			double want = (double)naive(&w, at, eta, 5, (long)out[o]);
			cr_assert(fabs(mean[o] - want) <= ok[i] * want,
				  "tol %g, out %g: %.15g, not %.15g", tol[i], out[o], mean[o],
				  want);
			cr_assert(sd[o] < 1e-6);
		}
	}
	free(post);
}

Test(law, pool_and_one_thread_give_the_same_bits)
{
	const double at[] = {1, 900}, eta[] = {1, .1};
	double out[] = {10, 900}, mean[2][50][2], sd[2][50][2];
	struct lc_rollout_branch br[50];
	struct lc_pool *pool = lc_pool_open(4);
	struct lc_modes start;
	struct lc_posterior *post = malloc(sizeof(*post));
	struct world w;

	world_init(&w, 1000, .2);
	posterior_of(&w, post);
	lc_modes_init(&start);
	for (int k = 0; k < 2; k++) {
		for (int i = 0; i < 50; i++)
			br[i] = (struct lc_rollout_branch){.start = &start,
							   .scale = 1 + i,
							   .npoint = 2,
							   .nout = 2,
							   .at = at,
							   .eta = eta,
							   .out = out,
							   .mean = mean[k][i],
							   .sd = sd[k][i]};
		lc_rollout_cpu(&w.basis, post, .05, br, 50, k ? pool : NULL);
	}
	cr_assert(memcmp(mean[0], mean[1], sizeof(mean[0])) == 0);
	cr_assert(mean[0][0][0] != mean[0][49][0]);
	lc_pool_close(pool);
	free(post);
}

/*
 * 24 worlds whose past has seen the lr change: the truth lies in the 90 % interval as often as it
 * should, near enough.
 */
Test(law, planted_truth_is_found, .timeout = 120)
{
	int inside = 0, n = 24;
	double sq = 0, hold = 0;

	for (int i = 0; i < n; i++) {
		struct lc_forecast f;
		struct lc_past p;
		struct lc_law law;
		struct world w;
		double truth, now;

		world_init(&w, 8000, .05 + .01 * (i % 12));
		lc_past_init(&p);
		now = simulate(&w, &p, "", zigzag, 0, 4000, 20, 100 + (uint64_t)i);
		truth = simulate(&w, NULL, "", zigzag_then_cut, 0, 6000, 20, 0);
		fit(&law, &p);
		ask(&law,
		    "{\"branch\":\"b\",\"from\":{\"step\":4000},\"horizon\":2000,\"actions\":{\"lr_"
		    "scale\":0.2}}",
		    &f);
		inside += fabs(f.mean[f.n - 1] - truth) <= 1.645 * f.sd[f.n - 1];
		sq += pow(f.mean[f.n - 1] - truth, 2);
		hold += pow(now - truth, 2);
		lc_law_release(&law);
		lc_past_release(&p);
	}
	cr_assert(inside >= 20, "%d of %d inside", inside, n);
	cr_assert(sq < .02 * hold, "rmse %g, of %g", sqrt(sq / n), sqrt(hold / n));
}

/*
 * Under a constant lr the size of the noise cannot be seen: a cut must be uncertain, going on must
 * not.
 */
Test(law, constant_lr_cannot_tell_what_a_cut_does, .timeout = 60)
{
	struct lc_forecast on, cut, known, probe;
	struct lc_past p;
	struct lc_law law;
	struct world w;
	double truth;

	world_init(&w, 8000, .12);
	lc_past_init(&p);
	simulate(&w, &p, "", constant, 0, 4000, 20, 1);
	fit(&law, &p);
	ask(&law, ON, &on);
	ask(&law, CUT, &cut);
	cr_assert(cut.sd[7] >= 5 * on.sd[7], "cut %g, going on %g", cut.sd[7], on.sd[7]);
	cr_assert(cut.trust < on.trust);
	lc_law_release(&law);

	/* an earlier branch at half the lr shows the noise */
	simulate(&w, &p, "old", halved, 4000, 5000, 20, 2);
	truth = simulate(&w, NULL, "", halved, 0, 6000, 20, 0);
	fit(&law, &p);
	ask(&law, CUT, &known);
	cr_assert(known.sd[7] < cut.sd[7] / 2, "%g, was %g", known.sd[7], cut.sd[7]);
	ask(&law,
	    "{\"branch\":\"b\",\"from\":{\"step\":4000},\"horizon\":2000,\"actions\":{\"lr_scale\":"
	    "0.5}}",
	    &probe);
	cr_assert(fabs(probe.mean[7] - truth) < 3 * probe.sd[7]);
	cr_assert(probe.sd[7] < cut.sd[7] / 4);
	lc_law_release(&law);
	lc_past_release(&p);
}

Test(law, gvar_narrows_a_cut, .timeout = 60)
{
	struct lc_step st = {.step = 4000, .has = 1u << LC_GVAR};
	struct lc_forecast cut, known;
	struct lc_past p;
	struct lc_law law;
	struct world w;

	world_init(&w, 8000, .12);
	lc_past_init(&p);
	simulate(&w, &p, "", constant, 0, 4000, 20, 1);
	fit(&law, &p);
	ask(&law, CUT, &cut);
	lc_law_release(&law);
	st.v[LC_GVAR] = 2 * .12 / 1e-3; /* eta gvar / 2 = .12 */
	lc_past_add(&p, &st);
	fit(&law, &p);
	ask(&law, CUT, &known);
	cr_assert(known.sd[7] < cut.sd[7] * .7, "%g, was %g", known.sd[7], cut.sd[7]);
	lc_law_release(&law);
	lc_past_release(&p);
}

/*
 * Noise of one rate is nobody's average: a run that shows it is believed, one that is to teach
 * others is held nearer to what runs are like.
 */
Test(law, a_run_that_changed_its_lr_shapes_its_own_noise, .timeout = 60)
{
	double own = 0, member = 0;

	for (int j = 1; j < 8; j++) {
		struct lc_forecast f;
		struct lc_past p;
		struct lc_law law;
		struct lc_err err;
		struct world w;
		double truth;

		world_init(&w, 8000, .1);
		memset(w.b, 0, sizeof(w.b));
		w.b[j] = .15;
		w.sigma = .001;
		lc_past_init(&p);
		simulate(&w, &p, "", zigzag, 0, 4000, 20, (uint64_t)j);
		simulate(&w, &p, "c", zigzag_then_cut, 4000, 4600, 20, 20 + (uint64_t)j);
		truth = simulate(&w, NULL, "", zigzag_then_cut, 0, 6000, 20, 0);
		fit(&law, &p);
		cr_assert(lc_law_own(&law));
		ask(&law, FIFTH, &f);
		own += pow(f.mean[f.n - 1] - truth, 2);
		lc_law_release(&law);
		cr_assert(lc_law_fit_member(&law, &p, &err) == 0, "%s", err.text);
		ask(&law, FIFTH, &f);
		member += pow(f.mean[f.n - 1] - truth, 2);
		lc_law_release(&law);
		lc_past_release(&p);
	}
	cr_assert(own < .7 * member, "%g, a member's %g", sqrt(own / 7), sqrt(member / 7));
}

Test(law, the_order_of_reading_does_not_matter, .timeout = 60)
{
	struct lc_forecast f[2];
	struct world w;

	world_init(&w, 8000, .1);
	for (int i = 0; i < 2; i++) {
		struct lc_past p;
		struct lc_law law;
		lc_past_init(&p);
		if (i == 0)
			simulate(&w, &p, "", zigzag, 0, 4000, 20, 1);
		simulate(&w, &p, "c", zigzag_then_cut, 4000, 4600, 20, 3);
		simulate(&w, &p, "b", halved, 4000, 5000, 20, 2);
		if (i == 1)
			simulate(&w, &p, "", zigzag, 0, 4000, 20, 1);
		fit(&law, &p);
		ask(&law, CUT, &f[i]);
		lc_law_release(&law);
		lc_past_release(&p);
	}
	cr_assert(memcmp(f[0].mean, f[1].mean, sizeof(f[0].mean)) == 0);
	cr_assert(memcmp(f[0].sd, f[1].sd, sizeof(f[0].sd)) == 0);
}

Test(law, json_gives_the_same_forecast, .timeout = 60)
{
	struct lc_forecast a, b;
	struct lc_past p;
	struct lc_law law, back;
	struct lc_err err;
	struct world w;
	json_t *j, *again;
	char *text;

	world_init(&w, 8000, .1);
	lc_past_init(&p);
	simulate(&w, &p, "", zigzag, 0, 4000, 20, 1);
	fit(&law, &p);
	j = lc_law_json(&law);
	text = lc_json_text(j);
	again = lc_json_parse(text, strlen(text), "law", &err);
	cr_assert(lc_law_parse(&back, again, &err) == 0, "%s", err.text);
	ask(&law, RAISE, &a);
	ask(&back, RAISE, &b);
	cr_assert(memcmp(a.mean, b.mean, sizeof(a.mean)) == 0 &&
		  memcmp(a.sd, b.sd, sizeof(a.sd)) == 0);
	lc_law_release(&back);
	json_object_set_new(again, "lam0", json_string("nan"));
	cr_assert(lc_law_parse(&back, again, &err) == -1 && err.code == LC_DATA);
	json_object_set_new(again, "v", json_integer(2));
	cr_assert(lc_law_parse(&back, again, &err) == -1 && err.code == LC_DATA);
	free(text);
	json_decref(j);
	json_decref(again);
	lc_law_release(&law);
	lc_past_release(&p);
}

/* An incident after step 3500 that lifts the loss: the law of a rewinding arm does not know of it.
 */
Test(law, the_incident_is_no_witness, .timeout = 60)
{
	const char *clean = "{\"branch\":\"b\",\"from\":{\"step\":3400},\"horizon\":600,"
			    "\"actions\":{\"rewind\":3400}}";
	const char *hurt =
		"{\"branch\":\"b\",\"from\":{\"step\":4000},\"horizon\":600,\"actions\":{}}";
	struct lc_forecast a, b, c;
	struct lc_past p;
	struct lc_law law;
	struct world w;

	world_init(&w, 8000, .1);
	lc_past_init(&p);
	simulate(&w, &p, "", constant, 0, 4000, 20, 1);
	p.onset = 3500;
	fit(&law, &p);
	ask(&law, clean, &a);
	lc_law_release(&law);
	for (long i = 0; i < p.series[0].n; i++)
		if (p.series[0].row[i].step >= 3500)
			p.series[0].row[i].val_loss += .4;
	fit(&law, &p);
	ask(&law, clean, &b);
	ask(&law, hurt, &c);
	cr_assert(memcmp(a.mean, b.mean, sizeof(a.mean)) == 0, "%.12g %.12g", a.mean[7], b.mean[7]);
	cr_assert(c.mean[0] > b.mean[7] + .1 && c.sd[7] > 3 * b.sd[7] && c.trust < .6 * b.trust);
	cr_assert(c.diverge > b.diverge);
	lc_law_release(&law);
	lc_past_release(&p);
}

Test(law, doing_nothing_differs_by_nothing, .timeout = 60)
{
	struct lc_forecast f, g;
	struct lc_past p;
	struct lc_law law;
	struct world w;

	world_init(&w, 8000, .1);
	lc_past_init(&p);
	simulate(&w, &p, "", zigzag, 0, 4000, 20, 1);
	fit(&law, &p);
	ask(&law, ON, &f);
	cr_assert(f.delta == 0 && f.delta_sd == 0);
	ask(&law,
	    "{\"branch\":\"b\",\"from\":{\"step\":4000},\"horizon\":2000,\"actions\":{\"reseed\":3}"
	    "}",
	    &g);
	cr_assert(memcmp(f.mean, g.mean, sizeof(f.mean)) == 0);
	ask(&law,
	    "{\"branch\":\"b\",\"from\":{\"step\":4000},\"horizon\":2000,\"actions\":{\"beta2\":0."
	    "9,\"clip\":0.5}}",
	    &g);
	cr_assert(memcmp(f.mean, g.mean, sizeof(f.mean)) == 0);
	cr_assert(g.sd[7] > f.sd[7] && g.trust < f.trust);
	lc_law_release(&law);
	lc_past_release(&p);
}

static void one_row(struct lc_past *p, long step, double loss)
{
	struct lc_step st = {.step = step, .has = 1u << LC_LOSS | 1u << LC_LR};

	st.v[LC_LOSS] = loss;
	st.v[LC_LR] = 1e-3;
	lc_past_add(p, &st);
}

Test(law, little_to_go_by)
{
	struct lc_forecast f;
	struct lc_past p;
	struct lc_law law;
	struct lc_err err;

	lc_past_init(&p);
	cr_assert(lc_law_fit(&law, &p, 0, &err) == -1 && err.code == LC_DATA);
	one_row(&p, 10, NAN);
	one_row(&p, 20, INFINITY);
	cr_assert(lc_law_fit(&law, &p, 0, &err) == -1 && err.code == LC_DATA);
	for (int n = 1; n <= 5; n++) {
		one_row(&p, 20 + 10 * n, 3 - .1 * n);
		fit(&law, &p);
		ask(&law, RAISE, &f);
		for (int i = 0; i < f.n; i++)
			cr_assert(isfinite(f.mean[i]) && isfinite(f.sd[i]) && f.sd[i] > 0,
				  "%d points", n);
		cr_assert(f.trust < .5);
		lc_law_release(&law);
	}
	p.onset = 5;
	cr_assert(lc_law_fit(&law, &p, 0, &err) == -1 && err.code == LC_DATA);
	lc_past_release(&p);
}

Test(lawdata, the_newest_wins_when_steps_go_back)
{
	struct lc_past p;

	lc_past_init(&p);
	for (long t = 1; t <= 100; t++)
		one_row(&p, t, 1);
	p.onset = 90;
	for (long t = 81; t <= 95; t++)
		one_row(&p, t, 2);
	cr_assert(p.series[0].n == 95);
	cr_assert(p.series[0].row[79].loss == 1 && p.series[0].row[80].loss == 2);
	cr_assert(p.onset == -1, "the run went back over it");
	one_row(&p, 95, 3);
	cr_assert(p.series[0].n == 95 && p.series[0].row[94].loss == 3);
	lc_past_release(&p);
}

Test(lawdata, what_precedes_an_onset_may_have_caused_it)
{
	struct lc_past p;

	lc_past_init(&p);
	cr_assert(lc_past_clean(&p) == LONG_MAX);
	p.onset = 200;
	cr_assert(lc_past_clean(&p) == 199);
	p.rewind = 180;
	cr_assert(lc_past_clean(&p) == 180);
	p.rewind = 0;
	cr_assert(lc_past_clean(&p) == 199, "half a run is not thrown away");
	lc_past_release(&p);
}

Test(lawdata, lr_path_is_thin_and_true)
{
	struct lc_lrpath path;
	struct lc_past p;

	lc_past_init(&p);
	for (long t = 1; t <= 5000; t++) {
		struct lc_step st = {.step = t, .has = 1u << LC_LR};
		st.v[LC_LR] = t < 200	 ? 1e-5 * (double)t
			      : t < 4000 ? 2e-3
					 : 2e-3 * (5000 - (double)t) / 1000;
		lc_past_add(&p, &st);
	}
	lc_lrpath_init(&path);
	lc_past_lrpath(&p, 0, -1, &path);
	cr_assert(path.n < 30, "%d points", path.n);
	for (long t = 1; t <= 5000; t++) {
		double want = p.series[0].row[t - 1].lr, got = lc_lrpath_at(&path, (double)t);
		cr_assert(fabs(got - want) <= 2e-3 * want + 1e-12, "step %ld: %g, not %g", t, got,
			  want);
	}
	lc_lrpath_release(&path);
	lc_past_release(&p);
}

Test(lawdata, a_branch_of_a_branch_has_both_pasts)
{
	struct lc_lrpath path;
	struct lc_past p;
	struct lc_err err;
	const char *rec[] = {
		"{\"type\":\"branch\",\"v\":1,\"branch\":\"b1\",\"from\":{\"step\":100},"
		"\"horizon\":50,\"actions\":{}}",
		"{\"type\":\"branch\",\"v\":1,\"branch\":\"b2\",\"from\":{\"branch\":\"b1\","
		"\"step\":150},\"horizon\":9}",
		"{\"type\":\"branch\",\"v\":1,\"branch\":\"b1\",\"from\":{\"branch\":\"b2\","
		"\"step\":3},\"horizon\":9}",
	};
	const double lr[] = {1e-3, 5e-4, 2e-4};

	lc_past_init(&p);
	for (int k = 0; k < 3; k++) {
		json_t *j = lc_json_parse(rec[k], strlen(rec[k]), "test", &err);
		if (k < 2)
			lc_past_branch(&p, j);
		json_decref(j);
		for (long t = 1 + (k ? 50 * (k + 1) : 0); t <= 100 + 50 * k; t++) {
			struct lc_step st = {.step = t, .has = 1u << LC_LR};
			snprintf(st.branch, sizeof(st.branch), "%s", k ? k == 1 ? "b1" : "b2" : "");
			st.v[LC_LR] = lr[k];
			lc_past_add(&p, &st);
		}
	}
	lc_lrpath_init(&path);
	lc_past_lrpath(&p, lc_past_find(&p, "b2"), -1, &path);
	cr_assert_float_eq(lc_lrpath_at(&path, 99), 1e-3, 1e-9);
	cr_assert_float_eq(lc_lrpath_at(&path, 130), 5e-4, 1e-9);
	cr_assert_float_eq(lc_lrpath_at(&path, 151), 2e-4, 1e-9);
	lc_lrpath_release(&path);
	/* a ring of parents must not be followed for ever */
	json_t *ring = lc_json_parse(rec[2], strlen(rec[2]), "test", &err);
	lc_past_branch(&p, ring);
	lc_lrpath_init(&path);
	lc_past_lrpath(&p, lc_past_find(&p, "b2"), -1, &path);
	cr_assert(path.n > 0);
	lc_lrpath_release(&path);
	json_decref(ring);
	lc_past_release(&p);
}

Test(lawdata, a_name_in_another_fork_is_another_branch)
{
	struct lc_past p;

	lc_past_init(&p);
	for (int k = 0; k < 2; k++) {
		json_t *j = json_pack("{s:s,s:s,s:{s:i}}", "branch", "b1", "fork", k ? "f2" : "f1",
				      "from", "step", 100 * k);
		struct lc_step st = {.step = 100 * k + 1, .has = 1u << LC_LOSS, .branch = "b1"};
		lc_past_branch(&p, j);
		lc_past_branch(&p, j);
		st.v[LC_LOSS] = k;
		lc_past_add(&p, &st);
		json_decref(j);
	}
	cr_assert(p.n == 3);
	cr_assert(p.series[1].n == 1 && p.series[1].from == 0 && p.series[1].row[0].loss == 0);
	cr_assert(p.series[2].n == 1 && p.series[2].from == 100 && p.series[2].row[0].loss == 1);
	cr_assert(lc_past_find(&p, "b1") == 2);
	lc_past_release(&p);
}

Test(forecast, schedules)
{
	struct lc_schedule s = {LC_SCHED_WSD, 1e-3, 1e-4, .25, 10, 100};

	cr_assert_float_eq(lc_schedule_lr(&s, 5), 5e-4, 1e-12);
	cr_assert_float_eq(lc_schedule_lr(&s, 75), 1e-3, 1e-12);
	cr_assert_float_eq(lc_schedule_lr(&s, 100), 1e-4, 1e-12);
	cr_assert_float_eq(lc_schedule_lr(&s, 500), 1e-4, 1e-12);
	s.shape = LC_SCHED_COSINE;
	cr_assert_float_eq(lc_schedule_lr(&s, 55), .55e-3, 1e-9);
}

/*
 * audit_worlds: the oracle control. Noisy quadratic worlds (lib/nqm.h) are trained to a fork at a
 * constant lr; the law sees that, gvar, and of an earlier fork three branches; ten futures are
 * forecast, whose truth is exact. In the last world a larger lr goes over the edge of stability,
 * which nothing in the past announces: there the right answer is not to trust, or to find out at
 * once.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "evalue.h"
#include "io.h"
#include "json.h"
#include "nqm.h"
#include "skill.h"

enum { FORK = 4000, EARLIER = 2000, AHEAD = 2000, EVERY = 20, FUTURES = 10, N = AHEAD / EVERY };
#define RMSE_BOUND .0015
#define NOISE 1e-4 /* of the loss, as logs are rounded */

static const struct world {
	const char *name;
	double h_max, noise, start, beta, eta;
	int edge; /* its larger lrs diverge */
} worlds[] = {
	{"sgd", 1, 3, 1, 0, .02, 0},
	{"sgd, noisy", 1, 8, 1, 0, .02, 0},
	{"momentum .9", 1, 3, 1, .9, .002, 0},
	{"sgd, past the edge at 1.4 times the lr", 70, .04, .014, 0, .02, 1},
};

/* Scales of the lr over the future, at 0, 1/4, 1/2, 3/4 and 1 of it. */
static const double future[FUTURES][5] = {
	{1, 1, 1, 1, 1},	   {.1, .1, .1, .1, .1}, {.3, .3, .3, .3, .3}, {.6, .6, .6, .6, .6},
	{1.3, 1.3, 1.3, 1.3, 1.3}, {1, .75, .5, .25, 0}, {1, 1, 1, .5, 0},     {1, 1, 1, .1, .1},
	{1, 1.3, 1, .5, 0},	   {.5, .4, .3, .2, .1},
};

static double scale_at(const double *f, double t)
{
	double x = 4 * t / AHEAD;
	int k = x < 3 ? (int)x : 3;

	return f[k] + (f[k + 1] - f[k]) * (x - k);
}

/* n steps of the world from `at` on, logged into the past every EVERY steps as `branch`. */
static void train(const struct world *d, struct lc_nqm *w, const double *f, long at, long n,
		  const char *branch, struct lc_past *past, double *y)
{
	for (long t = 1; t <= n; t++) {
		double eta = d->eta * (f ? scale_at(f, (double)t) : 1);
		struct lc_step st = {.step = at + t};
		lc_nqm_step(w, eta);
		if (t % EVERY)
			continue;
		if (y)
			y[t / EVERY - 1] = lc_nqm_loss(w);
		if (!past)
			continue;
		st.has = 1u << LC_VAL_LOSS | 1u << LC_LR | 1u << LC_GVAR;
		st.v[LC_VAL_LOSS] = lc_nqm_loss(w);
		st.v[LC_LR] = eta;
		st.v[LC_GVAR] = lc_nqm_gvar(w);
		snprintf(st.branch, sizeof(st.branch), "%s", branch);
		lc_past_add(past, &st);
	}
}

static void path_of(const struct world *d, const double *f, struct lc_lrpath *path)
{
	lc_lrpath_init(path);
	lc_lrpath_add(path, 1, d->eta);
	lc_lrpath_add(path, FORK, d->eta);
	for (int k = 0; k < 5; k++)
		lc_lrpath_add(path, FORK + 1 + k * (AHEAD - 1) / 4., d->eta * f[k]);
}

struct result {
	double rmse, cover, last[FUTURES], truth[FUTURES];
	int found; /* futures beyond the edge that were found out; -1: there was none */
	int beyond;
};

/* Is a draft that cannot be right found out by a twentieth of its steps? */
static int found_out(const struct outcome *o, double noise)
{
	double at[N];
	struct lc_draft draft = {o->n, at, o->mean[MODEL_LAW], o->sd, noise, 1};
	struct lc_evalue e;

	for (int i = 0; i < o->n; i++)
		at[i] = o->at[i] - FORK;
	lc_evalue_test(&draft, at, o->y, N / 20, .05, &e);
	return !isnan(e.step);
}

static void one_future(const struct world *d, const struct lc_law *law, const struct lc_nqm *fork,
		       const double *f, int k, struct result *r)
{
	double at[N], y[N], mean[N], sd[N];
	struct outcome o = {.n = N, .at = at, .y = y, .sd = sd, .from = FORK, .noise = law->noise};
	struct lc_nqm w = *fork;
	struct lc_lrpath path;
	struct tally t = {0};

	o.mean[MODEL_LAW] = mean;
	for (int i = 0; i < N; i++)
		at[i] = FORK + EVERY * (i + 1.);
	train(d, &w, f, FORK, AHEAD, "", NULL, y);
	path_of(d, f, &path);
	outcome_roll(law, &path, &o);
	lc_lrpath_release(&path);
	r->last[k] = mean[N - 1];
	r->truth[k] = y[N - 1];
	if (!(y[N - 1] < 10 * law->level)) { /* over the edge */
		r->beyond++;
		r->found += found_out(&o, law->noise);
		return;
	}
	tally_take(&t, &o, MODEL_LAW);
	r->rmse += sqrt(t.sq / (double)t.n);
	r->cover += (double)t.inside / (double)t.n;
}

static void run_world(const struct world *d, struct result *r)
{
	static const int known[] = {2, 4, 5};
	struct lc_nqm w, fork;
	struct lc_past past;
	struct lc_law law;
	struct lc_err err;

	memset(r, 0, sizeof(*r));
	lc_past_init(&past);
	lc_nqm_init(&w, d->h_max, d->noise, d->start, d->beta);
	train(d, &w, NULL, 0, EARLIER, "", &past, NULL);
	fork = w;
	train(d, &w, NULL, EARLIER, FORK - EARLIER, "", &past, NULL);
	for (int i = 0; i < 3; i++) {
		struct lc_nqm early = fork;
		char name[] = {'e', (char)('0' + i), 0};
		train(d, &early, future[known[i]], EARLIER, AHEAD, name, &past, NULL);
		past.series[1 + i].from = EARLIER;
	}
	if (lc_law_fit(&law, &past, 0, &err) < 0)
		lc_die(&err);
	for (int k = 0; k < FUTURES; k++) {
		double f[5];
		for (int i = 0; i < 5; i++) /* the edge is at 1.4 */
			f[i] = d->edge && k == 4 ? 2 : future[k][i];
		one_future(d, &law, &w, f, k, r);
	}
	r->rmse /= FUTURES - r->beyond;
	r->cover /= FUTURES - r->beyond;
	lc_law_release(&law);
	lc_past_release(&past);
}

int audit_worlds(const struct options *o)
{
	int failed = 0;

	if (!o->json)
		printf("%-40s %8s %8s %8s %8s\n", "oracle: world (10 futures)", "rmse", "tau",
		       "regret", "cover90");
	for (size_t i = 0; i < sizeof(worlds) / sizeof(*worlds); i++) {
		struct result r;
		double tau, regret;
		int bad;
		run_world(&worlds[i], &r);
		tau = lc_skill_tau(r.last, r.truth, FUTURES, NOISE * 2);
		regret = lc_skill_regret(r.last, r.truth, FUTURES);
		bad = worlds[i].edge ? r.found < r.beyond : r.rmse > RMSE_BOUND || regret > NOISE;
		failed += bad;
		if (o->json) {
			json_t *j = audit_record("oracle", worlds[i].name);
			audit_put(j, "rmse", r.rmse);
			audit_put(j, "tau", tau);
			audit_put(j, "regret", regret);
			audit_put(j, "cover90", r.cover);
			if (worlds[i].edge)
				audit_put(j, "beyond", r.beyond);
			if (worlds[i].edge)
				audit_put(j, "found", r.found);
			json_object_set_new(j, "passed", json_boolean(!bad));
			audit_emit(j);
			continue;
		}
		printf("%-40s %8.5f %8.2f %8.5f %8.2f  %s", worlds[i].name, r.rmse, tau, regret,
		       r.cover, bad ? "FAILED" : "passed");
		if (worlds[i].edge)
			printf(": %d of %d that diverge found out by 5 %% of their steps", r.found,
			       r.beyond);
		putchar('\n');
	}
	return failed ? LC_NO : LC_OK;
}

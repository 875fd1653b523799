/*
 * lc-proxy plan: search the schedules themselves, in the law, from a step to the end of the plan.
 *
 * A schedule is NODES scales of the plan's lr at the fork, even distances apart, linear between: an
 * lr_tail of shape "points". The value of one is the forecast's mean change of the final loss
 * against the plan as it is, plus one sd of it. A beam of schedules goes down the law's gradient
 * over the nodes, a few step lengths at a time; no lr is above what the run has sustained. Every
 * candidate is asked of the forecaster as the branch record it would become.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "json.h"
#include "proxy.h"

enum { NODES = 17, BEAM = 8, ROUNDS = 40, LENGTHS = 5, MANY = BEAM * (2 * NODES + LENGTHS + 1) };
#define Z95 1.6448536269514722
#define MISFIT 4.   /* chi2 an observation above which the law is not about this run */
#define ENOUGH 1e-5 /* of the loss: after a round that gains less the steps are halved */

struct candidate {
	double x[NODES], value;
};

struct search {
	struct lc_forecaster *fc;
	struct lc_pool *pool;
	double from, horizon, top; /* top: highest scale allowed */
	struct lc_forecast *ask;   /* [MANY] */
};

static json_t *scale_json(double x)
{
	return json_real(round(x * 1e4) / 1e4);
}

static json_t *branch_of(const struct search *s, const double *x)
{
	json_t *tail = json_pack("{s:s,s:o,s:[],s:o,s:I}", "shape", "points", "from",
				 scale_json(x[0]), "points", "to", scale_json(x[NODES - 1]),
				 "steps", (json_int_t)s->horizon);
	json_t *rec = lc_record_new("branch", 1);

	for (int i = 1; i + 1 < NODES; i++)
		json_array_append_new(json_object_get(tail, "points"), scale_json(x[i]));
	json_object_set_new(rec, "branch", json_string("plan"));
	json_object_set_new(rec, "role", json_string("arm"));
	json_object_set_new(rec, "kind", json_string("persistent"));
	json_object_set_new(rec, "from", json_pack("{s:I}", "step", (json_int_t)s->from));
	json_object_set_new(rec, "horizon", json_integer((json_int_t)s->horizon));
	json_object_set_new(rec, "actions", json_pack("{s:o}", "lr_tail", tail));
	return rec;
}

/* The values of n candidates, n at most MANY. */
static void judge(struct search *s, struct candidate *c, int n)
{
	for (int i = 0; i < n; i++) {
		json_t *rec;
		struct lc_err err;
		for (int k = 0; k < NODES; k++)
			c[i].x[k] = fmin(fmax(c[i].x[k], 0), s->top);
		rec = branch_of(s, c[i].x);
		if (lc_forecast_ask(s->fc, rec, &s->ask[i], &err) < 0)
			lc_die(&err);
		json_decref(rec);
	}
	lc_forecast_run(s->fc, s->ask, n, s->pool);
	for (int i = 0; i < n; i++)
		c[i].value = s->ask[i].delta + s->ask[i].delta_sd;
}

static int by_value(const void *a, const void *b)
{
	double x = ((const struct candidate *)a)->value, y = ((const struct candidate *)b)->value;

	return (x > y) - (x < y);
}

/* Holds, then a fall over the last part of the way, to several ends; MANY of them at most. */
static int seeds(const struct search *s, struct candidate *c)
{
	static const double level[] = {1, .7, .5, .3, .15}, part[] = {0, .1, .2, .4, .7, 1},
			    end[] = {0, .1, .3};
	int n = 0;

	for (int l = 0; l < 5; l++)
		for (int p = 0; p < 6; p++)
			for (int e = 0; e < (p ? 3 : 1); e++, n++)
				for (int k = 0; k < NODES; k++) {
					double at = k / (NODES - 1.);
					double f = part[p] > 0 ? fmax(0, at - 1 + part[p]) / part[p]
							       : 0;
					c[n].x[k] = s->top * level[l] * (1 - f * (1 - end[e]));
				}
	return n;
}

/*
 * One round: a step h of every node up and down for the whole beam, which gives its gradients, then
 * LENGTHS steps along each; the best of all of these are the next beam. Returns what was gained.
 */
static double descend(struct search *s, struct candidate *beam, struct candidate *room, double h)
{
	static const double length[LENGTHS] = {8, 4, 2, 1, .5};
	struct candidate *next = room + BEAM * 2 * NODES;
	double before = beam[0].value;

	for (int b = 0; b < BEAM; b++)
		for (int k = 0; k < 2 * NODES; k++) {
			struct candidate *c = &room[b * 2 * NODES + k];
			*c = beam[b];
			c->x[k / 2] += k % 2 ? -h : h;
		}
	judge(s, room, BEAM * 2 * NODES);
	for (int b = 0; b < BEAM; b++) {
		double g[NODES], norm = 0;
		for (int k = 0; k < NODES; k++) {
			const struct candidate *c = &room[(b * NODES + k) * 2];
			double dx = c[0].x[k] - c[1].x[k];
			g[k] = dx > 0 ? (c[0].value - c[1].value) / dx : 0;
			norm = fmax(norm, fabs(g[k]));
		}
		for (int l = 0; l < LENGTHS; l++) {
			struct candidate *c = &next[b * LENGTHS + l];
			*c = beam[b];
			for (int k = 0; k < NODES && norm > 0; k++)
				c->x[k] -= length[l] * h * g[k] / norm;
		}
	}
	judge(s, next, BEAM * LENGTHS);
	memcpy(next + BEAM * LENGTHS, beam, BEAM * sizeof(*beam));
	qsort(room, MANY, sizeof(*room), by_value);
	memcpy(beam, room, BEAM * sizeof(*beam));
	return before - beam[0].value;
}

static struct candidate search(struct search *s, double level)
{
	struct candidate *room = lc_xalloc(MANY, sizeof(*room)), beam[BEAM], best;
	double h = .1 * s->top;
	int n = seeds(s, room);

	s->ask = lc_xalloc(MANY, sizeof(*s->ask));
	judge(s, room, n);
	qsort(room, (size_t)n, sizeof(*room), by_value);
	memcpy(beam, room, sizeof(beam));
	for (int i = 0; i < ROUNDS && h > .004 * s->top; i++)
		if (descend(s, beam, room, h) < ENOUGH * level)
			h /= 2;
	best = beam[0];
	free(s->ask);
	free(room);
	return best;
}

/* Say no, and why: status 1. */
static int refuse(const char *why)
{
	lc_warn("plan: %s", why);
	return LC_NO;
}

static int answer(struct search *s, const struct lc_law *law, const struct candidate *best)
{
	struct lc_forecaster *fc = s->fc;
	json_t *rec = branch_of(s, best->x);
	struct lc_forecast f;
	struct lc_err err;
	char why[160];

	if (lc_forecast_ask(fc, rec, &f, &err) < 0)
		lc_die(&err);
	lc_forecast_run(fc, &f, 1, NULL);
	if (lc_forecast_check(&f, &err) < 0)
		lc_die(&err);
	if (!(f.delta + Z95 * f.delta_sd < 0)) {
		snprintf(why, sizeof(why),
			 "the law cannot tell: the best schedule it finds changes the final %s by "
			 "%.4g "
			 "+- %.2g",
			 lc_metric_name(law->metric), f.delta, Z95 * f.delta_sd);
		json_decref(rec);
		return refuse(why);
	}
	if (lc_json_emit(stdout, rec, &err) < 0)
		lc_die(&err);
	lc_forecast_print(fc, &f, stdout);
	json_decref(rec);
	return LC_OK;
}

int cmd_plan(const struct options *o)
{
	struct search s = {0};
	struct lc_schedule plan;
	struct candidate best;
	struct lc_law law;
	double total, now;
	char why[120];
	int ret;

	get_law(o, &law, &plan);
	s.from = o->step >= 0 ? (double)o->step : law.last;
	total = o->horizon > 0 ? s.from + (double)o->horizon : (double)plan.total;
	s.horizon = total - s.from;
	if (s.horizon < NODES) {
		lc_law_release(&law);
		lc_usage("plan: wants --horizon N or --plan with a total, at least %d steps ahead",
			 NODES);
	}
	if (!(law.eta_ref > 0) || law.chi2 > MISFIT) {
		snprintf(why, sizeof(why),
			 law.eta_ref > 0 ? "the law does not fit this run (misfit %.1f)"
					 : "the run did not log its lr",
			 law.chi2);
		lc_law_release(&law);
		return refuse(why);
	}
	plan.total = plan.shape ? plan.total : 0;
	s.fc = lc_forecaster_open(&law, &plan, 1);
	s.pool = lc_pool_open(lc_cpu_count());
	now = plan.shape ? lc_schedule_lr(&plan, s.from) / law.eta_ref
			 : lc_lrpath_at(&law.path[0], s.from);
	s.top = law.lr_hi / now;
	if (!(now > 0) || !isfinite(s.top)) {
		ret = refuse("the lr is 0 where the schedule would begin");
	} else {
		best = search(&s, fabs(law.level));
		lc_forecaster_close(s.fc);
		s.fc = lc_forecaster_open(&law, &plan, o->points);
		ret = answer(&s, &law, &best);
	}
	lc_forecaster_close(s.fc);
	lc_pool_close(s.pool);
	lc_law_release(&law);
	return ret;
}

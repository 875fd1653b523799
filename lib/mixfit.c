/* mixfit: see mixfit.h. */
#include "mixfit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "held.h"
#include "io.h"

enum { POINTS = 8, MOST_BRANCHES = 12, MOST_OWN = 8, FEWEST = 3, ALL = -1 };
#define CLIP 20. /* sd's: no single error is larger to the network */

_Static_assert((int)LC_MIX_KINDS == (int)LC_CALIBS, "weights for each kind of law");

/* A value that was held out. Errors are forecast less truth, in levels; NaN: not forecast. */
struct value {
	int group, kind;
	double horizon, err[LC_MIXED], sd; /* sd: the law's, in levels */
	double noise;			   /* of a value, in levels */
};

struct bag {
	int n, cap;
	struct value *v;
	struct lc_resid_case *net; /* what the network is told of it */
};

static void bag_add(struct bag *b, const struct value *v, const float *x)
{
	double z = -v->err[LC_MIX_LAW] / v->sd;

	if (b->n == b->cap) {
		b->cap = b->cap ? 2 * b->cap : 64;
		b->v = lc_xrealloc(b->v, (size_t)b->cap, sizeof(*b->v));
		b->net = lc_xrealloc(b->net, (size_t)b->cap, sizeof(*b->net));
	}
	b->v[b->n] = *v;
	memcpy(b->net[b->n].x, x, sizeof(b->net->x));
	b->net[b->n].group = v->group;
	b->net[b->n++].z = (float)fmin(fmax(z, -CLIP), CLIP);
}

static void bag_release(struct bag *b)
{
	free(b->v);
	free(b->net);
}

/* What the experts of a law (all of them) say of a series. */
static void ask(struct bag *bag, const struct lc_law *law, const struct lc_past *past, int series,
		double from, double until, struct value v)
{
	double say[LC_MIXED][LC_POINTS], level = fmax(fabs(law->level), 1e-9);
	float x[LC_POINTS][LC_RESID_IN];
	struct lc_held h;

	lc_held_roll(&h, law, past, series, from, until, POINTS);
	struct lc_mix_query q = {&h.path, from, law->noise, h.at, h.n, h.mean, h.sd};
	for (int e = 0; e < LC_MIXED; e++)
		lc_mix_expert(law, e, &q, say[e]);
	lc_mix_inputs(law, &q, x);
	for (int i = 0; i < h.n && h.n >= FEWEST; i++) {
		v.horizon = (h.at[i] - from) / fmax(law->last, 1);
		v.sd = h.sd[i] / level;
		v.noise = law->noise / level;
		for (int e = 0; e < LC_MIXED; e++)
			v.err[e] = (say[e][i] - h.y[i]) / level;
		bag_add(bag, &v, x[i]);
	}
	lc_held_release(&h);
}

/* Forecast a series from what was known, with all experts. */
static void hold_out(struct bag *bag, const struct lc_past *past, int series, long from,
		     double until, enum lc_held_which which, double total,
		     const struct lc_law_model *model, struct value v)
{
	struct lc_past known;
	struct lc_law law;

	lc_held_known(past, series, from, which, &known);
	if ((v.kind != LC_CALIB_OWN || known.n > 1 || which == LC_HELD_SIBLINGS) &&
	    lc_law_fit_once(&law, &known, total, model, NULL) == 0) {
		if (law.eta_ref > 0) {
			lc_mix_take(&law, &known, LC_MIX_NONE, NULL, NULL);
			ask(bag, &law, past, series, (double)from, until, v);
		}
		lc_law_release(&law);
	}
	lc_held_known_release(&known);
}

/* ---- the network: what it says of each group is learned from the others ---- */

static void learn_net(struct bag *bag, int groups, struct lc_mix_model *out)
{
	float *z = lc_xalloc((size_t)bag->n + 1, sizeof(*z));
	struct lc_resid *r = &out->resid;
	size_t n = (size_t)bag->n;

	for (int g = 0; g < groups && groups > 1; g++) {
		lc_resid_train(r, bag->net, n, g);
		for (int i = 0; i < bag->n; i++)
			if (bag->v[i].group == g)
				lc_resid_predict(r, bag->net[i].x, 1, &z[i]);
	}
	memset(r, 0, sizeof(*r));
	if (groups > 1 && n) {
		double gate = lc_resid_gate(bag->net, z, n, &out->resid_gain, &out->resid_se);
		if (gate > 0)
			lc_resid_train(r, bag->net, n, -1);
		r->gate = gate;
		for (int i = 0; i < bag->n && gate > 0; i++)
			bag->v[i].err[LC_MIX_RESID] =
				bag->v[i].err[LC_MIX_LAW] + gate * (double)z[i] * bag->v[i].sd;
	}
	free(z);
}

/* ---- the weights ---- */

/* An error over what it is measured in: the law's by its sd, others' without the value's noise. */
static double squared(const struct value *v, int expert)
{
	double sq = v->err[expert] * v->err[expert];

	if (expert == LC_MIX_LAW || expert == LC_MIX_RESID)
		return sq / (v->sd * v->sd);
	return fmax(sq - v->noise * v->noise, .01 * sq);
}

/* Mean over groups of a group's mean square in a bucket (or ALL); how many groups in *have. */
static double mean_square(const struct bag *bag, int kind, int bucket, int without, int expert,
			  int groups, double *have)
{
	double *sum = lc_xalloc(2 * (size_t)groups + 1, sizeof(*sum)), total = 0;

	for (int i = 0; i < bag->n; i++) {
		const struct value *v = &bag->v[i];
		if (v->kind != kind || v->group == without || !isfinite(v->err[expert]) ||
		    (bucket != ALL && lc_stack_bucket(v->horizon) != bucket))
			continue;
		sum[2 * v->group] += squared(v, expert);
		sum[2 * v->group + 1]++;
	}
	*have = 0;
	for (int g = 0; g < groups; g++)
		if (sum[2 * g + 1] > 0) {
			total += sum[2 * g] / sum[2 * g + 1];
			++*have;
		}
	free(sum);
	return *have > 0 ? total / *have : 0;
}

/* A bucket leans on all of them as on one group more. */
static void learn_rms(const struct bag *bag, int kind, int without, int groups,
		      double rms[LC_STACK_BUCKETS][LC_MIXED])
{
	for (int e = 0; e < LC_MIXED; e++) {
		double n, all = mean_square(bag, kind, ALL, without, e, groups, &n);
		for (int b = 0; b < LC_STACK_BUCKETS; b++) {
			double sq = mean_square(bag, kind, b, without, e, groups, &n);
			rms[b][e] = sqrt((n * sq + all) / (n + 1));
		}
	}
}

/* The density of a value under each expert, in the width that other groups gave it. */
static void judge(const struct value *v, double rms[LC_STACK_BUCKETS][LC_MIXED],
		  struct lc_stack_case *c)
{
	const double *r = rms[lc_stack_bucket(v->horizon)];

	c->group = v->group;
	c->horizon = v->horizon;
	for (int e = 0; e < LC_MIXED; e++) {
		double sd =
			e == LC_MIX_LAW || e == LC_MIX_RESID ? r[e] * v->sd : hypot(r[e], v->noise);
		c->logp[e] = sd > 0 ? lc_log_normal(v->err[e], 0, sd) : NAN;
	}
}

/* Small weights are none. */
static void tidy(struct lc_stack *s)
{
	for (int b = 0; b < LC_STACK_BUCKETS; b++) {
		double sum = 0;
		for (int e = 0; e < LC_MIXED; e++)
			sum += s->weight[b][e] *= s->weight[b][e] >= LC_MIX_LEAST;
		for (int e = 0; e < LC_MIXED; e++)
			s->weight[b][e] /= sum;
	}
}

static void learn_weights(const struct bag *bag, int kind, int groups, struct lc_mix_weights *w)
{
	struct lc_stack_case *c = lc_xalloc((size_t)bag->n + 1, sizeof(*c));
	double rms[LC_STACK_BUCKETS][LC_MIXED];
	double have;
	size_t n = 0;

	for (int g = 0; g < groups; g++) {
		learn_rms(bag, kind, g, groups, rms);
		for (int i = 0; i < bag->n; i++)
			if (bag->v[i].kind == kind && bag->v[i].group == g)
				judge(&bag->v[i], rms, &c[n++]);
	}
	learn_rms(bag, kind, -1, groups, w->rms);
	mean_square(bag, kind, ALL, -1, LC_MIX_LAW, groups, &have);
	w->groups = (int)have;
	w->gain = lc_stack_gain(LC_MIXED, c, n, &w->se);
	lc_stack_init(&w->stack, LC_MIXED);
	if (w->groups > 1 && w->gain > w->se) {
		lc_stack_fit(&w->stack, LC_MIXED, c, n);
		tidy(&w->stack);
	}
	free(c);
}

void lc_mix_fit(struct lc_law_model *model, const struct lc_pupil *run, int n)
{
	struct bag bag = {0};

	for (int r = 0; r < n; r++) {
		const struct lc_past *past = run[r].past;
		int all = past->n - 1, stride = (all + MOST_BRANCHES - 1) / MOST_BRANCHES;
		for (int k = 0; k < LC_CALIBS && all > 0; k++) {
			struct lc_law_model rest;
			lc_held_without(model, run[r].name, k == LC_CALIB_FAR, &rest);
			for (int s = 1; s <= all; s += stride)
				if (past->series[s].parent == 0)
					hold_out(&bag, past, s, lc_series_from(&past->series[s]),
						 INFINITY,
						 k == LC_CALIB_OWN ? LC_HELD_ENDED : LC_HELD_NONE,
						 0, rest.n ? &rest : NULL,
						 (struct value){.group = r, .kind = k});
			lc_model_release(&rest);
		}
	}
	learn_net(&bag, n, &model->mix);
	for (int k = 0; k < LC_CALIBS; k++)
		learn_weights(&bag, k, n, &model->mix.kind[k]);
	bag_release(&bag);
}

/* The weights from the run's own earlier forecasts. */
static void learn_own(const struct lc_law *law, const struct lc_past *past, double total,
		      const struct lc_law_model *model, struct lc_mix_weights *w)
{
	static const double origin[] = {.5, .65, .8};
	struct value v = {.kind = LC_CALIB_FAR};
	struct bag bag = {0};
	double clean = fmin((double)lc_past_clean(past), law->last);

	for (size_t i = 0; i < sizeof(origin) / sizeof(*origin); i++, v.group++)
		hold_out(&bag, past, 0, (long)(origin[i] * law->last), clean, LC_HELD_ENDED, total,
			 model, v);
	for (int s = past->n - 1; s > 0 && v.group < MOST_OWN; s--) {
		long from = lc_series_from(&past->series[s]);
		if (past->series[s].parent == 0 && (double)from <= clean)
			hold_out(&bag, past, s, from, INFINITY, LC_HELD_SIBLINGS, total, model, v);
		v.group++;
	}
	learn_weights(&bag, v.kind, v.group, w);
	bag_release(&bag);
}

void lc_mix_adapt(struct lc_law *law, const struct lc_past *past, double total,
		  const struct lc_law_model *model)
{
	const struct lc_mix_weights *w = model ? &model->mix.kind[law->calib] : NULL;
	struct lc_mix_weights own = {0};

	if (!(law->eta_ref > 0))
		return;
	if (w && w->groups > 1) {
		lc_mix_take(law, past, LC_MIX_MODEL, w, &model->mix.resid);
		return;
	}
	learn_own(law, past, total, model, &own);
	if (own.groups > 1)
		lc_mix_take(law, past, LC_MIX_OWN, &own, NULL);
}

/* mixfit: see mixfit.h. */
#include "mixfit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"

enum { POINTS = 8, FEWEST = 3, ALL = -1 };
#define CLIP 20. /* sd's: no single error is larger to the network */

_Static_assert((int)LC_MIX_KINDS == (int)LC_CALIBS, "weights for each kind of law");

/* A value that was held out. Errors are forecast less truth, in levels; NaN: not forecast. */
struct value {
	int group, kind;
	double horizon, err[LC_MIXED], sd; /* sd: the law's, in levels */
	double noise;			   /* of a value, in levels */
};

struct lc_mix_book {
	int n, cap;
	struct value *v;
	struct lc_resid_case *net; /* what the network is told of it */
};

static void book_add(struct lc_mix_book *b, const struct value *v, const float *x)
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

struct lc_mix_book *lc_mix_open(void)
{
	return lc_xalloc(1, sizeof(struct lc_mix_book));
}

void lc_mix_close(struct lc_mix_book *b)
{
	if (!b)
		return;
	free(b->v);
	free(b->net);
	free(b);
}

void lc_mix_hear(struct lc_mix_book *b, const struct lc_held_fold *fold)
{
	struct lc_law *law = fold->law;
	struct value v = {.group = fold->group, .kind = fold->kind};
	double say[LC_MIXED][LC_POINTS], level = fmax(fabs(law->level), 1e-9);
	float x[LC_POINTS][LC_RESID_IN];
	struct lc_held h;

	lc_mix_take(law, fold->known, LC_MIX_NONE, NULL, NULL);
	lc_held_roll(&h, law, fold->past, fold->series, fold->from, fold->until, POINTS);
	struct lc_mix_query q = {&h.path, fold->from, law->noise, h.at, h.n, h.mean, h.sd, NULL};
	for (int e = 0; e < LC_MIXED; e++)
		lc_mix_expert(law, e, &q, say[e]);
	lc_mix_inputs(law, &q, x);
	for (int i = 0; i < h.n && h.n >= FEWEST; i++) {
		v.horizon = (h.at[i] - fold->from) / fmax(law->last, 1);
		v.sd = h.sd[i] / level;
		v.noise = law->noise / level;
		for (int e = 0; e < LC_MIXED; e++)
			v.err[e] = (say[e][i] - h.y[i]) / level;
		book_add(b, &v, x[i]);
	}
	lc_held_release(&h);
}

/* ---- the network: what it says of each group is learned from the others ---- */

static void learn_net(struct lc_mix_book *bag, int groups, struct lc_mix_model *out)
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
static double mean_square(const struct lc_mix_book *bag, int kind, int bucket, int without,
			  int expert, int groups, double *have)
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
static void learn_rms(const struct lc_mix_book *bag, int kind, int without, int groups,
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

static void learn_weights(const struct lc_mix_book *bag, int kind, int groups,
			  struct lc_mix_weights *w)
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

void lc_mix_fit(struct lc_law_model *model, struct lc_mix_book *b, int groups)
{
	learn_net(b, groups, &model->mix);
	for (int k = 0; k < LC_CALIBS; k++)
		learn_weights(b, k, groups, &model->mix.kind[k]);
}

int lc_mix_known(const struct lc_law_model *model, const struct lc_law *law)
{
	return model && model->mix.kind[law->calib].groups > 1;
}

void lc_mix_adapt(struct lc_law *law, const struct lc_past *past, const struct lc_law_model *model,
		  const struct lc_mix_book *b, int groups)
{
	struct lc_mix_weights own = {0};

	if (lc_mix_known(model, law)) {
		lc_mix_take(law, past, LC_MIX_MODEL, &model->mix.kind[law->calib],
			    &model->mix.resid);
		return;
	}
	if (b)
		learn_weights(b, LC_CALIB_FAR, groups, &own);
	if (own.groups > 1)
		lc_mix_take(law, past, LC_MIX_OWN, &own, NULL);
}

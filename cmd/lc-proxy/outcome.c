/* outcome: what each model made of a case. See case.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "case.h"
#include "io.h"
#include "lawcalib.h"
#include "skill.h"

#define PIECE_TOL .05
#define Z90 1.6448536269514722

const char *model_name(int model)
{
	return model == MODEL_LAW ? "law" : model == MODEL_MIX ? "mix" : lc_expert_name(model);
}

struct points {
	int n;
	double *at, *y;
};

static void read_points(const struct lc_series *s, enum lc_metric m, double t0, struct points *p)
{
	p->n = 0;
	p->at = lc_xalloc((size_t)s->n + 1, sizeof(double));
	p->y = lc_xalloc((size_t)s->n + 1, sizeof(double));
	for (long i = 0; i < s->n; i++) {
		double y = m == LC_VAL_LOSS ? s->row[i].val_loss : s->row[i].loss;
		double t = (double)s->row[i].step;
		if (!isfinite(y) || t <= t0)
			continue;
		p->at[p->n] = t;
		p->y[p->n++] = y;
	}
}

void outcome_roll(const struct lc_law *law, const struct lc_lrpath *path, struct outcome *o)
{
	struct lc_lrpath ahead;
	struct lc_modes start;
	double *out = lc_xalloc((size_t)o->n, sizeof(*out)),
	       ref = law->eta_ref > 0 ? law->eta_ref : 1, eta = lc_lrpath_at(path, o->from + 1);
	struct lc_rollout_branch br = {.start = &start,
				       .from = o->from,
				       .scale = 1,
				       .nout = o->n,
				       .out = out,
				       .mean = o->mean[MODEL_LAW],
				       .sd = o->sd};

	lc_lrpath_init(&ahead);
	lc_lrpath_add(&ahead, 1, isfinite(eta) && law->eta_ref > 0 ? eta / ref : 1);
	for (int i = 0; i < path->n && law->eta_ref > 0; i++)
		if (path->at[i] > o->from + 1)
			lc_lrpath_add(&ahead, path->at[i] - o->from, path->lr[i] / ref);
	for (int i = 0; i < o->n; i++)
		out[i] = o->at[i] - o->from;
	br.npoint = ahead.n;
	br.at = ahead.at;
	br.eta = ahead.lr;
	lc_law_modes(law, 0, o->from, &start);
	lc_rollout_cpu(&law->basis, &law->post, PIECE_TOL, &br, 1, NULL);
	for (int i = 0; i < o->n; i++) {
		int cell = lc_calib_cell(law, lc_lrpath_at(&ahead, out[i]), out[i]);
		o->sd[i] = hypot(o->sd[i], law->noise) * (&law->width[0][0])[cell];
		if (o->cell)
			o->cell[i] = cell;
	}
	lc_lrpath_release(&ahead);
	free(out);
}

/* The experts see what the law sees: the trunk and the known series, warm-up left out. */
static void ask_experts(const struct lc_past *past, const struct lc_law *law,
			const struct lc_lrpath *ahead, int experts, struct outcome *o)
{
	int n = past->n;
	struct lc_curve *curve = lc_xalloc((size_t)n, sizeof(*curve)),
			q = {o->n, o->at, o->y, ahead};
	struct lc_lrpath *path = lc_xalloc((size_t)n, sizeof(*path));
	struct points *pts = lc_xalloc((size_t)n, sizeof(*pts));

	for (int i = 0; i < n; i++) {
		read_points(&past->series[i], law->metric,
			    fmax(i ? (double)past->series[i].from : 0, law->last / 20), &pts[i]);
		lc_past_lrpath(past, i, -1, &path[i]);
		curve[i] = (struct lc_curve){pts[i].n, pts[i].at, pts[i].y, &path[i]};
	}
	for (int k = 0; k < LC_EXPERTS; k++) {
		struct lc_expert e;
		struct lc_err err;
		if (!experts || lc_expert_fit(&e, k, curve, n, &err) < 0)
			for (int i = 0; i < o->n; i++)
				o->mean[k][i] = NAN;
		else
			lc_expert_predict(&e, &q, o->mean[k]);
	}
	for (int i = 0; i < n; i++) {
		free(pts[i].at);
		free(pts[i].y);
		lc_lrpath_release(&path[i]);
	}
	free(pts);
	free(path);
	free(curve);
}

/* The law's forecast and the other experts', as predict would say it. */
static void mix(const struct lc_law *law, const struct lc_lrpath *path, struct outcome *o)
{
	struct lc_lrpath in_ref;
	struct lc_mix_query q = {&in_ref, o->from, law->noise, o->at, o->n, o->mean[MODEL_LAW],
				 o->sd,	  NULL};

	lc_lrpath_init(&in_ref);
	for (int i = 0; i < path->n && law->eta_ref > 0; i++)
		lc_lrpath_add(&in_ref, path->at[i], path->lr[i] / law->eta_ref);
	lc_mix_apply(law, &q, o->mean[MODEL_MIX], o->mix_sd);
	lc_mix_weigh(law, o->at[o->n - 1] - o->from, o->weight);
	lc_lrpath_release(&in_ref);
}

/* Room for a forecast of each point, what the law says of itself beside it; the points become
 * out's. */
static void outcome_open(struct outcome *out, const struct lc_law *law,
			 const struct lc_lrpath *path, const struct points *pts)
{
	out->n = pts->n;
	out->at = pts->at;
	out->y = pts->y;
	out->lr = lc_xalloc((size_t)pts->n + 1, sizeof(double));
	out->sd = lc_xalloc((size_t)pts->n + 1, sizeof(double));
	out->mix_sd = lc_xalloc((size_t)pts->n + 1, sizeof(double));
	out->cell = lc_xalloc((size_t)pts->n + 1, sizeof(int));
	for (int m = 0; m < MODELS; m++)
		out->mean[m] = lc_xalloc((size_t)pts->n + 1, sizeof(double));
	for (int i = 0; i < pts->n; i++)
		out->lr[i] = lc_lrpath_at(path, pts->at[i]);
	out->noise = law->noise;
	out->level = law->level;
	out->chi2 = law->chi2;
	out->eta_ref = law->eta_ref;
	out->lr_lo = law->lr_lo;
	out->lr_hi = law->lr_hi;
}

int case_run(const struct options *o, const struct bt_case *c, int experts, struct outcome *out)
{
	struct lc_lrpath path = {0};
	struct lc_past past;
	struct points pts;
	struct lc_law law;
	struct lc_err err;
	long all, probe;
	int test;

	memset(out, 0, sizeof(*out));
	case_read(o, c, &past);
	test = past.n - 1;
	if (c->hold) {
		lc_past_lrpath(&past, 0, c->at, &path);
	} else if (c->lr_of) {
		int other = case_series(o, &past, c->lr_of, c->whole ? 0 : c->at);
		lc_past_lrpath(&past, other, -1, &path);
		free(past.series[other].row);
		past.n--;
	} else {
		lc_past_lrpath(&past, test, -1, &path);
	}
	all = past.series[test].n;
	probe = c->probe > 0 && !c->whole ? case_rows_to(&past.series[test], c->at + c->probe) : 0;
	past.series[test].n = probe;
	past.n -= probe == 0;
	if (lc_law_fit_model(&law, &past, 0, o->model, &err) < 0) {
		lc_fail(&err, LC_DATA, "%s: nothing to forecast from before the fork", c->parent);
		lc_die(&err);
	}
	out->from = c->whole ? 0 : (double)c->at;
	past.series[test].n = all;
	read_points(&past.series[test], law.metric,
		    c->whole ? law.last / 20 : out->from + (double)c->probe, &pts);
	past.series[test].n = probe;
	outcome_open(out, &law, &path, &pts);
	if (pts.n) {
		outcome_roll(&law, &path, out);
		mix(&law, &path, out);
		ask_experts(&past, &law, &path, experts, out);
	}
	past.n = test + 1;
	lc_lrpath_release(&path);
	lc_law_release(&law);
	lc_past_release(&past);
	return out->n > 0;
}

void outcome_release(struct outcome *out)
{
	for (int m = 0; m < MODELS; m++)
		free(out->mean[m]);
	free(out->at);
	free(out->y);
	free(out->lr);
	free(out->sd);
	free(out->mix_sd);
	free(out->cell);
}

void tally_take(struct tally *t, const struct outcome *out, int model)
{
	for (int i = 0; i < out->n; i++) {
		double sd = model == MODEL_LAW	 ? out->sd[i]
			    : model == MODEL_MIX ? out->mix_sd[i]
						 : 0;
		t->last = out->mean[model][i] - out->y[i];
		t->sq += t->last * t->last;
		t->crps += lc_skill_crps(out->mean[model][i], sd, out->y[i]);
		t->inside += fabs(t->last) <= Z90 * sd;
		t->n++;
	}
}

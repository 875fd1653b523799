/* forecast: see forecast.h. */
#include "forecast.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "action.h"
#include "forecast_impl.h"
#include "hazard.h"
#include "io.h"
#include "json.h"
#include "mechanism.h"

#define PIECE_TOL .1

/* A state branches start from, and what doing nothing gives from there. */
struct lc_forecast_root {
	int path;
	double from;
	struct lc_modes m;
};

struct lc_forecaster *lc_forecaster_open(const struct lc_law *law, const struct lc_schedule *plan,
					 int points)
{
	struct lc_forecaster *fc = lc_xalloc(1, sizeof(*fc));

	fc->law = law;
	fc->points = points;
	if (plan)
		fc->plan = *plan;
	return fc;
}

void lc_forecaster_close(struct lc_forecaster *fc)
{
	if (!fc)
		return;
	for (int i = 0; i < fc->nroot; i++)
		free(fc->root[i]);
	free(fc->root);
	free(fc);
}

void lc_forecaster_device(struct lc_forecaster *fc, const struct lc_device *dev)
{
	fc->dev = dev;
}

const char *lc_forecaster_refused(const struct lc_forecaster *fc)
{
	return fc->refused.code ? fc->refused.text : NULL;
}

void lc_forecaster_to_end(struct lc_forecaster *fc)
{
	fc->to_end = 1;
}

int lc_forecaster_held(const struct lc_forecaster *fc)
{
	return fc->held;
}

/*
 * Updates after the fork at which to answer: even, whole, the horizon last; then the end of the
 * plan.
 */
static void set_points(struct lc_forecast *f, int points)
{
	f->n = (int)fmin(points, f->horizon);
	for (int i = 0; i < f->n; i++)
		f->at[i] = floor(f->horizon * (i + 1) / f->n);
	if (f->end > 0)
		f->at[f->n] = f->end - f->from;
}

/*
 * How far an action may move the loss beyond its mechanism, of the level. Forks of lc-train: clip
 * .25 on a clean run moved it by .0003 or less, a reset of both moments by .0022 and -.0012.
 */
static double surprise(const struct lc_law *law, const char *name, const json_t *v)
{
	struct lc_reset r;

	if (!strcmp(name, "reseed") || !strcmp(name, "jitter") || !strcmp(name, "skip"))
		return .0005;
	if (!strcmp(name, "clip") && !isnan(lc_clip_factor(&law->grad, json_number_value(v))))
		return .001;
	if (!strcmp(name, "reset") && lc_reset_init(&r, &law->grad, json_string_value(v)))
		return law->grad.optimizer == LC_OPT_ADAM ? .002 : .005;
	return .005;
}

/* What the actions' mechanisms leave open, in sd, and what of the trust. */
static void set_doubt(const struct lc_law *law, const json_t *actions, struct lc_forecast *f)
{
	const char *name;
	json_t *v;
	double sq = 0;

	f->doubt = 1;
	f->grad_doubt = (f->damaged ? .5 : 0) + .5 * fabs(log(f->scale));
	json_object_foreach((json_t *)actions, name, v) {
		int known = !strncmp(name, "lr_", 3) || !strcmp(name, "batch_scale") ||
			    !strcmp(name, "rewind");
		double sd = known ? 0 : surprise(law, name, v);

		sq += sd * sd;
		f->doubt *= sd < .001 ? 1 : sd < .005 ? .95 : .8;
	}
	f->extra_sd = sqrt(sq);
}

static int find_path(const struct lc_law *law, const char *name)
{
	for (int i = law->npath - 1; i >= 0; i--)
		if (strcmp(law->name[i], name) == 0)
			return i;
	return -1;
}

/* The branch goes on beyond what was logged, with no plan to go by. */
static int holds_lr(const struct lc_law *law, const struct lc_forecast *f)
{
	const struct lc_lrpath *path = &law->path[f->path];

	return !f->plan.shape && law->eta_ref > 0 &&
	       (path->n == 0 || path->at[path->n - 1] < f->from + f->horizon);
}

int lc_forecast_ask(const struct lc_forecaster *fc, const json_t *branch, struct lc_forecast *f,
		    struct lc_err *err)
{
	const json_t *from = json_object_get(branch, "from"),
		     *own = json_object_get(branch, "plan");
	const json_t *actions = json_object_get(branch, "actions");
	struct lc_schedule plan = fc->plan;
	json_t *none = NULL;

	memset(f, 0, sizeof(*f));
	snprintf(f->branch, sizeof(f->branch), "%s", lc_json_get_str(branch, "branch", ""));
	f->from = (double)lc_json_get_int(from, "step", -1);
	f->horizon = (double)lc_json_get_int(branch, "horizon", -1);
	if (!*f->branch)
		return lc_fail(err, LC_DATA, "branch: no name");
	if (f->from < 0 || f->from > 1e12)
		return lc_fail(err, LC_DATA, "branch %s: from.step is missing or out of range",
			       f->branch);
	if (f->horizon < 1 || f->horizon > 1e9)
		return lc_fail(err, LC_DATA, "branch %s: horizon is missing or out of range",
			       f->branch);
	if (own && lc_schedule_parse(&plan, own, err) < 0)
		return -1;
	if (fc->to_end) {
		f->horizon = (double)plan.total - f->from;
		if (!(f->horizon >= 1))
			return lc_fail(err, LC_DATA,
				       "branch %s: no plan says where the run ends after it",
				       f->branch);
	}
	if (!actions)
		actions = none = json_object();
	if (lc_actions_check(actions, err) < 0)
		return json_decref(none), -1;
	f->path = find_path(fc->law, lc_json_get_str(from, "branch", ""));
	if (f->path < 0)
		return json_decref(none), lc_fail(err, LC_DATA,
						  "branch %s: from branch %.60s, which the history "
						  "does not hold",
						  f->branch, lc_json_get_str(from, "branch", ""));
	f->damaged = fc->law->onset >= 0 && f->path == 0 && f->from >= (double)fc->law->onset;
	if (plan.total > f->from + f->horizon)
		f->end = (double)plan.total;
	f->plan = plan;
	f->scale = 1 / lc_json_get_num(actions, "batch_scale", 1);
	f->base_scale = lc_json_get_num(json_object_get(branch, "base"), "lr_scale", 0);
	f->held = holds_lr(fc->law, f);
	set_points(f, fc->points);
	lc_forecast_knots(fc->law, actions, f);
	set_doubt(fc->law, actions, f);
	json_decref(none);
	return 0;
}

static const struct lc_modes *root_of(struct lc_forecaster *fc, const struct lc_forecast *f)
{
	struct lc_forecast_root *r;

	for (int i = 0; i < fc->nroot; i++)
		if (fc->root[i]->path == f->path && fc->root[i]->from == f->from)
			return &fc->root[i]->m;
	fc->root = lc_xrealloc(fc->root, (size_t)fc->nroot + 1, sizeof(*fc->root));
	r = fc->root[fc->nroot++] = lc_xalloc(1, sizeof(*r));
	r->path = f->path;
	r->from = f->from;
	lc_law_modes(fc->law, f->path, f->from, &r->m);
	return &r->m;
}

/* Probability of divergence up to the last point: lib/hazard.h, by the highest lr of an interval.
 */
static double risk(const struct lc_law *law, const struct lc_forecast *f)
{
	double over[LC_HAZARD_INTERVALS] = {0}, last = f->at[f->n - 1 + (f->end > 0)];
	int n = lc_hazard_interval(last) + 1, at = 0;

	for (int i = 0; i < f->nknot; i++) {
		int to = lc_hazard_interval(f->knot[i]);
		double lr = f->eta[i] / fmax(law->lr_hi, 1e-9);
		over[to] = fmax(over[to], lr);
		for (; at < to; at++) /* between two knots the lr is at most the higher one's */
			over[at] = fmax(over[at], lr);
	}
	return lc_hazard_risk(&law->hazard, over, n, f->damaged, f->damaged && law->broken);
}

/*
 * How far the forecast should be believed, 0..1: the law's fit (chi2 per observation above 2
 * costs), how much was observed, how far ahead against how far back, how far outside the range of
 * lr seen, damage, and actions it has no mechanism for.
 */
static double trust(const struct lc_law *law, const struct lc_forecast *f)
{
	double ahead = f->at[f->n - 1 + (f->end > 0)], back = fmax(1, law->last - law->first);
	double t = f->doubt * law->nobs / (law->nobs + 8.), low = f->top;

	t /= 1 + fmax(0, law->chi2 - 2) / 4;
	t *= fmin(1, sqrt(2 * back / ahead));
	for (int i = 0; i < f->nknot; i++)
		low = fmin(low, f->eta[i]);
	if (f->top > law->lr_hi)
		t *= exp(-.35 * log2(f->top / law->lr_hi));
	if (low < law->lr_lo)
		t *= exp(-.1 * log2(law->lr_lo / fmax(low, law->lr_lo / 64)));
	if (!(law->eta_ref > 0))
		t *= .5;
	if (f->damaged)
		t *= law->broken ? .1 : .5;
	return t;
}

/* The law's own sd, as wide as it has to be. */
static void calibrate(const struct lc_law *law, struct lc_forecast *f)
{
	int unseen = 0, k = 0, n = f->n + (f->end > 0);

	for (int i = 0; i < n; i++) {
		/*
		 * a logged val_loss carries its own noise; a logged loss is forecast without that
		 * of its batch
		 */
		if (law->metric == LC_VAL_LOSS)
			f->sd[i] = hypot(f->sd[i], law->noise);
		for (; k < f->nknot && (k == 0 || f->knot[k] <= f->at[i]); k++)
			unseen |= lc_law_unseen(law, f->eta[k]);
		f->sd[i] *= lc_law_width(law, unseen, f->at[i]);
	}
	f->delta_sd *= lc_law_width(law, unseen, f->at[n - 1]);
}

/* Damage and doubts on top of that. */
static void finish(const struct lc_law *law, struct lc_forecast *f)
{
	double tau = fmax(50, law->last / 50), level = fabs(law->level);

	for (int i = 0; i < f->n + (f->end > 0); i++) {
		double grow = f->at[i] / (f->at[i] + tau), left = 1 - grow, wide;
		double var = f->sd[i] * f->sd[i] + pow(f->extra_sd * level, 2) * grow;
		if (f->damaged) {
			double d = isnan(law->damage) ? 0 : law->damage;
			wide = .25 * fabs(d) + .5 * fabs(d) * left +
			       (law->broken ? .5 : .01) * level;
			f->mean[i] += d * left;
			var += wide * wide;
		}
		f->sd[i] = sqrt(var);
	}
	f->delta_sd = hypot(f->delta_sd, f->extra_sd * level);
	f->diverge = risk(law, f);
	f->trust = trust(law, f);
}

static void as_branch(const struct lc_modes *start, struct lc_forecast *f,
		      struct lc_rollout_branch *br)
{
	memset(br, 0, sizeof(*br));
	br->start = start;
	br->from = f->from;
	br->scale = f->scale;
	br->npoint = f->nknot;
	br->nout = f->n + (f->end > 0);
	br->at = f->knot;
	br->eta = f->eff;
	br->out = f->at;
	br->mean = f->mean;
	br->sd = f->sd;
}

/*
 * Reference features of doing nothing, one set a (root, plan, last point); found again by linear
 * search.
 */
struct ref {
	const struct lc_modes *start;
	struct lc_schedule plan;
	double last, base_scale;
	double x[LC_VARIANTS * LC_FEATS];
	double say[LC_MIXED]; /* of the other experts */
};

struct refs {
	int n;
	struct ref **r;
};

static int same_schedule(const struct lc_schedule *a, const struct lc_schedule *b)
{
	return a->shape == b->shape && a->lr == b->lr && a->min_lr == b->min_lr &&
	       a->decay_frac == b->decay_frac && a->warmup == b->warmup && a->total == b->total;
}

static const struct ref *ref_of(const struct lc_forecaster *fc, struct refs *refs,
				const struct lc_modes *start, const struct lc_forecast *f)
{
	double last = f->at[f->n - 1 + (f->end > 0)];
	struct lc_forecast same = *f;
	struct lc_rollout_branch br;
	struct ref *r;

	for (int i = 0; i < refs->n; i++)
		if (refs->r[i]->start == start && refs->r[i]->last == last &&
		    refs->r[i]->base_scale == f->base_scale &&
		    same_schedule(&refs->r[i]->plan, &f->plan))
			return refs->r[i];
	refs->r = lc_xrealloc(refs->r, (size_t)refs->n + 1, sizeof(*refs->r));
	r = refs->r[refs->n++] = lc_xalloc(1, sizeof(*r));
	r->start = start;
	r->last = last;
	r->base_scale = f->base_scale;
	r->plan = f->plan;
	same.scale = 1;
	lc_forecast_knots(fc->law, NULL, &same);
	as_branch(start, &same, &br);
	br.x = r->x;
	lc_rollout_cpu(&fc->law->basis, &fc->law->post, PIECE_TOL, &br, 1, NULL);
	if (lc_forecast_mixes(fc->law, &same))
		lc_forecast_last(fc->law, &same, r->say);
	return r;
}

/* What the roll-outs came to becomes forecasts. */
struct ending {
	const struct lc_law *law;
	struct lc_forecast *f;
	const struct lc_rollout_branch *br;
	const struct ref **ref;
	const float *z; /* what the network says of forecast i, from first[i] on, or NULL */
	const size_t *first;
};

static void take_one(void *ctx, int i)
{
	const struct ending *e = ctx;
	struct lc_forecast *f = &e->f[i];

	f->delta = e->br[i].ref_mean;
	f->delta_sd = e->br[i].ref_sd;
	calibrate(e->law, f);
}

static void end_one(void *ctx, int i)
{
	const struct ending *e = ctx;
	struct lc_forecast *f = &e->f[i];

	if (lc_forecast_mixes(e->law, f))
		lc_forecast_mix(e->law, f, e->ref[i]->say, e->z ? e->z + e->first[i] : NULL);
	finish(e->law, f);
}

int lc_forecast_check(const struct lc_forecast *f, struct lc_err *err)
{
	int ok = isfinite(f->delta) && isfinite(f->delta_sd) && f->diverge >= 0 && f->trust >= 0;

	for (int i = 0; i < f->n + (f->end > 0); i++)
		ok = ok && isfinite(f->mean[i]) && isfinite(f->sd[i]);
	return ok ? 0
		  : lc_fail(err, LC_DATA, "branch %s: what the law says of it is no number",
			    f->branch);
}

void lc_forecast_run(struct lc_forecaster *fc, struct lc_forecast *f, int n, struct lc_pool *pool)
{
	struct lc_rollout_branch *br = lc_xalloc((size_t)n, sizeof(*br));
	const struct ref **ref = lc_xalloc((size_t)n, sizeof(*ref));
	size_t *first = lc_xalloc((size_t)n, sizeof(*first));
	struct ending all = {fc->law, f, br, ref, NULL, first};
	float *z;
	struct refs refs = {0, NULL};

	for (int i = 0; i < n; i++) {
		const struct lc_modes *start = root_of(fc, &f[i]);
		fc->held |= f[i].held;
		as_branch(start, &f[i], &br[i]);
		ref[i] = ref_of(fc, &refs, start, &f[i]);
		br[i].ref = ref[i]->x;
	}
	if (!fc->dev || lc_rollout_device(fc->dev, &fc->law->basis, &fc->law->post, PIECE_TOL, br,
					  n, &fc->refused) < 0)
		lc_rollout_cpu(&fc->law->basis, &fc->law->post, PIECE_TOL, br, n, pool);
	lc_pool_run(pool, n, take_one, &all);
	all.z = z = lc_forecast_networks(fc, f, n, first);
	lc_pool_run(pool, n, end_one, &all);
	free(z);
	free(first);
	for (int i = 0; i < refs.n; i++)
		free(refs.r[i]);
	free(refs.r);
	free(ref);
	free(br);
}

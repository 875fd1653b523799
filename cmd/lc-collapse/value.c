/* value: see value.h. */
#include "value.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ends.h"
#include "forecast.h"
#include "io.h"
#include "json.h"
#include "stat.h"

/* Lasting changes that the law has no mechanism for. */
static const char *const beyond[] = {"weight_decay_scale", "batch_scale", "beta2", "clip"};

#define UNDAMAGED 2. /* sds of a difference */
#define NEWEST 8     /* this part of a horizon is its newest steps */
#define STEADY                                                                                     \
	1.1 /* times that an lr may change over them: one that creeps up 8 times in 1500           \
	       steps changes by 1.02 in 12 */

int value_ran(const struct future *f)
{
	return f && f->status && strcmp(f->status, "done") == 0 && f->n > 0;
}

int value_takes(const struct future *f)
{
	for (size_t i = 0; i < sizeof(beyond) / sizeof(beyond[0]); i++)
		if (json_object_get(f->actions, beyond[i]))
			return 0;
	return !f->parent && strcmp(f->role, "arm") == 0 && is_persistent(f);
}

/*
 * Is a state worse than it would be without what broke? So it is when a future that starts before
 * it, and changes nothing that lasts, reads lower by more than the noise; or when that is not
 * known.
 */
static int is_damaged(const struct evidence *ev, const struct future *plain,
		      const struct spread *noise, enum metric m)
{
	double own = read_return(ev, plain, m), best = INFINITY;
	int any = 0;

	for (int i = 0; i < ev->n; i++) {
		const struct future *f = &ev->f[i];
		double x;

		if (f->parent || f->from_step >= plain->from_step || is_persistent(f) ||
		    (strcmp(f->role, "clean") != 0 && strcmp(f->role, "arm") != 0))
			continue;
		any |= strcmp(f->role, "clean") == 0;
		x = read_return(ev, f, m);
		best = isnan(x) ? best : fmin(best, x);
	}
	return any && !(noise->df > 0 && own - best < UNDAMAGED * M_SQRT2 * noise->sd);
}

/* Why the law is not asked about this future, or NULL. */
static const char *not_asked(const struct evidence *ev, const struct future *f,
			     const struct future *plain, const struct spread *noise, enum metric m)
{
	const struct future *ret = evidence_segment(ev, f, "return"),
			    *cool = evidence_segment(ev, f, "cool");

	if (f->parent || strcmp(f->role, "arm") != 0 || !is_persistent(f))
		return "not a lasting change";
	if (!value_takes(f))
		return "the law knows lasting changes of the lr only";
	if (!plain)
		return "its plain twin was not run";
	if (is_damaged(ev, plain, noise, m))
		return "it starts from a damaged state, which the law knows nothing of";
	if (!value_ran(f) || !value_ran(plain) || f->nonfinite || plain->nonfinite)
		return "it or its plain twin did not run to its end";
	if (!value_ran(ret) || !value_ran(cool) || ret->nonfinite || cool->nonfinite)
		return "its return or its cooldown is missing";
	if (!value_ran(evidence_segment(ev, plain, "return")) ||
	    !value_ran(evidence_segment(ev, plain, "cool")))
		return "the return or the cooldown of its plain twin is missing";
	return NULL;
}

double value_off_plan(const struct future *f, const struct lc_schedule *plan)
{
	long since = f->from_step + f->horizon - f->horizon / NEWEST;
	double lo = INFINITY, hi = 0, ratio;
	struct lc_lrpath path;

	value_lr(f, plan, &path);
	for (int i = 0; i < f->n; i++) {
		if (f->r[i].step <= since || !(f->r[i].lr > 0))
			continue;
		ratio = (double)f->r[i].lr / fmax(lc_lrpath_at(&path, f->r[i].step), 1e-300);
		lo = fmin(lo, ratio);
		hi = fmax(hi, ratio);
	}
	lc_lrpath_release(&path);
	return hi > 0 && hi < STEADY * lo ? sqrt(lo * hi) : 1;
}

/* One twin and the arms that differ from it by the lr. */
struct group {
	const struct future *plain;
	int n, index[LC_ARMS_MAX]; /* in ev->f; 0 is the twin */
};

static void group_fill(struct group *g, const struct evidence *ev, const struct valuation *v,
		       const struct future *plain)
{
	g->plain = plain;
	g->n = 1;
	g->index[0] = (int)(plain - ev->f);
	for (int i = 0; i < ev->n && g->n < LC_ARMS_MAX; i++)
		if (!v->w[i].why && v->w[i].plain == plain)
			g->index[g->n++] = i;
}

static void answer(struct valuation *v, const struct group *g, const struct lc_arms *a)
{
	static const char misfit[] = "the law does not fit the run and its futures";

	v->fits++;
	v->chi2 = fmax(v->chi2, a->chi2);
	for (int i = 1; i < g->n; i++) {
		struct worth *w = &v->w[g->index[i]];

		w->gain = -a->mean[i];
		w->sd = a->sd[i];
		w->better = a->better[i];
		w->best = a->best[i];
		w->why = a->chi2 > VALUE_MISFIT || !(w->sd > 0) ? misfit : NULL;
		v->asked += !w->why;
	}
}

static int ask(struct valuation *v, const struct group *g, const struct evidence *ev,
	       const struct lc_schedule *plan, enum metric m, struct lc_err *err)
{
	struct lc_lrpath path[LC_ARMS_MAX];
	struct lc_arm arm[LC_ARMS_MAX];
	struct lc_arms out;
	double kept = value_off_plan(g->plain, plan);
	struct lc_past past;
	int ret;

	lc_past_init(&past);
	value_tell_run(&past, ev, g->plain->from_step, m);
	for (int i = 0; i < g->n; i++) {
		const struct future *f = &ev->f[g->index[i]];

		value_tell(&past, ev, f, ev->n, m);
		value_lr(f, plan, &path[i]);
		for (int k = 0; k < path[i].n; k++)
			path[i].lr[k] *= kept;
		arm[i] = (struct lc_arm){lc_past_find(&past, f->id), f->from_step, &path[i]};
	}
	ret = ends_ask(&past, arm, g->n, (double)plan->total, &out, err);
	if (ret == 0) {
		answer(v, g, &out);
		lc_arms_release(&out);
	}
	for (int i = 0; i < g->n; i++)
		lc_lrpath_release(&path[i]);
	lc_past_release(&past);
	return ret;
}

/* The last step that a future was read at, and what was read; 0 when it is not at the plan's end.
 */
static int end_of(const struct evidence *ev, const struct future *f, const struct lc_schedule *plan,
		  enum metric m, double *x)
{
	const struct future *tip = evidence_tip(ev, f);

	if (!value_ran(tip) || tip->from_step + tip->horizon < plan->total)
		return 0;
	for (int i = tip->n - 1; i >= 0; i--) {
		*x = m == VAL	 ? tip->r[i].val_loss
		     : m == TEST ? tip->r[i].test_loss
				 : tip->r[i].loss;
		if (isfinite(*x))
			return tip->r[i].step;
	}
	return 0;
}

/* Did what was run of a future beyond its horizon diverge, whoever ended it? */
static int rest_diverged(const struct evidence *ev, const struct future *f)
{
	const struct future *more = evidence_segment(ev, f, "more");

	return more && (more->nonfinite || rest_diverged(ev, more));
}

/* Where the arm and its twin were both run to the end nothing is to be foretold; nor where the arm
 * diverged on the way there: it is the worst, whatever the twin came to. */
static void see_end(struct worth *w, const struct evidence *ev, const struct future *f,
		    const struct lc_schedule *plan, enum metric m)
{
	double x = INFINITY, y = 0;
	int at;

	if (!rest_diverged(ev, f)) {
		at = end_of(ev, f, plan, m, &x);
		if (!at || rest_diverged(ev, w->plain) || end_of(ev, w->plain, plan, m, &y) != at)
			return;
	}
	w->gain = y - x;
	w->sd = 0;
	w->better = w->gain > 0;
	w->best *= w->better;
	w->ended = 1;
}

/* What is missing for any answer at all, or NULL. */
static const char *no_answer(const struct evidence *ev, const struct lc_schedule *plan)
{
	if (ev->run.n == 0)
		return "the run's own log is not in the evidence";
	if (!plan->shape || plan->total < 1)
		return "the plan of the lr is not known";
	for (int i = 0; i < ev->run.n; i++)
		if (ev->run.r[i].lr > 0)
			return NULL;
	return "the run's own log says no lr";
}

static int first_of(const struct valuation *v, const struct future *plain)
{
	int i = 0;

	while (v->w[i].plain != plain)
		i++;
	return i;
}

int value_arms(struct valuation *v, const struct evidence *ev, const struct lc_schedule *plan,
	       enum metric m, struct lc_err *err)
{
	const char *none = no_answer(ev, plan);
	const struct spread noise = noise_floor(ev, m).ret;
	struct group *g = lc_xalloc(1, sizeof(*g));
	int ret = 0;

	memset(v, 0, sizeof(*v));
	v->w = lc_xalloc((size_t)ev->n, sizeof(*v->w));
	for (int i = 0; i < ev->n; i++) {
		struct worth *w = &v->w[i];

		w->plain = is_persistent(&ev->f[i]) ? evidence_sibling(ev, &ev->f[i]) : NULL;
		w->why = not_asked(ev, &ev->f[i], w->plain, &noise, m);
		w->why = w->why ? w->why : none;
		if (!w->why && plan->total <= ev->f[i].from_step + ev->f[i].horizon)
			w->why = "nothing is left of the plan";
		w->plain = w->why ? NULL : w->plain;
	}
	for (int i = 0; i < ev->n && ret == 0; i++) {
		if (v->w[i].why || first_of(v, v->w[i].plain) != i)
			continue;
		group_fill(g, ev, v, v->w[i].plain);
		ret = ask(v, g, ev, plan, m, err);
	}
	free(g);
	for (int i = 0; i < ev->n && ret == 0; i++)
		if (!v->w[i].why && !(v->w[i].sd > 0))
			v->w[i].why = "more arms on one twin than the law takes at once";
		else if (!v->w[i].why)
			see_end(&v->w[i], ev, &ev->f[i], plan, m);
	return ret;
}

void value_release(struct valuation *v)
{
	free(v->w);
	memset(v, 0, sizeof(*v));
}

double worth_above(const struct worth *w, double x)
{
	return w->sd > 0 ? lc_normal_cdf((w->gain - x) / w->sd) : w->gain > x;
}

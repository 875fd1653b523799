/* foresee: see foresee.h. */
#include "foresee.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ends.h"
#include "evalue.h"
#include "io.h"

enum { CHECKS = 2 }; /* points of a block that are compared */

int outlook_init(struct outlook *o, const struct evidence *plan, const struct evidence *ev,
		 const struct lc_schedule *lr)
{
	const struct future *control = evidence_role(plan, "control");
	int left = 0;

	*o = (struct outlook){.plan = plan, .ev = ev, .lr = lr, .m = TRAIN};
	o->index[o->n++] = (int)(control - plan->f);
	for (int i = 0; i < plan->n; i++) {
		const struct future *f = &plan->f[i];

		if (f->parent || strcmp(f->role, "arm") != 0)
			continue;
		if (o->n < LC_ARMS_MAX && value_takes(f) && f->from_step == control->from_step &&
		    evidence_sibling(plan, f) == control)
			o->index[o->n++] = i;
		else
			left++;
	}
	for (int i = 0; i < ev->run.n; i++)
		if (!isnan(ev->run.r[i].val_loss))
			o->m = VAL;
	return left;
}

const struct future *outlook_ran(const struct outlook *o, int i, int before)
{
	const struct future *f = evidence_find(o->ev, o->plan->f[o->index[i]].id);

	return f && f->status && strcmp(f->status, "done") == 0 && f->n > 0 && !f->nonfinite &&
			       f - o->ev->f < before
		       ? f
		       : NULL;
}

/* The run, and what was run of all futures before that index. */
static void recall(const struct outlook *o, int before, struct lc_past *past)
{
	lc_past_init(past);
	value_tell_run(past, o->ev, o->plan->f[o->index[0]].from_step, o->m);
	for (int i = 0; i < o->n; i++) {
		const struct future *f = outlook_ran(o, i, before);

		if (f)
			value_tell(past, o->ev, f, before, o->m);
	}
}

static struct lc_arm arm_of(const struct lc_past *past, const struct future *f,
			    const struct lc_lrpath *lr)
{
	int s = lc_past_find(past, f->id);

	return (struct lc_arm){s > 0 ? s : -1, f->from_step, lr};
}

int outlook_ask(const struct outlook *o, int before, struct lc_arms *out, struct lc_err *err)
{
	struct lc_lrpath *path = lc_xalloc((size_t)o->n, sizeof(*path));
	struct lc_arm *arm = lc_xalloc((size_t)o->n, sizeof(*arm));
	struct lc_past past;
	int ret;

	recall(o, before, &past);
	for (int i = 0; i < o->n; i++) {
		const struct future *f = &o->plan->f[o->index[i]];

		value_lr(f, o->lr, &path[i]);
		arm[i] = arm_of(&past, f, &path[i]);
	}
	ret = ends_ask(&past, arm, o->n, (double)o->lr->total, out, err);
	for (int i = 0; i < o->n; i++)
		lc_lrpath_release(&path[i]);
	lc_past_release(&past);
	free(path);
	free(arm);
	return ret;
}

/* The lr that was taken, from the fork to the end of f. */
static void taken(struct lc_lrpath *path, const struct evidence *ev, const struct future *f)
{
	if (f->parent)
		taken(path, ev, evidence_find(ev, f->parent));
	for (int i = 0; i < f->n; i++)
		if (f->r[i].lr >= 0 && (path->n == 0 || path->at[path->n - 1] < f->r[i].step))
			lc_lrpath_add(path, f->r[i].step, (double)f->r[i].lr);
}

/* The last step up to `last` at which both were read, and the difference there; NaN: none. */
static double difference(const struct future *f, const struct future *control, enum metric m,
			 long last, long *step)
{
	int k = control->n - 1;

	for (int i = f->n - 1; i >= 0; i--) {
		double x = m == VAL ? f->r[i].val_loss : f->r[i].loss, y;

		if (f->r[i].step > last || isnan(x))
			continue;
		while (k >= 0 && control->r[k].step > f->r[i].step)
			k--;
		if (k < 0 || control->r[k].step != f->r[i].step)
			continue;
		y = m == VAL ? control->r[k].val_loss : control->r[k].loss;
		if (isnan(y))
			continue;
		*step = f->r[i].step;
		return x - y;
	}
	return NAN;
}

/* One thing to compare: a future and the control's like, up to a step. */
struct check {
	const struct future *f, *control;
	long last;
};

/* What was expected of one check, and what came: 1, or 0 when there is nothing to compare. */
static int expect(const struct outlook *o, const struct lc_past *past, int i, const struct check *c,
		  double *at, double *mean, double *sd, double *y, double *noise,
		  struct lc_err *err)
{
	const struct future *from = &o->plan->f[o->index[i]], *control = &o->plan->f[o->index[0]];
	struct lc_lrpath path[2];
	struct lc_arm arm[2];
	struct lc_arms out;
	long step = 0;
	int ret;

	if (!c->f || !c->control || !c->f->status || strcmp(c->f->status, "done") != 0)
		return 0;
	*y = difference(c->f, c->control, o->m, c->last, &step);
	if (isnan(*y))
		return 0;
	lc_lrpath_init(&path[0]);
	lc_lrpath_init(&path[1]);
	taken(&path[0], o->ev, c->control);
	taken(&path[1], o->ev, c->f);
	arm[0] = arm_of(past, control, &path[0]);
	arm[1] = arm_of(past, from, &path[1]);
	ret = lc_law_arms(past, arm, 2, (double)step, &out, err);
	if (ret == 0) {
		*at = (double)(step - from->from_step);
		*mean = out.mean[1];
		*sd = out.sd[1];
		*noise = out.noise;
		lc_arms_release(&out);
	}
	lc_lrpath_release(&path[0]);
	lc_lrpath_release(&path[1]);
	return ret < 0 ? -1 : 1;
}

/* The e-value of checks in the order of their steps. *n: how many could be made. */
static int test(const struct outlook *o, const struct lc_past *past, int i, const struct check *c,
		int nchecks, double delta, double *log_e, int *n, struct lc_err *err)
{
	double at[CHECKS], mean[CHECKS], sd[CHECKS], y[CHECKS], noise = 0;
	struct lc_evalue e;
	int k = 0;

	for (int j = 0; j < nchecks; j++) {
		int is = expect(o, past, i, &c[j], &at[k], &mean[k], &sd[k], &y[k], &noise, err);

		if (is < 0)
			return -1;
		/* two checks that found the same step are one */
		k += is && (k == 0 || at[k] > at[k - 1]);
	}
	/* futures of one data order share three quarters of what the metric wanders by (law_arms.h)
	 */
	struct lc_draft draft = {k, at, mean, sd, M_SQRT1_2 * noise, 0};
	lc_evalue_test(&draft, at, y, k, delta, &e);
	*log_e = e.log_max;
	*n = k;
	return 0;
}

int outlook_verify(const struct outlook *o, int i, int at, double delta, double *log_e,
		   struct lc_err *err)
{
	const struct future *f = &o->ev->f[at], *control = outlook_ran(o, 0, o->ev->n);
	struct check steps[2], cool;
	struct lc_past past;
	double e1, e2;
	int n1 = 0, n2 = 0, ret = -1;

	*log_e = NAN;
	/* the control's own next block goes with the arm's */
	if (control && control->from_step + control->horizon < f->from_step + f->horizon)
		control = evidence_segment(o->ev, control, "more");
	if (!control)
		return 0;
	recall(o, at, &past);
	steps[0] = (struct check){f, control, f->from_step + f->horizon};
	steps[1].f = evidence_segment(o->ev, f, "return");
	steps[1].control = evidence_segment(o->ev, control, "return");
	steps[1].last = f->from_step + 2 * f->horizon + 1000000000L;
	cool.f = evidence_segment(o->ev, f, "cool");
	cool.control = evidence_segment(o->ev, control, "cool");
	cool.last = steps[1].last;
	if (test(o, &past, i, steps, 2, delta, &e1, &n1, err) == 0 &&
	    test(o, &past, i, &cool, 1, delta, &e2, &n2, err) == 0) {
		/* a mean of e-values is one */
		if (n1 && n2)
			*log_e = log(.5 * (exp(fmin(e1, 700)) + exp(fmin(e2, 700))));
		else if (n1 || n2)
			*log_e = n1 ? e1 : e2;
		ret = 0;
	}
	lc_past_release(&past);
	return ret;
}

double outlook_worth(const struct lc_arms *a, const char *may, int i, double leaves, double bar)
{
	double var = a->sd[i] * a->sd[i], sd = a->sd[i] / sqrt(1 - leaves * leaves);
	double now = 0, sum = 0, weight = 0;

	if (!(var > 0))
		return 0;
	for (int j = 1; j < a->n; j++)
		if (may[j] && -a->mean[j] >= bar * a->sd[j])
			now = fmax(now, -a->mean[j]);
	for (int q = -40; q <= 40; q++) {
		double z = q * .1, w = exp(-.5 * z * z), best = 0;

		for (int j = 1; j < a->n; j++) {
			double step = a->cov[j * a->n + i] / sd, gain = -a->mean[j] + step * z;
			double left = sqrt(fmax(0, a->sd[j] * a->sd[j] - step * step));

			if ((may[j] || j == i) && gain >= bar * left)
				best = fmax(best, gain);
		}
		sum += w * best;
		weight += w;
	}
	return fmax(0, sum / weight - now);
}

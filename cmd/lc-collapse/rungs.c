/*
 * rungs: see rungs.h.
 *
 * At each rung an arm is read over the later half of the way to it, by its differences from the
 * control at the same steps: same data, so most of what is not the arm cancels. It is stopped when
 *
 *	gain < best gain - d(1 - alpha_r; K, m - 1) sqrt(2) sd(m nulls over the same steps)
 *
 * where the best may be the control (gain 0): comparison with the best (Hsu, Multiple Comparisons,
 * 1996), which stops the truly best of K with probability alpha_r at most. The alpha_r sum to
 * alpha, so that is also the risk of the whole way; whether the best arm now is the best at the end
 * is another matter (DESIGN section 8, truth 2), so only arms at the control's lr are compared.
 */
#include "rungs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dunnett.h"
#include "io.h"
#include "json.h"
#include "readings.h"
#include "stat.h"
#include "words.h"

#define LOOKS_MOST 16

struct racer {
	int reached; /* rungs */
	int stopped;
	long last;		 /* step read last */
	double gain[LOOKS_MOST]; /* NaN: not comparable */
};

void rungs_init(struct rungs *r, const struct rule *rule, const char *dir, int anytime)
{
	memset(r, 0, sizeof(*r));
	r->rule = rule;
	r->dir = dir;
	r->anytime = anytime;
	r->looks = anytime ? LOOKS_MOST : 4;
}

void rungs_release(struct rungs *r)
{
	free(r->racer);
	r->racer = NULL;
}

/* What look k (from 0) may err by: they sum to alpha; with anytime, however many there will be. */
static double alpha_at(const struct rungs *r, int k)
{
	return r->anytime ? r->rule->alpha * 6 / (M_PI * M_PI * (k + 1) * (k + 1))
			  : r->rule->alpha / r->looks;
}

/* How far past the control's start rung k is. */
static long rung_at(const struct rungs *r, const struct future *control, int k)
{
	if (r->anytime)
		return control->horizon * (k + 1) / r->looks;
	return control->horizon >> (r->looks - 1 - k);
}

/* The window of a rung, and the metric that it is read by. */
struct window {
	long after, upto;
	int val; /* val_loss; else the loss */
};

static double value(const struct window *w, const struct reading *r)
{
	return w->val ? r->val_loss : r->loss;
}

static double mean_of(const struct future *f, const struct window *w)
{
	double sum = 0;
	int n = 0;

	for (int i = 0; i < f->n && f->r[i].step <= w->upto; i++)
		if (f->r[i].step > w->after && !isnan(value(w, &f->r[i]))) {
			sum += value(w, &f->r[i]);
			n++;
		}
	return n ? sum / n : NAN;
}

/*
 * Mean of control - f over the steps that both read. NaN when there are none, or when the lr is not
 * the control's; -infinity when f alone is not finite.
 */
static double paired(const struct future *control, const struct future *f, const struct window *w)
{
	double sum = 0, ratio;
	int n = 0, k = 0;

	for (int i = 0; i < f->n && f->r[i].step <= w->upto; i++) {
		const struct reading *a = &f->r[i], *c;
		if (a->step <= w->after || isnan(value(w, a)))
			continue;
		while (k < control->n && control->r[k].step < a->step)
			k++;
		c = &control->r[k];
		if (k == control->n || c->step != a->step || isnan(value(w, c)))
			continue;
		ratio = a->lr / c->lr;
		if (isnan(ratio) ? is_persistent(f) : fabs(ratio - 1) > .02)
			return NAN;
		sum += value(w, c) - value(w, a);
		n++;
	}
	return f->nonfinite ? -INFINITY : n ? sum / n : NAN;
}

static int is_null(const struct future *f)
{
	return !f->parent && strcmp(f->role, "null") == 0;
}

static int is_racer(const struct future *f)
{
	return !f->parent && strcmp(f->role, "arm") == 0;
}

/* The noise at a rung; 0 when all nulls in the evidence have come that far, else -1. */
static int noise_at(const struct evidence *ev, const struct window *w, struct lc_noise *noise)
{
	double mean[64], one = 1;
	int n = 0;

	for (int i = 0; i < ev->n; i++) {
		const struct future *f = &ev->f[i];
		double x;
		if (!is_null(f))
			continue;
		if (!f->status && (f->n == 0 || f->r[f->n - 1].step < w->upto))
			return -1;
		x = mean_of(f, w);
		if (isfinite(x) && n < 64)
			mean[n++] = x;
	}
	*noise = lc_noise_of(mean, n, 1, &one);
	return noise->df > 0 && noise->sd > 0 ? 0 : -1;
}

static int write_stop(const struct rungs *r, const char *id, const char *part, const char *why,
		      struct lc_err *err)
{
	char *dir = lc_path("%s/%s%s", r->dir, id, part), *path = lc_path("%s/stop", dir);
	int ret = lc_is_name(id) ? lc_mkdirs(dir, err)
				 : lc_fail(err, LC_DATA, "branch \"%.40s\": not a name", id);

	if (ret == 0)
		ret = lc_write_file(path, why, strlen(why), err);
	free(dir);
	free(path);
	return ret;
}

static int stop(struct rungs *r, const struct future *f, struct racer *x, const char *why,
		struct lc_err *err)
{
	x->stopped = 1;
	r->stopped++;
	return write_stop(r, f->id, "", why, err);
}

/*
 * At the end of the horizon, before the segments are run that an arm would be read by: are they
 * worth their steps? An arm may be worth E max(0, gain), the gain as normal as the noise.
 */
static int price_readings(struct rungs *r, const struct evidence *ev, const struct window *w,
			  double sd, struct lc_err *err)
{
	double step = r->rule->price * step_worth(ev, w->val ? VAL : TRAIN), se = M_SQRT2 * sd;

	for (int i = 0; i < r->n && step > 0; i++) {
		const json_t *readout = json_object_get(ev->f[i].rec, "readout");
		struct racer *x = &r->racer[i];
		double gain = x->reached == r->looks ? x->gain[r->looks - 1] : NAN, z = gain / se;
		double steps =
			lc_json_get_num(readout, "return", 0) + lc_json_get_num(readout, "cool", 0);
		if (x->stopped || !(se * (z * lc_normal_cdf(z) + exp(-z * z / 2) / sqrt(2 * M_PI)) <
				    step * steps))
			continue;
		x->stopped = 1;
		if (write_stop(r, ev->f[i].id, ".return",
			       "to read it costs more than it is worth\n", err) < 0 ||
		    write_stop(r, ev->f[i].id, ".cool", "to read it costs more than it is worth\n",
			       err) < 0)
			return -1;
	}
	return 0;
}

/* Of those that have come to rung k, stop the ones behind the best by more than the margin. */
static int judge_rung(struct rungs *r, const struct evidence *ev, int k, double margin,
		      struct lc_err *err)
{
	double best = 0; /* the control */
	char why[120];

	for (int i = 0; i < r->n; i++)
		if (r->racer[i].reached > k && r->racer[i].gain[k] > best)
			best = r->racer[i].gain[k];
	for (int i = 0; i < r->n; i++) {
		struct racer *x = &r->racer[i];
		/* an arm further on is judged by where it is */
		if (x->reached != k + 1 || x->stopped || ev->f[i].status ||
		    !(x->gain[k] < best - margin))
			continue;
		snprintf(why, sizeof(why),
			 "stopped at %.3g of the horizon: %.4g behind the best, %.4g is luck\n",
			 (double)rung_at(r, evidence_role(ev, "control"), k) /
				 (double)evidence_role(ev, "control")->horizon,
			 best - x->gain[k], margin);
		if (stop(r, &ev->f[i], x, why, err) < 0)
			return -1;
	}
	return 0;
}

static int racers(const struct evidence *ev)
{
	int n = 0;

	for (int i = 0; i < ev->n; i++)
		n += is_racer(&ev->f[i]);
	return n;
}

/* All arms that have come to rung k since, and what follows; 0 also when it cannot be read yet. */
static int look(struct rungs *r, const struct evidence *ev, int k, struct lc_err *err)
{
	const struct future *control = evidence_role(ev, "control");
	long at = control ? rung_at(r, control, k) : 0;
	struct window w = {.upto = control ? control->from_step + at : 0, .val = 1};
	struct lc_noise noise;
	double margin;
	int some = 0;

	w.after = w.upto - (at + 1) / 2;
	if (at < 2 || control->n == 0 || control->r[control->n - 1].step < w.upto)
		return 0;
	w.val = !isnan(mean_of(control, &w));
	if (noise_at(ev, &w, &noise) < 0)
		return 0;
	for (int i = 0; i < r->n; i++) {
		struct racer *x = &r->racer[i];
		if (!is_racer(&ev->f[i]) || x->reached > k || x->last < w.upto)
			continue;
		while (x->reached < k) /* rungs that could not be read */
			x->gain[x->reached++] = NAN;
		x->gain[x->reached++] = paired(control, &ev->f[i], &w);
		some = 1;
	}
	if (!some)
		return 0;
	margin = lc_dunnett_quantile(1 - alpha_at(r, k), racers(ev), noise.df, .5) * M_SQRT2 *
		 noise.sd;
	if (k == r->looks - 1 && price_readings(r, ev, &w, noise.sd, err) < 0)
		return -1;
	return judge_rung(r, ev, k, margin, err);
}

/* No more steps than were allowed: all arms that still run are stopped. */
static int budget(struct rungs *r, const struct evidence *ev, struct lc_err *err)
{
	if (r->broke || r->rule->max_cost <= 0 || r->spent < r->rule->max_cost)
		return 0;
	r->broke = 1;
	for (int i = 0; i < ev->n; i++)
		if (is_racer(&ev->f[i]) && !ev->f[i].status && !r->racer[i].stopped &&
		    stop(r, &ev->f[i], &r->racer[i], "stopped: the steps allowed are spent\n",
			 err) < 0)
			return -1;
	return 0;
}

int rungs_watch(struct evidence *ev, struct future *f, void *rungs, struct lc_err *err)
{
	struct rungs *r = rungs;
	const struct future *control = evidence_role(ev, "control");
	struct racer *x;
	long was, now;

	if (ev->cap > r->cap) {
		r->racer = lc_xrealloc(r->racer, (size_t)ev->cap, sizeof(*r->racer));
		memset(r->racer + r->cap, 0, (size_t)(ev->cap - r->cap) * sizeof(*r->racer));
		r->cap = ev->cap;
	}
	r->n = ev->n;
	x = &r->racer[f - ev->f];
	was = x->last ? x->last : f->from_step;
	now = f->n ? f->r[f->n - 1].step : was;
	r->spent += now > was ? now - was : 0;
	x->last = now;
	if (!control || f->parent)
		return budget(r, ev, err);
	/* a rung is looked at when a branch passes it */
	for (int k = 0; k < r->looks; k++) {
		long at = control->from_step + rung_at(r, control, k);
		if (now > was && was < at && now >= at && look(r, ev, k, err) < 0)
			return -1;
	}
	return budget(r, ev, err);
}

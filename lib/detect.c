/* detect: see detect.h. */
#include "detect.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "trend.h"

#define RECENT 5       /* steps over which the two channels may agree */
#define HELD 512       /* steps kept for a rewind */
#define LEFT_TREND 3.0 /* score at which a channel counts as off its trend */
#define HIDDEN 5       /* damage may be this old when it shows: states this young are suspect */
#define QUIET_GAP 8    /* calm steps that end an excursion */

const struct lc_detect_conf lc_detect_defaults = {
	.window = 96,
	.min_steps = 64,
	.threshold = 1.0,
	.cooldown = 20,
};

enum { HAS_LOSS = 1, HAS_GRAD = 2 };

/* What was logged of one step; its lines may be several. */
struct seen {
	long step;
	double loss, grad;
	int has;
};

struct channel {
	struct lc_trend trend;
	double z, recent[RECENT]; /* scores, the newest first; 0 where there was none */
	int calm;		  /* calm steps in a row */
	long onset;		  /* first step of the excursion it is in, or -1 */
};

/* All that the steps so far have made of the detector. */
struct live {
	struct channel loss, grad;
	long count;
	double index, cusum;
	long drift_onset;
	double lowest;	    /* level of the loss at its best so far */
	int alarmed, quiet; /* an alert is on; calm steps since */
	enum lc_alert_kind alarmed_by;
};

struct lc_detect {
	struct lc_detect_conf conf;
	struct live now, before; /* before: without the last step, whose next line may change it */
	struct seen held[HELD];
	int nheld;
	long alerted; /* the step of the newest alert, or -1 */
};

static void channel_copy(struct channel *to, const struct channel *from)
{
	lc_trend_copy(&to->trend, &from->trend);
	to->z = from->z;
	memcpy(to->recent, from->recent, sizeof(to->recent));
	to->calm = from->calm;
	to->onset = from->onset;
}

static void live_copy(struct live *to, const struct live *from)
{
	struct lc_trend loss = to->loss.trend, grad = to->grad.trend;
	const struct channel *l = &from->loss, *g = &from->grad;

	*to = *from;
	to->loss.trend = loss; /* the buffers stay their owner's */
	to->grad.trend = grad;
	channel_copy(&to->loss, l);
	channel_copy(&to->grad, g);
}

static void live_clear(struct live *v)
{
	struct channel *both[] = {&v->loss, &v->grad};

	for (int i = 0; i < 2; i++) {
		lc_trend_clear(&both[i]->trend);
		both[i]->z = NAN;
		memset(both[i]->recent, 0, sizeof(both[i]->recent));
		both[i]->calm = 0;
		both[i]->onset = -1;
	}
	v->count = 0;
	v->index = NAN;
	v->cusum = 0;
	v->drift_onset = -1;
	v->lowest = INFINITY;
	v->alarmed = v->quiet = 0;
}

/* The first step of the excursion a channel is in; it ends after QUIET_GAP calm steps. */
static void channel_add(struct channel *c, double x, long step)
{
	c->z = lc_trend_add(&c->trend, x);
	memmove(c->recent + 1, c->recent, (RECENT - 1) * sizeof(double));
	c->recent[0] = isnan(c->z) ? 0 : c->z;
	if (c->z > LEFT_TREND) {
		if (c->onset < 0)
			c->onset = step;
		c->calm = 0;
	} else if (++c->calm >= QUIET_GAP) {
		c->onset = -1;
	}
}

static double recent_max(const struct channel *c)
{
	double top = 0;

	for (int i = 0; i < RECENT; i++)
		top = fmax(top, c->recent[i]);
	return top;
}

static double median3(const double *x)
{
	return fmax(fmin(x[0], x[1]), fmin(fmax(x[0], x[1]), x[2]));
}

static double persistence(const struct live *v)
{
	return median3(v->loss.recent) / 6.0;
}

static double agreement(const struct live *v)
{
	double loss = recent_max(&v->loss), grad = recent_max(&v->grad);

	return loss > 4 && grad > LEFT_TREND ? sqrt(fmin(loss, 50) * fmin(grad, 50)) / 7.0 : 0;
}

/* Falling more slowly than expected is no drift: the level must have risen. */
static double drift(const struct live *v)
{
	double level = v->loss.trend.level;

	return level > v->lowest + v->loss.trend.spread ? v->cusum / 40.0 : 0;
}

static void update_index(struct live *v, long step)
{
	double z = v->loss.z;

	if (isnan(z)) {
		v->index = NAN;
		return;
	}
	if (v->cusum == 0)
		v->drift_onset = step;
	v->cusum = fmax(0, v->cusum + fmin(z, 4) - 1);
	v->lowest = fmin(v->lowest, v->loss.trend.level);
	v->index = fmax(fmax(persistence(v), agreement(v)), drift(v));
}

/* Young runs are bumpy, and their trend is steep: up to twice the threshold, until two windows were
 * seen. */
static double threshold_now(const struct lc_detect *d)
{
	return d->conf.threshold * fmax(1, 2 - d->now.count / (2.0 * d->conf.window));
}

/* The newest step surely before the onset: logged, and not so young that damage could hide in it.
 */
static long step_before(const struct lc_detect *d, long onset)
{
	long before = 0;

	for (int i = 0; i < d->nheld && d->held[i].step < onset; i++)
		before = d->held[i].step;
	if (before > onset - HIDDEN)
		before = onset - HIDDEN;
	return before > 0 ? before : 0;
}

static double peak(const struct channel *c)
{
	return c->trend.n > 0 ? recent_max(c) : NAN;
}

static void fill_alert(const struct lc_detect *d, long step, enum lc_alert_kind kind,
		       struct lc_alert *a)
{
	const struct live *v = &d->now;
	long onset = kind == LC_DRIFT ? v->drift_onset : step;

	a->step = step;
	a->kind = kind;
	a->index = v->index;
	a->threshold = threshold_now(d);
	a->loss_z = peak(&v->loss);
	a->grad_z = peak(&v->grad);
	a->first = "loss";
	if (v->loss.onset >= 0 && v->loss.onset < onset)
		onset = v->loss.onset;
	if (v->grad.onset >= 0 && v->grad.onset <= onset) {
		if (v->loss.onset < 0 || v->grad.onset < v->loss.onset)
			a->first = "grad_norm";
		onset = v->grad.onset;
	}
	a->onset = onset;
	a->rewind = step_before(d, onset);
}

/* While an alert is on: it ends after cooldown quiet steps. */
static void wait_for_quiet(struct lc_detect *d, double limit, int nonfinite)
{
	struct live *v = &d->now;

	v->quiet = nonfinite || v->index >= limit / 2 ? 0 : v->quiet + 1;
	if (v->quiet < d->conf.cooldown)
		return;
	v->alarmed = 0;
	v->cusum = 0;
	v->lowest = v->loss.trend.level;
}

/* An alert begins when the index reaches the threshold, or at a value that is not finite: also when
 * another kind of alert is on. */
static int judge(struct lc_detect *d, long step, int nonfinite, struct lc_alert *a)
{
	struct live *v = &d->now;
	double limit = threshold_now(d);

	if (v->alarmed && !(nonfinite && v->alarmed_by != LC_NONFINITE)) {
		wait_for_quiet(d, limit, nonfinite);
		return 0;
	}
	if (!nonfinite && !(v->index >= limit))
		return 0;
	v->alarmed = 1;
	v->quiet = 0;
	v->alarmed_by = nonfinite				      ? LC_NONFINITE
			: fmax(persistence(v), agreement(v)) >= limit ? LC_SPIKE
								      : LC_DRIFT;
	fill_alert(d, step, v->alarmed_by, a);
	return 1;
}

static int take(struct lc_detect *d, const struct seen *s, struct lc_alert *a)
{
	struct live *v = &d->now;
	int bad_loss = s->has & HAS_LOSS && !isfinite(s->loss);
	int bad_grad = s->has & HAS_GRAD && !isfinite(s->grad);

	if (bad_loss || bad_grad) {
		v->index = INFINITY;
		if (bad_grad && !bad_loss && v->grad.onset < 0)
			v->grad.onset = s->step;
		return judge(d, s->step, 1, a);
	}
	if (s->has & HAS_GRAD)
		channel_add(&v->grad, log(fmax(s->grad, 1e-30)), s->step);
	if (s->has & HAS_LOSS) {
		channel_add(&v->loss, s->loss, s->step);
		update_index(v, s->step);
	}
	v->count++;
	return judge(d, s->step, 0, a);
}

/* Forget step and what came after it, and replay what is held of the time before. */
static void rewind_to(struct lc_detect *d, long step)
{
	struct lc_alert ignored;
	int n = 0;

	while (n < d->nheld && d->held[n].step < step)
		n++;
	d->nheld = n;
	d->alerted = -1;
	live_clear(&d->now);
	for (int i = 0; i < n; i++)
		take(d, &d->held[i], &ignored);
}

static void hold(struct lc_detect *d, const struct seen *s)
{
	if (d->nheld == HELD) {
		memmove(d->held, d->held + HELD / 2, HELD / 2 * sizeof(d->held[0]));
		d->nheld = HELD / 2;
	}
	d->held[d->nheld++] = *s;
}

/* Another line of the last step: what it says is added to, or replaces, what the step said. */
static void merge(struct seen *to, const struct seen *s)
{
	if (s->has & HAS_LOSS)
		to->loss = s->loss;
	if (s->has & HAS_GRAD)
		to->grad = s->grad;
	to->has |= s->has;
}

static void live_init(struct live *v, const struct lc_detect_conf *conf)
{
	lc_trend_init(&v->loss.trend, conf->window, conf->min_steps, 0.002, 0);
	lc_trend_init(&v->grad.trend, conf->window, conf->min_steps, 0, 1);
	live_clear(v);
}

struct lc_detect *lc_detect_open(const struct lc_detect_conf *conf)
{
	struct lc_detect *d = lc_xalloc(1, sizeof(*d));

	d->conf = *conf;
	d->alerted = -1;
	live_init(&d->now, conf);
	live_init(&d->before, conf);
	return d;
}

void lc_detect_close(struct lc_detect *d)
{
	if (!d)
		return;
	lc_trend_release(&d->now.loss.trend);
	lc_trend_release(&d->now.grad.trend);
	lc_trend_release(&d->before.loss.trend);
	lc_trend_release(&d->before.grad.trend);
	free(d);
}

int lc_detect_step(struct lc_detect *d, const struct lc_step *st, struct lc_alert *alert)
{
	struct seen s = {st->step, st->v[LC_LOSS], st->v[LC_GRAD_NORM], 0};
	struct seen *last = d->nheld ? &d->held[d->nheld - 1] : NULL;
	int begins;

	s.has = (lc_step_has(st, LC_LOSS) ? HAS_LOSS : 0) |
		(lc_step_has(st, LC_GRAD_NORM) ? HAS_GRAD : 0);
	if (!s.has)
		return 0;
	if (last && s.step == last->step) {
		merge(last, &s);
		s = *last;
		live_copy(&d->now, &d->before);
	} else {
		if (last && s.step < last->step)
			rewind_to(d, s.step);
		hold(d, &s);
		live_copy(&d->before, &d->now);
	}
	begins = take(d, &s, alert) && d->alerted != s.step;
	if (begins)
		d->alerted = s.step;
	return begins;
}

double lc_detect_index(const struct lc_detect *d)
{
	return d->now.index;
}

double lc_detect_score(const struct lc_detect *d, enum lc_metric m)
{
	return m == LC_GRAD_NORM ? d->now.grad.z : d->now.loss.z;
}

int lc_detect_losses(const struct lc_detect *d)
{
	return d->now.loss.trend.n;
}

const char *lc_alert_kind_name(enum lc_alert_kind kind)
{
	static const char *const names[] = {"spike", "drift", "nonfinite"};

	return names[kind];
}

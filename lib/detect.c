/* detect: see detect.h. */
#include "detect.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"

#define CLIP 4.0       /* spreads at which a value enters the window */
#define RECENT 5       /* steps over which the two channels may agree */
#define HELD 512       /* steps kept for a rewind */
#define LEFT_TREND 3.0 /* score at which a channel counts as off its trend */
#define HIDDEN                                                                                     \
	5 /* damaged moments show in the loss a few steps later: states this young are suspect */
#define QUIET_GAP 8 /* calm steps that end an excursion */

const struct lc_detect_conf lc_detect_defaults = {
	.window = 96,
	.min_steps = 64,
	.threshold = 1.0,
	.cooldown = 20,
};

/* One channel: the last `window` values in order of time, and their trend. */
struct channel {
	double *x, *scratch;
	int n, cap;
	double at_end, slope,
		spread; /* trend at the next value; per-step slope; MAD about the trend */
	double level;	/* median of the newest third */
	double floor;	/* least spread, as a share of the level (0: absolute .02) */
	double z, recent[RECENT];
};

struct seen {
	long step;
	double loss, grad;
	int has;
};

struct lc_detect {
	struct lc_detect_conf conf;
	struct channel loss, grad;
	struct seen held[HELD];
	int nheld;
	long count, last_step;
	double index, cusum;
	double lowest;		  /* level of the loss at its best so far */
	int loss_calm, grad_calm; /* calm steps in a row */
	long loss_onset, grad_onset, drift_onset;
	int alarmed, quiet;
};

static void channel_init(struct channel *c, int window, double floor)
{
	memset(c, 0, sizeof(*c));
	c->cap = window;
	c->floor = floor;
	c->x = lc_xalloc((size_t)window, sizeof(double));
	c->scratch = lc_xalloc((size_t)window, sizeof(double));
	c->z = NAN;
}

static void channel_clear(struct channel *c)
{
	c->n = 0;
	c->z = NAN;
	memset(c->recent, 0, sizeof(c->recent));
}

static double median_of(struct channel *c, int from, int to)
{
	memcpy(c->scratch, c->x + from, (size_t)(to - from) * sizeof(double));
	return lc_median(c->scratch, (size_t)(to - from));
}

/*
 * The trend: a broken line through the medians of the three thirds, continued with the slope that
 * the last piece would have if slopes kept shrinking at the rate they did (a straight line would
 * run below every young loss curve, which is convex). A rising loss is not a trend: it is continued
 * flat.
 */
static void channel_fit(struct channel *c, int rising_is_trend)
{
	int third = c->n / 3;
	double width = c->n / 3.0, least, shrink;
	double m1 = median_of(c, 0, third), m2 = median_of(c, third, 2 * third),
	       m3 = median_of(c, 2 * third, c->n);

	shrink = m2 != m1 ? (m3 - m2) / (m2 - m1) : 0;
	c->slope = (m3 - m2) / width * fmin(fmax(shrink, 0), 1);
	if (c->slope > 0 && !rising_is_trend)
		c->slope = 0;
	c->level = m3;
	c->at_end = m3 + c->slope * width / 2;
	for (int i = 0; i < c->n; i++) {
		double at = (i + .5) / width - .5; /* 0, 1, 2 at the middle of each third */
		c->scratch[i] =
			fabs(c->x[i] - (at < 1 ? m1 + at * (m2 - m1) : m2 + (at - 1) * (m3 - m2)));
	}
	c->spread = 1.4826 * lc_median(c->scratch, (size_t)c->n);
	least = c->floor > 0 ? c->floor * fabs(m3) : 0.02;
	if (c->spread < least)
		c->spread = least;
}

static void channel_push(struct channel *c, double x)
{
	if (c->n == c->cap)
		memmove(c->x, c->x + 1, (size_t)--c->n * sizeof(double));
	c->x[c->n++] = x;
}

/* Score x against the trend of what came before, then let it in, clipped. */
static void channel_add(struct channel *c, double x, int min_steps, int rising_is_trend)
{
	double score = NAN;

	if (c->n >= min_steps) {
		channel_fit(c, rising_is_trend);
		score = (x - c->at_end) / c->spread;
		if (score > CLIP)
			x = c->at_end + CLIP * c->spread;
		if (score < -CLIP)
			x = c->at_end - CLIP * c->spread;
	}
	c->z = score;
	memmove(c->recent + 1, c->recent, (RECENT - 1) * sizeof(double));
	c->recent[0] = isnan(score) ? 0 : score;
	channel_push(c, x);
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

/* The first step of the excursion a channel is in; it ends after QUIET_GAP calm steps. */
static void track_onset(double z, long step, int *calm, long *onset)
{
	if (z > LEFT_TREND) {
		if (*onset < 0)
			*onset = step;
		*calm = 0;
	} else if (++*calm >= QUIET_GAP) {
		*onset = -1;
	}
}

static double persistence(const struct lc_detect *d)
{
	return median3(d->loss.recent) / 6.0;
}

static double agreement(const struct lc_detect *d)
{
	double loss = recent_max(&d->loss), grad = recent_max(&d->grad);

	return loss > 4 && grad > LEFT_TREND ? sqrt(fmin(loss, 50) * fmin(grad, 50)) / 7.0 : 0;
}

/* Falling more slowly than expected is no drift: the level must have risen. */
static double drift(const struct lc_detect *d)
{
	return d->loss.level > d->lowest + d->loss.spread ? d->cusum / 40.0 : 0;
}

static void update_index(struct lc_detect *d, long step)
{
	double z = d->loss.z;

	if (isnan(z)) {
		d->index = NAN;
		return;
	}
	track_onset(z, step, &d->loss_calm, &d->loss_onset);
	track_onset(d->grad.z, step, &d->grad_calm, &d->grad_onset);
	if (d->cusum == 0)
		d->drift_onset = step;
	d->cusum = fmax(0, d->cusum + fmin(z, 4) - 1);
	d->lowest = fmin(d->lowest, d->loss.level);
	d->index = fmax(fmax(persistence(d), agreement(d)), drift(d));
}

/* Young runs are bumpy, and their trend is steep: up to twice the threshold, until two windows are
 * seen. */
static double threshold_now(const struct lc_detect *d)
{
	return d->conf.threshold * fmax(1, 2 - d->count / (2.0 * d->conf.window));
}

static double channel_peak(const struct channel *c)
{
	return c->n > 0 ? recent_max(c) : NAN;
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

static void fill_alert(struct lc_detect *d, long step, enum lc_alert_kind kind, struct lc_alert *a)
{
	long onset = kind == LC_DRIFT ? d->drift_onset : step;

	a->step = step;
	a->kind = kind;
	a->index = d->index;
	a->threshold = threshold_now(d);
	a->loss_z = channel_peak(&d->loss);
	a->grad_z = channel_peak(&d->grad);
	a->first = "loss";
	if (d->loss_onset >= 0 && d->loss_onset < onset)
		onset = d->loss_onset;
	if (d->grad_onset >= 0 && d->grad_onset <= onset) {
		if (d->loss_onset < 0 || d->grad_onset < d->loss_onset)
			a->first = "grad_norm";
		onset = d->grad_onset;
	}
	a->onset = onset;
	a->rewind = step_before(d, onset);
}

/* An alert begins when the index reaches the threshold, and ends after cooldown quiet steps. */
static int judge(struct lc_detect *d, long step, int nonfinite, struct lc_alert *a)
{
	double limit = threshold_now(d);
	int high = nonfinite || d->index >= limit;

	if (d->alarmed) {
		d->quiet = nonfinite || d->index >= limit / 2 ? 0 : d->quiet + 1;
		if (d->quiet >= d->conf.cooldown) {
			d->alarmed = 0;
			d->cusum = 0;
			d->lowest = d->loss.level;
		}
		return 0;
	}
	if (!high)
		return 0;
	d->alarmed = 1;
	d->quiet = 0;
	if (nonfinite)
		fill_alert(d, step, LC_NONFINITE, a);
	else
		fill_alert(d, step,
			   fmax(persistence(d), agreement(d)) >= limit ? LC_SPIKE : LC_DRIFT, a);
	return 1;
}

static int take(struct lc_detect *d, const struct seen *s, struct lc_alert *a)
{
	int nonfinite = (s->has & 1 && !isfinite(s->loss)) || (s->has & 2 && !isfinite(s->grad));

	d->last_step = s->step;
	if (nonfinite) {
		d->index = INFINITY;
		if (s->has & 1 && isfinite(s->loss) && d->grad_onset < 0)
			d->grad_onset = s->step;
		return judge(d, s->step, 1, a);
	}
	if (s->has & 2)
		channel_add(&d->grad, log(fmax(s->grad, 1e-30)), d->conf.min_steps, 1);
	if (s->has & 1) {
		channel_add(&d->loss, s->loss, d->conf.min_steps, 0);
		update_index(d, s->step);
	}
	d->count++;
	return judge(d, s->step, 0, a);
}

static void reset(struct lc_detect *d)
{
	channel_clear(&d->loss);
	channel_clear(&d->grad);
	d->count = 0;
	d->last_step = -1;
	d->index = NAN;
	d->cusum = 0;
	d->lowest = INFINITY;
	d->loss_onset = d->grad_onset = d->drift_onset = -1;
	d->loss_calm = d->grad_calm = 0;
	d->alarmed = d->quiet = 0;
}

/* Forget step and what came after it, and replay what is held of the time before. */
static void rewind_to(struct lc_detect *d, long step)
{
	struct lc_alert ignored;
	int n = 0;

	while (n < d->nheld && d->held[n].step < step)
		n++;
	d->nheld = n;
	reset(d);
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

struct lc_detect *lc_detect_open(const struct lc_detect_conf *conf)
{
	struct lc_detect *d = lc_xalloc(1, sizeof(*d));

	d->conf = *conf;
	channel_init(&d->loss, conf->window, 0.002);
	channel_init(&d->grad, conf->window, 0);
	reset(d);
	return d;
}

void lc_detect_close(struct lc_detect *d)
{
	if (!d)
		return;
	free(d->loss.x);
	free(d->loss.scratch);
	free(d->grad.x);
	free(d->grad.scratch);
	free(d);
}

int lc_detect_step(struct lc_detect *d, const struct lc_step *st, struct lc_alert *alert)
{
	struct seen s = {st->step, st->v[LC_LOSS], st->v[LC_GRAD_NORM], 0};

	s.has = (int)lc_step_has(st, LC_LOSS) | (int)lc_step_has(st, LC_GRAD_NORM) << 1;
	if (!s.has)
		return 0;
	if (s.step <= d->last_step)
		rewind_to(d, s.step);
	hold(d, &s);
	return take(d, &s, alert);
}

double lc_detect_index(const struct lc_detect *d)
{
	return d->index;
}

double lc_detect_score(const struct lc_detect *d, enum lc_metric m)
{
	return m == LC_GRAD_NORM ? d->grad.z : d->loss.z;
}

const char *lc_alert_kind_name(enum lc_alert_kind kind)
{
	static const char *const names[] = {"spike", "drift", "nonfinite"};

	return names[kind];
}

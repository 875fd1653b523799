/*
 * detect_episode: the index to alerts, and their ends.
 *
 * An excursion is one alert. While it is on there is another where it has come to twice the index
 * it had, or where what only showed inside the model (its attention, its activations, a channel of
 * the user's own) comes to the loss or the gradient norm; and at a value that is not finite. What
 * an excursion comes to in its first steps belongs to its beginning.
 */
#include <math.h>
#include <string.h>

#include "detect_impl.h"

#define HIDDEN 5	/* damage may be this old when it shows: states this young are suspect */
#define SETTLED 256	/* steps after which what an episode came to is the new normal */
#define ODD .01		/* probability below which a signal is more than noise */
#define RARE 1e-3	/* the same, of a loss that is not well */
#define GRAD_TAIL 800.0 /* values */
#define GREW 2.0	/* times the index that was told */

static double recent_max(const struct channel *c)
{
	double top = 0;

	for (int i = 0; i < RECENT; i++)
		top = fmax(top, c->recent[i]);
	return top;
}

/* 1 to 0 where gradients leap, and no loss with them, in a run that has not shown their tail yet:
 * small models do so for a few steps, before they learn. */
static double grad_is_young(const struct live *v)
{
	int top = (int)v->strongest;

	if (top != STANDS_OUT(GRAD) && top != GROWS(GRAD) && top != AGREEMENT)
		return 0;
	if (v->sig[STANDS_OUT(LOSS)].p < RARE || v->sig[GROWS(LOSS)].p < RARE ||
	    2 * recent_max(&v->ch[LOSS]) > recent_max(&v->ch[GRAD]))
		return 0;
	return fmin(fmax(2 - v->ch[GRAD].trend.n / GRAD_TAIL, 0), 1);
}

static double threshold_now(const struct lc_detect *d)
{
	double lenience = lc_live_lenience(&d->past.now, &d->conf);

	return d->conf.threshold * fmax(lenience, 1 + grad_is_young(&d->past.now));
}

/* The newest step surely before the onset: logged, and not so young that damage could hide in it.
 */
double lc_past_before(const struct lc_past *p, double onset)
{
	double before = -1;

	for (int i = (int)p->nheld - 1; i >= 0 && before < 0; i--)
		if (p->held[i].step < onset)
			before = p->held[i].step;
	if (before < 0) /* a slow drift began before all that is held */
		before = onset;
	return fmax(fmin(before, onset - HIDDEN), 0);
}

/* What moved without anything standing out has drifted. */
static enum lc_alert_kind kind_of(const struct live *v)
{
	int top = (int)v->strongest;

	return top < AMPLITUDE && top == DRIFTED(top / 3) ? LC_DRIFT : LC_SPIKE;
}

/* Off its trend, and not by one of the accidents that noise has. */
static int is_off(const struct live *v, int c)
{
	if (v->ch[c].onset < 0)
		return 0;
	for (int i = STANDS_OUT(c); i <= DRIFTED(c); i++)
		if (v->sig[i].p < ODD)
			return 1;
	return c <= GRAD && v->sig[AGREEMENT].p < ODD;
}

/* The channel that left its trend first, and when. */
static int first_off(const struct live *v, double *onset)
{
	int top = (int)v->strongest, first = top < AMPLITUDE ? top / 3 : LOSS;

	*onset = v->ch[first].onset;
	if (*onset < 0 || kind_of(v) == LC_DRIFT)
		*onset = isnan(v->sig[top].p) ? v->step : fmin(v->sig[top].since + 1, v->step);
	for (int i = 0; i < CHANNELS; i++)
		if (is_off(v, i) && v->ch[i].onset < *onset) {
			*onset = v->ch[i].onset;
			first = i;
		}
	return first;
}

static void fill_alert(const struct lc_detect *d, enum lc_alert_kind kind, int bad_channel,
		       struct lc_alert *a)
{
	const struct live *v = &d->past.now;
	double onset = v->step;
	int first = bad_channel;

	if (bad_channel < 0)
		first = first_off(v, &onset);
	else if (v->ch[bad_channel].onset >= 0)
		onset = v->ch[bad_channel].onset;
	*a = (struct lc_alert){
		.step = (long)v->step,
		.onset = (long)onset,
		.rewind = (long)lc_past_before(&d->past, onset),
		.kind = kind,
		.index = v->index,
		.threshold = threshold_now(d),
		.loss_z = v->ch[LOSS].trend.n > 0 ? recent_max(&v->ch[LOSS]) : NAN,
		.grad_z = v->ch[GRAD].trend.n > 0 ? recent_max(&v->ch[GRAD]) : NAN,
		.first = lc_channel_metric[first],
	};
}

/* Does the model's inside alone show it? */
static int is_inside(const struct live *v)
{
	return v->strongest < AMPLITUDE && (int)v->strongest / 3 >= ENTROPY;
}

/* It has been told of as it is now. */
static void note_told(struct live *v, int nonfinite)
{
	v->quiet = v->lasted = v->loud = v->told_for = 0;
	v->told = fmax(v->told, v->index);
	v->peak = fmax(v->peak, v->index);
	v->inside = !nonfinite && is_inside(v);
}

static void begin_episode(struct live *v, const struct lc_alert *a)
{
	v->alarmed = 1;
	v->alert_step = (double)a->step;
	v->alert_onset = (double)a->onset;
	v->alert_rewind = (double)a->rewind;
	v->alert_kind = a->kind;
	v->alert_index = v->peak = v->told = a->index;
	v->alert_threshold = a->threshold;
	v->outlier_step = -1;
}

/* Sorted. */
static void sort5(double *s, const double *x)
{
	memcpy(s, x, RECENT * sizeof(*s));
	for (int i = 1; i < RECENT; i++)
		for (int j = i; j > 0 && s[j] < s[j - 1]; j--) {
			double t = s[j];
			s[j] = s[j - 1];
			s[j - 1] = t;
		}
}

/* Channels that are off their trend stay where they are, as noisy as they are: the range of 5
 * values is 2.326 spreads. What began before has begun. */
static void settle(struct live *v)
{
	double s[RECENT];

	for (int i = 0; i < CHANNELS; i++) {
		struct channel *c = &v->ch[i];

		if (c->trend.n == 0)
			continue;
		sort5(s, c->values);
		if (recent_max(c) > LEFT_TREND || c->onset >= 0)
			lc_trend_settle(&c->trend, s[RECENT / 2], (s[RECENT - 1] - s[0]) / 2.326);
		else
			c->trend.reference = c->trend.smooth;
		memset(c->recent, 0, sizeof(c->recent));
		c->lift = 0;
		c->swing = .8;
		c->onset = -1;
	}
	for (int i = 0; i < SIGNALS; i++)
		v->sig[i].since = v->step;
	lc_forecaster_settle(&v->forecaster);
}

static void end_episode(struct lc_detect *d, int recovered)
{
	struct live *v = &d->past.now;
	struct lc_event ev = {.type = LC_END, .step = (long)v->step, .score = v->peak};

	ev.recovered = recovered;
	ev.alert = (struct lc_alert){
		.step = (long)v->alert_step,
		.onset = (long)v->alert_onset,
		.rewind = (long)v->alert_rewind,
		.kind = (enum lc_alert_kind)v->alert_kind,
		.index = v->alert_index,
		.threshold = v->alert_threshold,
	};
	v->alarmed = 0;
	lc_live_forget_clusters(v, recovered);
	lc_detect_say(d, &ev);
}

/* While an alert is on: it ends after cooldown quiet steps, or where it has settled: that it does
 * not while it still gets worse, nor before it was loud in as many steps. */
static void wait_for_quiet(struct lc_detect *d, double limit, int nonfinite)
{
	struct live *v = &d->past.now;

	v->lasted = nonfinite || v->index > v->peak ? 0 : v->lasted + 1;
	v->loud = v->lasted == 0 ? 0 : v->loud + (nonfinite || v->index >= limit / 2);
	v->peak = fmax(v->peak, v->index);
	v->quiet = nonfinite || v->standing >= limit / 2 ? 0 : v->quiet + 1;
	if (v->quiet >= d->conf.cooldown) {
		end_episode(d, 1);
	} else if (v->lasted >= SETTLED && v->loud >= d->conf.cooldown) {
		settle(v);
		end_episode(d, 0);
	}
}

/* Has the alert that is on become another: what it was told of has doubled, or come outside? */
static int is_news(struct lc_detect *d, double limit)
{
	struct live *v = &d->past.now;
	int inside = is_inside(v);

	if (v->told_for < d->conf.cooldown) { /* a beginning takes its time */
		v->told_for++;
		v->told = fmax(v->told, v->index);
		if (v->index >= limit)
			v->inside = v->inside && inside;
		return 0;
	}
	return v->index >= GREW * v->told || (v->index >= limit && v->inside && !inside);
}

/* An alert begins when the index reaches the threshold, or at a value that is not finite: also when
 * another kind of alert is on. */
int lc_episode_judge(struct lc_detect *d, int bad_channel, struct lc_alert *a)
{
	struct live *v = &d->past.now;
	double limit = threshold_now(d);
	int nonfinite = bad_channel >= 0, begins = !(v->alarmed > 0);

	begins |= nonfinite && (int)v->alert_kind != LC_NONFINITE;
	if (!begins && (nonfinite || !is_news(d, limit))) {
		wait_for_quiet(d, limit, nonfinite);
		return 0;
	}
	if (!nonfinite && !(v->index >= limit))
		return 0;
	fill_alert(d, nonfinite ? LC_NONFINITE : kind_of(v), bad_channel, a);
	if (begins)
		begin_episode(v, a);
	a->onset = (long)fmin((double)a->onset, v->alert_onset);
	a->rewind = (long)fmin((double)a->rewind, v->alert_rewind);
	note_told(v, nonfinite);
	return 1;
}

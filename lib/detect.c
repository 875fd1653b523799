/*
 * detect: steps to episodes; see detect.h. Scores and the index are detect_signal.c's, what is kept
 * for a rewind and saved detect_state.c's.
 */
#include "detect.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "detect_impl.h"
#include "io.h"

#define HIDDEN 5    /* damage may be this old when it shows: states this young are suspect */
#define SETTLED 256 /* steps after which what an episode came to is the new normal */
#define ODD .01	    /* probability below which a signal is more than noise */

const struct lc_detect_conf lc_detect_defaults = {
	.min_steps = 40,
	.rate = 3e-5,
	.threshold = 1.0,
	.cooldown = 16,
};

static double threshold_now(const struct lc_detect *d)
{
	return d->conf.threshold * lc_live_lenience(&d->past.now, &d->conf);
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

static double recent_max(const struct channel *c)
{
	double top = 0;

	for (int i = 0; i < RECENT; i++)
		top = fmax(top, c->recent[i]);
	return top;
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

static void begin_episode(struct live *v, const struct lc_alert *a)
{
	v->alarmed = 1;
	v->quiet = v->lasted = 0;
	v->alert_step = (double)a->step;
	v->alert_onset = (double)a->onset;
	v->alert_rewind = (double)a->rewind;
	v->alert_kind = a->kind;
	v->alert_index = v->peak = a->index;
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
 * not while it still gets worse. */
static void wait_for_quiet(struct lc_detect *d, double limit, int nonfinite)
{
	struct live *v = &d->past.now;

	v->lasted = nonfinite || v->index > v->peak ? 0 : v->lasted + 1;
	v->peak = fmax(v->peak, v->index);
	v->quiet = nonfinite || v->index >= limit / 2 ? 0 : v->quiet + 1;
	if (v->quiet >= d->conf.cooldown) {
		end_episode(d, 1);
	} else if (v->lasted >= SETTLED) {
		settle(v);
		end_episode(d, 0);
	}
}

/* An alert begins when the index reaches the threshold, or at a value that is not finite: also when
 * another kind of alert is on. */
static int judge(struct lc_detect *d, int bad_channel, struct lc_alert *a)
{
	struct live *v = &d->past.now;
	double limit = threshold_now(d);
	int nonfinite = bad_channel >= 0;

	if (v->alarmed && !(nonfinite && (int)v->alert_kind != LC_NONFINITE)) {
		wait_for_quiet(d, limit, nonfinite);
		return 0;
	}
	if (!nonfinite && !(v->index >= limit))
		return 0;
	fill_alert(d, nonfinite ? LC_NONFINITE : kind_of(v), bad_channel, a);
	begin_episode(v, a);
	return 1;
}

static int has_channel(unsigned has)
{
	for (int i = 0; i < CHANNELS; i++)
		if (has >> lc_channel_metric[i] & 1)
			return 1;
	return 0;
}

static int take(struct lc_detect *d, const struct seen *seen, struct lc_alert *a)
{
	struct live *v = &d->past.now;
	struct seen s = *seen;
	double diff = s.step - v->step;
	int bad = lc_watch_bad(d, &s);

	if (v->step >= 0 && diff > 0 && (v->stride == 0 || diff < 10 * v->stride))
		v->stride += (diff - v->stride) / (v->stride == 0 ? 1 : 16);
	v->step = s.step;
	if (bad >= 0) {
		v->index = INFINITY;
		if (v->ch[bad].onset < 0)
			v->ch[bad].onset = s.step;
		return judge(d, bad, a);
	}
	lc_watch_blamed(d, &s);
	if (!has_channel((unsigned)s.has) && !((unsigned)s.has >> LC_LR & 1))
		return 0;
	lc_live_take(v, &s, &d->conf);
	if (!has_channel((unsigned)s.has))
		return 0;
	lc_watch_outlier(d);
	lc_watch_crossings(d);
	return judge(d, -1, a) || lc_watch_plateau(d, &s, a);
}

/* Forget step and what came after it: the kept detector before it, and what was seen since. */
void lc_detect_rewind(struct lc_detect *d, long step)
{
	struct lc_past *p = &d->past;
	struct lc_alert ignored;
	double from = -1;
	int n = 0;

	while (p->nkept > 0 && p->kept[(int)p->nkept - 1].step > (double)step)
		p->nkept--;
	while (n < p->nheld && p->held[n].step < (double)step)
		n++;
	if (n == p->nheld)
		return; /* nothing was seen from there on */
	p->nheld = n;
	lc_past_clear(p);
	if (p->nkept > 0) {
		lc_live_copy(&p->now, &p->kept[(int)p->nkept - 1].live, &d->conf);
		from = p->kept[(int)p->nkept - 1].step;
	}
	for (int i = 0; i < n; i++)
		if (p->held[i].step >= from)
			take(d, &p->held[i], &ignored);
	d->nevents = d->next_event = 0;
}

/* Of the kept detectors, one for each doubling of age is enough: the one is dropped whose
 * neighbours are nearest to each other for their age. */
static void thin(struct lc_past *p)
{
	int worst = 1;
	double least = INFINITY, now = p->now.step;

	for (int i = 1; i < KEPT - 10; i++) {
		double gap = (p->kept[i + 1].step - p->kept[i - 1].step) / (now - p->kept[i].step);

		if (gap < least) {
			least = gap;
			worst = i;
		}
	}
	memmove(p->kept + worst, p->kept + worst + 1,
		(KEPT - 1 - (size_t)worst) * sizeof(p->kept[0]));
	p->nkept = KEPT - 1;
}

static void hold(struct lc_detect *d, const struct seen *s)
{
	struct lc_past *p = &d->past;

	if ((int)p->nheld == HELD) {
		memmove(p->held, p->held + HELD / 2, HELD / 2 * sizeof(p->held[0]));
		p->nheld = HELD / 2;
	}
	p->held[(int)p->nheld++] = *s;
	if (p->nkept > 0 && ++p->since_kept < KEEP_EVERY)
		return;
	if ((int)p->nkept == KEPT)
		thin(p);
	p->kept[(int)p->nkept].step = s->step;
	lc_live_copy(&p->kept[(int)p->nkept++].live, &p->now, &d->conf);
	p->since_kept = 0;
}

/* Another line of the last step: what it says is added to, or replaces, what the step said. */
static void merge(struct seen *to, const struct seen *s)
{
	for (int i = 0; i < CHANNELS; i++)
		if ((unsigned)s->has >> lc_channel_metric[i] & 1)
			to->v[i] = s->v[i];
	if ((unsigned)s->has >> LC_LR & 1)
		to->lr = s->lr;
	to->has = (unsigned)to->has | (unsigned)s->has;
	to->blamed = fmax(to->blamed, s->blamed);
}

static struct seen see(const struct lc_detect *d, const struct lc_step *st)
{
	struct seen s = {.step = (double)st->step, .lr = st->v[LC_LR]};

	s.has = st->has & 1u << LC_LR;
	for (int i = 0; i < CHANNELS; i++)
		if (lc_step_has(st, lc_channel_metric[i])) {
			s.v[i] = st->v[lc_channel_metric[i]];
			s.has = (unsigned)s.has | 1u << lc_channel_metric[i];
		}
	s.blamed = d->past.blamed == s.step;
	return s;
}

struct lc_detect *lc_detect_open(const struct lc_detect_conf *conf)
{
	struct lc_detect *d = lc_xalloc(1, sizeof(*d));

	d->conf = *conf;
	d->past.blamed = -1;
	lc_past_clear(&d->past);
	return d;
}

void lc_detect_close(struct lc_detect *d)
{
	free(d);
}

int lc_detect_step(struct lc_detect *d, const struct lc_step *st, struct lc_alert *alert)
{
	struct lc_past *p = &d->past;
	struct seen s = see(d, st), *last = p->nheld > 0 ? &p->held[(int)p->nheld - 1] : NULL;
	int begins;

	d->nevents = d->next_event = 0;
	if ((unsigned)s.has == 0)
		return 0;
	if (last && s.step == last->step) {
		merge(last, &s);
		s = *last;
		lc_live_copy(&p->now, &p->before, &d->conf);
	} else {
		if (last && s.step < last->step)
			lc_detect_rewind(d, st->step);
		hold(d, &s);
		lc_live_copy(&p->before, &p->now, &d->conf);
	}
	begins = take(d, &s, alert) && p->alerted != s.step;
	if (begins)
		p->alerted = s.step;
	if (p->evented == s.step)
		d->nevents = 0;
	else if (d->nevents)
		p->evented = s.step;
	return begins;
}

int lc_detect_event(struct lc_detect *d, struct lc_event *ev)
{
	if (d->next_event >= d->nevents)
		return 0;
	*ev = d->events[d->next_event++];
	return 1;
}

void lc_detect_blame_data(struct lc_detect *d, long step)
{
	d->past.blamed = (double)step;
}

double lc_detect_index(const struct lc_detect *d)
{
	return d->past.now.index;
}

static int channel_of(enum lc_metric m)
{
	for (int i = 0; i < CHANNELS; i++)
		if (lc_channel_metric[i] == m)
			return i;
	return -1;
}

double lc_detect_score(const struct lc_detect *d, enum lc_metric m)
{
	int c = channel_of(m);

	return c < 0 || d->past.now.ch[c].trend.n == 0 ? NAN : d->past.now.ch[c].z;
}

int lc_detect_values(const struct lc_detect *d)
{
	double most = 0;

	for (int i = 0; i < CHANNELS; i++)
		most = fmax(most, d->past.now.ch[i].trend.n);
	return (int)most;
}

int lc_detect_signals(const struct lc_detect *d, struct lc_signal *s, int max)
{
	int n = 0;

	for (int i = 0; i < SIGNALS && n < max; i++) {
		const struct signal *sig = &d->past.now.sig[i];
		struct lc_signal *out = &s[n];

		if (isnan(sig->score))
			continue;
		*out = (struct lc_signal){.suffix = "", .score = sig->score, .p = sig->p};
		if (i >= AMPLITUDE) {
			static const char *const names[] = {"amplitude", "agreement", "surprise",
							    "disagreement"};
			out->name = names[i - AMPLITUDE];
		} else {
			static const char *const suffix[] = {"", "growth", "drift"};
			out->metric = lc_channel_metric[i / 3];
			out->suffix = suffix[i % 3];
		}
		n++;
	}
	return n;
}

const char *lc_alert_kind_name(enum lc_alert_kind kind)
{
	static const char *const names[] = {"spike", "drift", "nonfinite", "plateau"};

	return names[kind];
}

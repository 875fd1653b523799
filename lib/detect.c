/*
 * detect: the steps as they come, and go back; see detect.h. Scores and the index are
 * detect_signal.c's, alerts and their ends detect_episode.c's, what is kept for a rewind and saved
 * detect_state.c's.
 */
#include "detect.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "detect_impl.h"
#include "io.h"

const struct lc_detect_conf lc_detect_defaults = {
	.min_steps = 40,
	.rate = 3e-5,
	.threshold = 1.0,
	.cooldown = 16,
};

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
		return lc_episode_judge(d, bad, a);
	}
	lc_watch_blamed(d, &s);
	if (!has_channel((unsigned)s.has) && !((unsigned)s.has >> LC_LR & 1))
		return 0;
	lc_live_take(v, &s, &d->conf);
	if (!has_channel((unsigned)s.has))
		return 0;
	lc_watch_outlier(d);
	lc_watch_crossings(d);
	return lc_episode_judge(d, -1, a) || lc_watch_plateau(d, &s, a);
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

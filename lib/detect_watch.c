/*
 * detect_watch: what is seen in single steps: outliers, values that are not finite or not there,
 * levels about to be crossed, what siblings met too; and a loss that stops falling.
 */
#include <math.h>

#include "detect_impl.h"

#define OUTLIER 6.0    /* score of a loss that stands out alone */
#define AT_ONCE 2      /* steps within which it comes back */
#define REGULAR 32     /* steps in a row that had a loss: then a step without is odd */
#define GONE 2	       /* such steps that are an alert */
#define SIGNIFICANT .5 /* spreads that a slope must make in 64 values before it is believed */

static int main_channel(const struct lc_detect *d)
{
	return d->conf.profile == LC_PROFILE_RL ? REWARD : LOSS;
}

void lc_detect_say(struct lc_detect *d, const struct lc_event *ev)
{
	if (d->nevents < (int)(sizeof(d->events) / sizeof(d->events[0])))
		d->events[d->nevents++] = *ev;
}

/* A value of the main channel that stood out alone, and came back at once. */
void lc_watch_outlier(struct lc_detect *d)
{
	struct live *v = &d->past.now;
	int c = main_channel(d);
	double z = v->ch[c].z;
	struct lc_event ev = {.type = LC_OUTLIER, .metric = lc_channel_metric[c]};

	if (v->alarmed || isnan(z))
		return;
	if (v->outlier_step < 0) {
		if (z >= OUTLIER) {
			v->outlier_step = v->step;
			v->outlier_z = z;
			v->outlier_age = 0;
		}
		return;
	}
	if (z < LEFT_TREND) {
		ev.step = (long)v->outlier_step;
		ev.score = v->outlier_z;
		lc_detect_say(d, &ev);
		v->outlier_step = -1;
	} else if (++v->outlier_age >= AT_ONCE) {
		v->outlier_step = -1;
	}
}

/* Steps until the level is crossed as the trend goes; NaN when it is not. */
static double steps_to(const struct live *v, const struct lc_trend *t, double level)
{
	double ahead = level - t->level;

	if (t->spread <= 0 || fabs(t->slope) * 64 < SIGNIFICANT * t->spread ||
	    ahead * t->slope <= 0)
		return NAN;
	return ahead / t->slope * fmax(v->stride, 1);
}

void lc_watch_crossings(struct lc_detect *d)
{
	struct live *v = &d->past.now;

	for (int k = 0; k < d->conf.ncross; k++) {
		const struct lc_cross *cr = &d->conf.cross[k];
		struct lc_event ev = {.type = LC_WARNING, .step = (long)v->step};
		int c = 0;

		while (lc_channel_metric[c] != cr->metric)
			c++;
		if (isnan(v->ch[c].z))
			continue;
		ev.steps = steps_to(v, &v->ch[c].trend, cr->level);
		if (!(ev.steps <= 2 * cr->within))
			v->warned[k] = 0;
		if (!(ev.steps <= cr->within) || v->warned[k])
			continue;
		v->warned[k] = 1;
		ev.metric = cr->metric;
		ev.level = cr->level;
		ev.score = v->ch[c].trend.level;
		lc_detect_say(d, &ev);
	}
}

/* A loss that is not there where all steps had one, as Megatron leaves it out when it is NaN. */
static int loss_gone(struct live *v, unsigned has)
{
	unsigned loss = 1u << LC_LOSS, usual = (unsigned)v->usual;

	if (has & loss) {
		v->regular = has == usual ? v->regular + 1 : 0;
		v->usual = has;
		v->gone = 0;
		return 0;
	}
	if ((has | loss) != usual || has == 0)
		return 0;
	if (v->regular < REGULAR) {
		v->regular = 0;
		return 0;
	}
	return ++v->gone >= GONE;
}

int lc_watch_bad(struct lc_detect *d, const struct seen *s)
{
	struct live *v = &d->past.now;
	int gone = loss_gone(v, (unsigned)s->has);
	struct lc_event ev = {.type = LC_OUTLIER, .metric = LC_LOSS, .cause = LC_CAUSE_MISSING};

	for (int i = 0; i < CHANNELS; i++)
		if ((unsigned)s->has >> lc_channel_metric[i] & 1 && !isfinite(s->v[i]))
			return i;
	if (v->gone == 1) {
		ev.step = (long)s->step;
		ev.score = NAN;
		lc_detect_say(d, &ev);
	}
	return gone ? LOSS : -1;
}

void lc_watch_blamed(struct lc_detect *d, struct seen *s)
{
	struct live *v = &d->past.now;
	struct lc_event ev = {.type = LC_OUTLIER, .metric = LC_LOSS, .cause = LC_CAUSE_DATA};

	if (!s->blamed || !((unsigned)s->has >> LC_LOSS & 1) || !isfinite(s->v[LOSS]))
		return;
	ev.step = (long)s->step;
	ev.score =
		lc_trend_score(&v->ch[LOSS].trend, &lc_views[LOSS], d->conf.min_steps, s->v[LOSS]);
	lc_detect_say(d, &ev);
	s->has = (unsigned)s->has & ~(1u << LC_LOSS | 1u << LC_GRAD_NORM);
}

static struct lc_alert plateau_alert(const struct live *v)
{
	const struct lc_plateau *p = &v->plateau;

	return (struct lc_alert){
		.step = (long)p->step,
		.onset = (long)p->onset,
		.rewind = (long)p->rewind,
		.kind = LC_PLATEAU,
		.index = p->score,
		.threshold = 1,
		.loss_z = v->ch[LOSS].z,
		.grad_z = v->ch[GRAD].trend.n > 0 ? v->ch[GRAD].z : NAN,
		.first = LC_LOSS,
	};
}

static void plateau_begins(struct lc_detect *d, double back, double score)
{
	struct live *v = &d->past.now;

	v->plateau.step = v->step;
	v->plateau.onset = fmax(v->step - floor(back * fmax(v->stride, 1)), 0);
	v->plateau.rewind = lc_past_before(&d->past, v->plateau.onset);
	v->plateau.score = score;
}

int lc_watch_plateau(struct lc_detect *d, const struct seen *s, struct lc_alert *a)
{
	struct live *v = &d->past.now;
	const struct lc_trend *t = &v->ch[LOSS].trend;
	struct lc_event ev = {.type = LC_END, .step = (long)v->step};
	double z = v->ch[LOSS].z, back, score;
	enum lc_plateau_news news;

	if ((unsigned)s->has >> LC_LR & 1 && isfinite(s->lr))
		lc_plateau_lr(&v->plateau, s->lr);
	if (isnan(z) || main_channel(d) != LOSS)
		return 0;
	if (v->alarmed) {
		lc_plateau_forget(&v->plateau);
		return 0;
	}
	news = lc_plateau_take(&v->plateau,
			       z > OUTLIER ? t->level + OUTLIER * t->spread : s->v[LOSS], t->spread,
			       &back, &score);
	if (news == LC_PLATEAU_BEGINS) {
		plateau_begins(d, back, score);
		*a = plateau_alert(v);
		return 1;
	}
	if (news != LC_PLATEAU_NONE) {
		ev.alert = plateau_alert(v);
		ev.score = ev.alert.index;
		ev.recovered = news == LC_PLATEAU_ENDS;
		lc_detect_say(d, &ev);
	}
	return 0;
}

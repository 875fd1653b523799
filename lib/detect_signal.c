/*
 * detect_signal: channels to scores, scores to one index.
 *
 * Of every channel three signals: it stands out (median of its last 3 scores, so that one accident
 * is none), it grows (mean score of its last 8 or so), it has drifted (how far the mean of the last
 * 16 is from the best it had). Beside them the amplitude (fast over slow spread of the loss), and
 * the agreement of loss and gradient norm within 5 steps, not the same one: a bad batch shows in
 * both at once.
 */
#include "detect_impl.h"

#include <math.h>
#include <string.h>

#define FAST_GAIN (2 / 9.) /* means over 8 values */
#define QUIET_GAP 8	   /* calm steps that end an excursion */
#define LATE 2		   /* times its longest silence a channel may be silent, and still stand */
#define NO_KL 1e-6	   /* an estimate that is less, or negative, is of none */
#define LR_JUMPS 1.5	   /* over the highest it was */
#define JUMPED .1	   /* of -1, fading by 1/32 a step: what remains 74 steps after a jump */
#define LR_RISES 1.02	   /* so far over its mean of 32 steps it is as fast as a warm-up begins */

const enum lc_metric lc_channel_metric[CHANNELS] = {
	LC_LOSS,	   LC_GRAD_NORM,    LC_REWARD, LC_KL,	LC_ENTROPY, LC_ATTN_ENTROPY,
	LC_ATTN_LOGIT_MAX, LC_ACT_KURTOSIS, LC_OWN1,   LC_OWN2, LC_OWN3,    LC_OWN4,
};

const struct lc_view lc_views[CHANNELS] = {
	[LOSS] = {LC_UP, 0, .002, 0},	     [GRAD] = {LC_UP, 1, 0, .02},
	[REWARD] = {LC_DOWN, 0, .002, 0},    [KL] = {LC_UP, 1, 0, .05},
	[ENTROPY] = {LC_BOTH, 1, .005, 0},   [ATTN_ENTROPY] = {LC_BOTH, 1, .005, 0},
	[ATTN_LOGIT] = {LC_BOTH, 1, .01, 0}, [KURTOSIS] = {LC_BOTH, 1, .01, 0},
	[OWN] = {LC_BOTH, 1, .005, 0},	     [OWN + 1] = {LC_BOTH, 1, .005, 0},
	[OWN + 2] = {LC_BOTH, 1, .005, 0},   [OWN + 3] = {LC_BOTH, 1, .005, 0},
};

/*
 * What these scores do in health: the threshold that white noise passes in 1 to 2 % of steps, and
 * the rate, mean and shape of the clusters above it, as 257 public runs of 480,000 steps have them
 * (rounded to the safe side).
 */
static const struct lc_tail_prior stands_out = {1.4, .013, .42, .1}, grows = {1, .008, .3, .05},
				  drifted = {.62, .0025, .17, .05}, swings = {.72, .01, .25, .05},
				  agrees = {2.6, .003, 1, .1}, surprises = {2.6, .007, .65, .05},
				  disagrees = {1, .006, .25, .2};

static const struct lc_tail_prior *prior_of(int sig)
{
	static const struct lc_tail_prior *const of[] = {&stands_out, &grows, &drifted};

	switch (sig) {
	case AMPLITUDE: return &swings;
	case AGREEMENT: return &agrees;
	case SURPRISE: return &surprises;
	case DISAGREEMENT: return &disagrees;
	default: return of[sig % 3];
	}
}

/* The reward of a policy says most of how it does, then its KL. */
static double weight_in_rl(int sig)
{
	switch (sig) {
	case STANDS_OUT(REWARD):
	case DRIFTED(REWARD): return 3;
	case STANDS_OUT(KL):
	case GROWS(KL): return 2;
	default: return 1;
	}
}

static double weight_of(int sig, enum lc_profile profile)
{
	if (profile == LC_PROFILE_RL)
		return weight_in_rl(sig);
	return sig == STANDS_OUT(LOSS) ? 3 : sig == AGREEMENT ? 2 : 1;
}

/* The bad side of a score: what deviates either way counts as it is far. */
static double bad_side(int c, double z)
{
	return lc_views[c].sense == LC_BOTH ? fabs(z) : z;
}

static double clamp(double x, double low, double high)
{
	return x < low ? low : x > high ? high : x;
}

/* The first step of the excursion a channel is in; it ends after QUIET_GAP calm steps. */
static void track_onset(struct channel *c, double bad, double step)
{
	if (bad > LEFT_TREND) {
		if (c->onset < 0)
			c->onset = step;
		c->calm = 0;
	} else if (++c->calm >= QUIET_GAP) {
		c->onset = -1;
	}
}

static void push(double *recent, double x)
{
	memmove(recent + 1, recent, (RECENT - 1) * sizeof(double));
	recent[0] = x;
}

static void channel_add(struct live *v, int i, double x, double step, int min_steps)
{
	struct channel *c = &v->ch[i];
	double z = lc_trend_score(&c->trend, &lc_views[i], min_steps, x);
	double bad = isnan(z) ? 0 : bad_side(i, z);

	c->z = z;
	push(c->recent, lc_views[i].sense == LC_BOTH && !isnan(z) ? z : bad);
	push(c->values, x);
	/* a loss that steps down does not swing */
	c->swing += FAST_GAIN * ((isnan(z) || z < -2.5 ? .8 : fmin(fabs(z), 4)) - c->swing);
	c->lift += FAST_GAIN *
		   (isnan(z) ? 0 : clamp(z, lc_views[i].sense == LC_BOTH ? -6 : -4, 6) - c->lift);
	track_onset(c, bad, step);
	lc_trend_add(&c->trend, &lc_views[i], x, v->alarmed > 0);
	/* what a learning rate does to the level as it comes back is no drift */
	c->trend.reference += v->rewarm / 8 * (c->trend.smooth - c->trend.reference);
}

static double median3(const double *x)
{
	return fmax(fmin(x[0], x[1]), fmin(fmax(x[0], x[1]), x[2]));
}

/* Geometric mean of the largest scores of both within RECENT steps, of two different steps. */
static double agreement(const struct channel *a, const struct channel *b)
{
	double best = 0;

	for (int i = 0; i < RECENT; i++)
		for (int j = 0; j < RECENT; j++)
			if (i != j && a->recent[i] > LEFT_TREND - 1 &&
			    b->recent[j] > LEFT_TREND - 1)
				best = fmax(best, a->recent[i] * b->recent[j]);
	return sqrt(best);
}

static double score_of(const struct live *v, int sig)
{
	const struct channel *c;

	if (sig == AMPLITUDE)
		return v->ch[LOSS].swing / .7979 - 1; /* E|e| of a standard normal */
	if (sig == AGREEMENT)
		return agreement(&v->ch[LOSS], &v->ch[GRAD]);
	if (sig == SURPRISE)
		return v->forecaster.surprise;
	if (sig == DISAGREEMENT)
		return v->forecaster.disagreement;
	c = &v->ch[sig / 3];
	if (sig % 3 == 0)
		return bad_side(sig / 3, median3(c->recent));
	return sig % 3 == 1 ? bad_side(sig / 3, c->lift)
			    : lc_trend_drift(&c->trend, &lc_views[sig / 3]);
}

/* A signal speaks when its channels have had enough values, the last one in this step. */
static int speaks(const struct live *v, int sig, enum lc_profile profile)
{
	/* a policy's loss is mostly its critic's: it leaps as rewards come, and has no best */
	if (profile == LC_PROFILE_RL && v->ch[REWARD].trend.n > 0 &&
	    (sig / 3 == LOSS || sig >= AMPLITUDE))
		return 0;
	if (sig == AMPLITUDE)
		return !isnan(v->ch[LOSS].z);
	if (sig == AGREEMENT)
		return !isnan(v->ch[LOSS].z) && !isnan(v->ch[GRAD].z);
	if (sig >= SURPRISE)
		return !isnan(v->ch[LOSS].z) && v->forecaster.n > 0 && !isnan(score_of(v, sig));
	if (sig == DRIFTED(sig / 3) && lc_views[sig / 3].may_worsen) /* it wanders in health */
		return 0;
	return !isnan(v->ch[sig / 3].z);
}

static void update_signal(struct live *v, int i)
{
	const struct lc_tail_prior *prior = prior_of(i);
	struct signal *s = &v->sig[i];

	s->score = score_of(v, i);
	s->p = s->last = lc_tail_p(&s->tail, prior, s->score);
	if (s->score < prior->at / 2)
		s->since = v->step;
	if (v->alarmed > 0)
		lc_tail_watch(&s->tail, prior, s->score);
	else
		lc_tail_add(&s->tail, prior, s->score);
}

/* Of a channel that is logged less often than others: does its last value still stand? */
static int stands(const struct live *v, int i)
{
	const struct channel *c = v->ch + i / 3;

	return !isnan(v->sig[i].last) && c->silent <= LATE * c->gap;
}

/* A sum of weights, and of weights / p. */
struct mean {
	double weights, sum;
};

static void mean_add(struct mean *m, double weight, double p)
{
	m->weights += weight;
	m->sum += weight / fmax(p, 1e-300);
}

static double index_of(const struct mean *m, double rate)
{
	return m->weights > 0 ? log(fmin(m->weights / m->sum, 1)) / log(rate) : NAN;
}

static void update_signals(struct live *v, const struct lc_detect_conf *conf)
{
	struct mean now = {0, 0}, late = {0, 0};
	double most = 0;

	for (int i = 0; i < SIGNALS; i++) {
		double weight = weight_of(i, conf->profile);

		if (i < AMPLITUDE && v->ch[i / 3].trend.n == 0) {
			i += 2; /* a channel that is not logged */
			continue;
		}
		v->sig[i].score = v->sig[i].p = NAN;
		if (!speaks(v, i, conf->profile)) {
			if (i < AMPLITUDE && stands(v, i))
				mean_add(&late, weight, v->sig[i].last);
			continue;
		}
		update_signal(v, i);
		mean_add(&now, weight, v->sig[i].p);
		if (weight / fmax(v->sig[i].p, 1e-300) > most) {
			most = weight / fmax(v->sig[i].p, 1e-300);
			v->strongest = i;
		}
	}
	v->index = index_of(&now, conf->rate);
	late.weights += now.weights;
	late.sum += now.sum;
	v->standing = index_of(&late, conf->rate);
}

/* The run warms up while lr rises step by step, or comes back to what it was. A jump beyond all it
 * has been is no schedule: then nothing is forgiven. */
static void update_lr(struct live *v, double lr)
{
	double rise;
	int jumps;

	if (v->lr_mean == 0)
		v->lr_mean = v->lr_max = lr;
	rise = v->lr_mean > 0 ? clamp((lr / v->lr_mean - 1.05) / LR_RISES, 0, 1) : 0;
	jumps = lr > LR_JUMPS * v->lr_max;
	v->warm = jumps ? -1 : fmax(v->warm < -JUMPED ? -1 : rise, v->warm * (1 - 1 / 32.));
	v->rewarm = rise > 0 && lr <= v->lr_max && v->warm >= 0 ? 1 : v->rewarm * (1 - 1 / 64.);
	v->lr_mean += (fmin(lr, LR_JUMPS * v->lr_max) - v->lr_mean) / 32;
	v->lr_max = fmax(v->lr_max, fmin(lr, LR_JUMPS * v->lr_max));
}

static void forecast(struct live *v, double loss)
{
	const struct lc_trend *t = &v->ch[LOSS].trend;
	struct lc_forecast_seen seen = {v->ch[LOSS].z, v->ch[GRAD].z, loss,
					t->level,      t->slope,      t->spread};

	if (!isnan(seen.loss_z))
		lc_forecaster_take(&v->forecaster, &seen, !(v->alarmed > 0));
}

void lc_live_take(struct live *v, const struct seen *s, const struct lc_detect_conf *conf)
{
	unsigned has = (unsigned)s->has;

	v->step = s->step;
	if (has >> LC_LR & 1 && isfinite(s->lr))
		update_lr(v, s->lr);
	for (int i = 0; i < CHANNELS; i++) {
		double x = s->v[i];

		v->ch[i].z = NAN;
		v->ch[i].silent++;
		if (!(has >> lc_channel_metric[i] & 1))
			continue;
		v->ch[i].gap = fmax(v->ch[i].gap, v->ch[i].trend.n > 0 ? v->ch[i].silent : 0);
		v->ch[i].silent = 0;
		if (i == GRAD) { /* 0 is what trainers write that have none */
			if (!(x > 0))
				continue;
			x = log(x);
		} else if (i == KL) {
			x = log(fmax(x, NO_KL));
		}
		channel_add(v, i, x, s->step, conf->min_steps);
	}
	if (conf->forecast && has >> LC_LOSS & 1)
		forecast(v, s->v[LOSS]);
	update_signals(v, conf);
}

void lc_live_forget_clusters(struct live *v, int recovered)
{
	for (int i = 0; i < SIGNALS; i++)
		if (!recovered || i >= AMPLITUDE || i != DRIFTED(i / 3))
			lc_tail_drop(&v->sig[i].tail);
}

double lc_live_lenience(const struct live *v, const struct lc_detect_conf *conf)
{
	double n = 0, steep = 0;

	for (int i = 0; i < CHANNELS; i++) {
		const struct lc_trend *t = &v->ch[i].trend;

		n = fmax(n, t->n);
		if ((i == LOSS || i == REWARD) && t->spread > 0)
			steep = fmax(steep, fabs(t->slope) * 16 / t->spread);
	}
	return 1 + clamp(fmax(fmax(2 - n / conf->min_steps, v->warm), steep - .5), 0, 1);
}

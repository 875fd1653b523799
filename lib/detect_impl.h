/*
 * detect_impl: what the files of detect share.
 *
 * All that the past has made of a detector is numbers in structs of nothing but doubles: kept for a
 * rewind, taken back and saved by copying them as they lie. Steps are whole and below 2^53.
 */
#ifndef LC_DETECT_IMPL_H
#define LC_DETECT_IMPL_H

#include "detect.h"
#include "detect_tail.h"
#include "forecaster.h"
#include "plateau.h"
#include "trend.h"

enum {
	LOSS,
	GRAD,
	REWARD,
	KL,
	ENTROPY,
	ATTN_ENTROPY,
	ATTN_LOGIT,
	KURTOSIS,
	OWN,
	CHANNELS = OWN + 4
};

/* Three signals a channel: it stands out, grows, has drifted. Then what concerns more. */
enum { AMPLITUDE = 3 * CHANNELS, AGREEMENT, SURPRISE, DISAGREEMENT, SIGNALS };
#define STANDS_OUT(c) (3 * (c))
#define GROWS(c) (3 * (c) + 1)
#define DRIFTED(c) (3 * (c) + 2)

#define RECENT 5       /* steps over which channels may agree */
#define LEFT_TREND 3.0 /* score at which a channel counts as off its trend */

/* What was logged of one step; its lines may be several. */
struct seen {
	double step;
	double has; /* as struct lc_step.has */
	double v[CHANNELS], lr;
	double blamed; /* siblings met the same */
};

struct channel {
	struct lc_trend trend;
	double z;	       /* of the last value; NaN: none */
	double recent[RECENT]; /* scores on the bad side, the newest first; 0 where there was none
				*/
	double values[RECENT]; /* as they came */
	double swing, lift;    /* means over 8 values or so of |score| and of score, clipped */
	double calm;	       /* calm steps in a row */
	double onset;	       /* first step of the excursion it is in, or -1 */
	double silent, gap;    /* steps taken since it had a value; the most so far */
};

struct signal {
	struct lc_tail tail;
	double score, p;
	double last;  /* p, when there was one */
	double since; /* step at which it was last low */
};

/* All that the steps so far have made of the detector. */
struct live {
	struct channel ch[CHANNELS];
	struct signal sig[SIGNALS];
	double index, step;
	double standing;  /* the index, with the last of what is only not logged in this step */
	double strongest; /* the signal that made the index what it is */
	double lr_max, lr_mean;
	double warm,
		rewarm; /* 1 while lr rises (and has been higher), then fading; -1: it jumped */
	double alarmed, quiet, lasted; /* an alert is on; calm steps since; its length */
	double alert_step, alert_onset, alert_rewind, alert_kind, alert_index, alert_threshold;
	double peak;
	double told, told_for; /* the largest index up to cooldown steps into it; of those so far */
	double inside;	       /* only what is inside the model has shown it so far */
	double loud;	       /* steps at half the threshold or more since it last got worse */
	double outlier_step, outlier_z, outlier_age; /* a loss that stood out alone; -1: none */
	double usual, regular; /* metrics that steps have, and how many in a row had them */
	double gone;	       /* steps in a row that lack the loss others had */
	double warned[LC_CROSSES];
	double stride; /* steps between records */
	struct lc_plateau plateau;
	struct lc_forecaster forecaster; /* the last: without --forecast it is not kept */
};

#define HELD 512      /* steps kept as logged */
#define KEPT 32	      /* detectors kept for a rewind */
#define KEEP_EVERY 64 /* steps */

struct kept {
	double step; /* the state before this step */
	struct live live;
};

/* What is saved. */
struct lc_past {
	struct live now, before; /* before: without the last step, whose next line may change it */
	struct seen held[HELD];
	struct kept kept[KEPT];
	double nheld, nkept, since_kept;
	double alerted; /* the step of the newest alert, or -1 */
	double evented; /* the step of the newest event, or -1 */
	double blamed;	/* the step that is bad by its data, or -1 */
};

struct lc_detect {
	struct lc_detect_conf conf;
	struct lc_past past;
	struct lc_event events[4];
	int nevents, next_event;
};

extern const struct lc_view lc_views[CHANNELS];
extern const enum lc_metric lc_channel_metric[CHANNELS];

/* The index after a step, or a channel that is not finite (-1: none): 1 and an alert that begins.
 */
int lc_episode_judge(struct lc_detect *d, int bad_channel, struct lc_alert *a);

/* Score the step, update trends, tails and the index. hold: an alert is on. */
void lc_live_take(struct live *v, const struct seen *s, const struct lc_detect_conf *conf);

/*
 * After an episode: what it came to is not learned, but how far a drift went that came back by
 * itself: that is how this run wanders. (Of one that was taken back nothing is known any more.)
 */
void lc_live_forget_clusters(struct live *v, int recovered);

/* 1 for a run that is settled, up to 2 while it is young, steep or warming up. */
double lc_live_lenience(const struct live *v, const struct lc_detect_conf *conf);

/* Events of a step; what there is no room for is lost. */
void lc_detect_say(struct lc_detect *d, const struct lc_event *ev);

/* A value of the main channel that stood out alone, and came back at once: an event. */
void lc_watch_outlier(struct lc_detect *d);

/* Levels that will be crossed: events. */
void lc_watch_crossings(struct lc_detect *d);

/* The first channel whose value is not finite, or a loss that is gone; -1: none. */
int lc_watch_bad(struct lc_detect *d, const struct seen *s);

/* A loss that has stopped falling: 1 and an alert; or an event when that is over. */
int lc_watch_plateau(struct lc_detect *d, const struct seen *s, struct lc_alert *a);

/* The newest step surely before the onset. */
double lc_past_before(const struct lc_past *p, double onset);

/* Takes out of s what siblings met as bad too: an event. */
void lc_watch_blamed(struct lc_detect *d, struct seen *s);

void lc_past_clear(struct lc_past *p);

/* Copies of what a detector of this configuration has. */
size_t lc_live_size(const struct lc_detect_conf *conf);
void lc_live_copy(struct live *to, const struct live *from, const struct lc_detect_conf *conf);

#endif

/*
 * detect: one instability index from all that a running training logs of itself.
 *
 * Each channel (loss; grad_norm as its logarithm; reward, KL, entropies, activations, the user's
 * own) is scored against its own robust trend (trend.h), and so are what channels do together. What
 * a score is worth, its tail tells (detect_tail.h): how rarely healthy training, and this run,
 * shows it. The index is the harmonic mean of these probabilities (Wilson, PNAS 2019: valid however
 * they depend on each other) on the logarithmic scale on which 1 is the rate of false alarms asked
 * for.
 *
 * An alert begins where the index reaches the threshold, at once where a value is not finite; its
 * episode ends with an LC_END event. A loss that fell steadily and stops (plateau.h) is an alert
 * beside the index. A loss that stands out alone and comes back at once is data (DESIGN section 8,
 * truth 9): an LC_OUTLIER event.
 */
#ifndef LC_DETECT_H
#define LC_DETECT_H

#include "record.h"

enum lc_alert_kind { LC_SPIKE, LC_DRIFT, LC_NONFINITE, LC_PLATEAU };

enum lc_profile { LC_PROFILE_LM, LC_PROFILE_RL };

/* A channel shall not pass a level: warn when it will within so many steps. */
struct lc_cross {
	enum lc_metric metric;
	double level, within;
};
#define LC_CROSSES 8

struct lc_detect_conf {
	int min_steps;	  /* finite values needed before scores mean anything; 40 */
	double rate;	  /* false alarms per step that are accepted; 3e-5 */
	double threshold; /* an alert is an index at or above this (up to twice as much in a run
			     that is young or warms up, of gradients alone for longer); 1 */
	int cooldown;	  /* quiet steps (index below half the threshold) that end an alert; 16 */
	enum lc_profile profile;
	int forecast; /* forecasters too: their surprise and their disagreement; 0 */
	int ncross;
	struct lc_cross cross[LC_CROSSES];
};
extern const struct lc_detect_conf lc_detect_defaults;

struct lc_alert {
	long step;   /* where it was noticed */
	long onset;  /* the first step of the excursion */
	long rewind; /* the newest step that is surely before it */
	enum lc_alert_kind kind;
	double index, threshold;
	double loss_z,
		grad_z; /* scores at their largest in the last 5 steps; NaN: no such channel */
	enum lc_metric first; /* the channel that left its trend first */
};

/* What is no alert and still worth a record. */
struct lc_event {
	enum { LC_OUTLIER, LC_END, LC_WARNING } type;
	long step; /* of the outlier; where the end was noticed; where the warning is given */
	enum lc_metric metric; /* outlier, warning */
	double score;	       /* outlier: of the channel; end: the largest index of the episode */
	enum { LC_CAUSE_UNKNOWN, LC_CAUSE_DATA, LC_CAUSE_MISSING } cause; /* outlier */
	struct lc_alert alert; /* end: the alert that it ends */
	int recovered;	       /* end: it came back; else it has settled where it is */
	double level, steps;   /* warning: level is crossed in so many steps */
};

/* A signal: its score (NaN: none) and how rare that is. */
struct lc_signal {
	const char *name; /* NULL: the channel's, with suffix */
	enum lc_metric metric;
	const char *suffix;
	double score, p;
};

struct lc_detect; /* opaque */

struct lc_detect *lc_detect_open(const struct lc_detect_conf *conf);
void lc_detect_close(struct lc_detect *d); /* accepts NULL */

/*
 * Take the next step record. 1 and *alert filled when an alert begins with it, else 0. A step that
 * goes back (a resume) restores the detector of then: the newest wins.
 */
int lc_detect_step(struct lc_detect *d, const struct lc_step *st, struct lc_alert *alert);

/* The next event of the last step: 1, or 0 when there is none left. */
int lc_detect_event(struct lc_detect *d, struct lc_event *ev);

/* Steps from this one on are taken back, as a rewind record says. */
void lc_detect_rewind(struct lc_detect *d, long step);

/* The next step's loss is bad by its data, as siblings show: it is an outlier and teaches nothing.
 */
void lc_detect_blame_data(struct lc_detect *d, long step);

/* The index and the scores after the last step; NaN before min_steps. */
double lc_detect_index(const struct lc_detect *d);
double lc_detect_score(const struct lc_detect *d, enum lc_metric m);
int lc_detect_signals(const struct lc_detect *d, struct lc_signal *s, int max);

/* Finite values that the fullest channel had: scores begin with the one after min_steps of them. */
int lc_detect_values(const struct lc_detect *d);

/*
 * The whole detector as bytes, little-endian, of one version and one configuration; what is
 * restored goes on as the saved one would. *buf is the caller's (free).
 */
void lc_detect_save(const struct lc_detect *d, char **buf, size_t *len);
int lc_detect_restore(struct lc_detect *d, const char *buf, size_t len, struct lc_err *err);

const char *lc_alert_kind_name(enum lc_alert_kind kind);

#endif

/*
 * detect: one instability index from the loss and the gradient norm of a running training.
 *
 * Each channel (loss as it is, grad_norm as its logarithm) is scored against its own robust trend
 * (trend.h).
 *
 * A single loss outlier is mostly data and heals by itself, and about 2 % of clean gradient norms
 * are outliers (DESIGN section 8, truth 9), so the index asks for corroboration:
 *
 *   index = max(persistence, agreement, drift) / threshold, each 1 at its own limit
 *     persistence  median of the last 3 loss scores, against 6
 *     agreement    geometric mean of the largest loss and the largest grad_norm score of the last 5
 * steps, against 7, when the loss score is above 4 and the grad_norm score above 3 (each counted to
 * 50) drift        CUSUM of the loss scores (each counted to at most 4, allowance 1), against 40,
 *                  when the level of the loss is above the lowest it had
 *
 * A value that is not finite is an alert at once.
 */
#ifndef LC_DETECT_H
#define LC_DETECT_H

#include "record.h"
#include "stat.h"

enum lc_alert_kind { LC_SPIKE, LC_DRIFT, LC_NONFINITE };

struct lc_detect_conf {
	int window;	  /* values a trend is fitted to; 96 */
	int min_steps;	  /* finite values needed before scores mean anything; 64 */
	double threshold; /* an alert is an index at or above this (twice as much in a young run); 1
			   */
	int cooldown;	  /* quiet steps (index below half the threshold) that end an alert; 20 */
};
extern const struct lc_detect_conf lc_detect_defaults;

struct lc_alert {
	long step;   /* where it was noticed */
	long onset;  /* the first step of the excursion */
	long rewind; /* the newest step that is surely before it */
	enum lc_alert_kind kind;
	double index, threshold;
	double loss_z,
		grad_z;	   /* scores at their largest in the last 5 steps; NaN: no such channel */
	const char *first; /* the channel that left its trend first */
};

struct lc_detect; /* opaque */

struct lc_detect *lc_detect_open(const struct lc_detect_conf *conf);
void lc_detect_close(struct lc_detect *d); /* accepts NULL */

/*
 * Take the next step record. 1 and *alert filled when an alert begins with it, else 0. A step that
 * goes back (a resume) makes d forget what it saw from that step on: the newest wins.
 */
int lc_detect_step(struct lc_detect *d, const struct lc_step *st, struct lc_alert *alert);

/* The index and the scores after the last step; NaN before min_steps. */
double lc_detect_index(const struct lc_detect *d);
double lc_detect_score(const struct lc_detect *d, enum lc_metric m); /* LC_LOSS or LC_GRAD_NORM */

/* Finite losses that the trend has: scores begin with the one after min_steps of them. */
int lc_detect_losses(const struct lc_detect *d);

const char *lc_alert_kind_name(enum lc_alert_kind kind);

#endif

/*
 * score: the alarms of a detector against labels of what really happened.
 *
 * A label says where an event began (onset), where its damage first showed (damage) and where it
 * was over (end). A record on which the detector fired
 *
 *   in [onset, end] of an event    finds it; the first one counts; in time when at most `within`
 *                                  records after the damage
 *   in [onset, end + within] of    is laid to the outlier, neither right nor false
 *   an outlier
 *   in the margin around either    is nobody's
 *   anywhere else                  is a false alarm, unless another firing was at most gap records
 *                                  before it: then it belongs to that one's episode
 *
 * Labels speak of steps; within, margin and gap count records, so that a log with a record every
 * 50 steps is treated like one with every step.
 */
#ifndef LC_SCORE_H
#define LC_SCORE_H

#include <stddef.h>

#include "record.h"
#include "rng.h"

struct lc_label {
	char *run; /* the file's name without .jsonl, with as much of its path as tells it apart */
	long onset, damage, end; /* LONG_MAX: to the end of the run */
	int outlier;		 /* benign: one record that stands out */
};

struct lc_labels {
	struct lc_label *label;
	size_t n;
};
int lc_labels_load(struct lc_labels *all, const char *path, struct lc_err *err);
void lc_labels_release(struct lc_labels *all);

struct lc_score_conf {
	int within, margin, gap; /* records */
	int young;		 /* so many of a run's first records count for nothing */
};
extern const struct lc_score_conf lc_score_defaults;

struct lc_tally {
	double records; /* healthy ones */
	double false_alarms, events, found, in_time;
	double outliers, blamed; /* blamed: the detector fired at */
	double *lead,
		*delay; /* in steps, of the events found: damage less alarm, alarm less onset */
};

/*
 * What came of one run: n records that have a loss or a gradient norm, in order, and whether the
 * detector fired on each. The labels whose name is the longest that ends path are this run's.
 * t is filled; lc_tally_release it.
 */
void lc_score_run(const struct lc_score_conf *conf, const struct lc_labels *all, const char *path,
		  const long *step, const char *fired, size_t n, struct lc_tally *t);
void lc_tally_release(struct lc_tally *t);

/* A figure over runs, with the middle 95 % of what resampling the runs gives; NaN when undefined.
 */
struct lc_figure {
	double x, low, high;
};
enum lc_figure_of {
	LC_FALSE_10K, /* false alarms per 10,000 healthy records */
	LC_RECALL,    /* share of events found */
	LC_IN_TIME,   /* share found in time */
	LC_LEAD,      /* median of lead, and of delay, over the events found */
	LC_DELAY,
	LC_FIGURES
};
void lc_score_figures(const struct lc_tally *runs, size_t n, uint64_t seed, int resamples,
		      struct lc_figure out[LC_FIGURES]);

#endif

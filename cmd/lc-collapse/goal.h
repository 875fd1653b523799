/*
 * goal: what the futures are judged by, where that is not the held-out loss: a weighted sum of
 * metrics, and limits that others must keep. A metric is one of lc-record(5), in any spelling, or
 * any other name that the trainer logs.
 */
#ifndef GOAL_H
#define GOAL_H

#include <jansson.h>

#include "record.h"

#define GOAL_MOST 4
#define GOAL_TEXT (GOAL_MOST * 192) /* room for goal_text */

struct goal {
	int terms, limits; /* terms 0: val_loss, or the loss */
	struct {
		enum lc_metric metric;
		int twin;      /* the same on the other held-out half, test_X of val_X; -1: none */
		double weight; /* of the sum, which is to be low: negative for max: */
		char text[80]; /* as it was given */
	} term[GOAL_MOST];
	struct {
		enum lc_metric metric;
		double bound;
		int above; /* the metric must stay above the bound, not below it */
		char text[80];
	} limit[GOAL_MOST];
	struct lc_names
		names; /* what the step records call those that lc-record(5) does not know */
};

/* Add "min:NAME", "max:NAME", each with ":WEIGHT" or without; "NAME<X" or "NAME>X". LC_USAGE. */
int goal_add(struct goal *g, const char *text, struct lc_err *err);
int goal_limit(struct goal *g, const char *text, struct lc_err *err);

/* The sum at a step, given the metrics seen at it so far; NaN while one is missing. held: of the
 * twins, NaN where a term has none. */
double goal_score(const struct goal *g, const double v[LC_METRICS], int held);

/* As arrays of strings in a decision record, and back. goal_write adds nothing when g is empty. */
void goal_write(json_t *decision, const struct goal *g);
int goal_read(struct goal *g, const json_t *decision, struct lc_err *err);

/* "max:reward + min:kl", for people; held: of the twins. */
void goal_text(const struct goal *g, int held, char *text, size_t size);

#endif

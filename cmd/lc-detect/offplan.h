/*
 * offplan: is the lr that a run logs the one of its plan?
 *
 * A cause that stays, an lr that creeps up or has fallen to a thirtieth, may break nothing that an
 * index would notice. Where the plan is known it shows at once: an lr twice as high, or half, at 5
 * steps in a row, that no action in force explains, is an alert of kind drift, first lr; its index
 * is how many times it is doubled or halved. It comes again for each time more, and when the lr was
 * back on its plan or the run has gone back. The onset is where it came to be 1.2 times off; one
 * that was on its plan for 500 steps and then is off by less than twice for 500 is told. An
 * lr_scale may be there to undo such a cause: what is on the plan itself is not off it, and once it
 * was there for 5 steps, what is in force explains nothing more.
 */
#ifndef LC_DETECT_OFFPLAN_H
#define LC_DETECT_OFFPLAN_H

#include "detect.h"
#include "forecast.h"

struct offplan {
	struct lc_schedule plan; /* shape LC_SCHED_NONE: nothing is asked */
	double threshold;	 /* index at which an alert begins */
	double scale;	    /* lr_scale in force; NaN: actions leave the plan for good reason */
	int undone;	    /* it undoes a cause: the lr was on the plan itself since */
	int plain;	    /* steps in a row at which it is, in spite of it */
	long last, good;    /* newest step; newest one on the plan */
	long on;	    /* how many were on it */
	long onset, rewind; /* of the steps that are off it */
	int n, loud;	    /* how many, in a row; of them far enough to be told */
	double next;	    /* index of the next alert */
	double above;	    /* the last lr that was not 0; 0: none yet */
};

/* The plan of a file: a schedule, or a whole state.json. */
int offplan_load(struct offplan *o, const char *path, struct lc_err *err);

/* The actions in force, where the file is there. */
int offplan_actions(struct offplan *o, const char *path, struct lc_err *err);

/* What was told is told again: the run, or what is in force on it, is another. */
void offplan_reset(struct offplan *o);

/* 1 and an alert, or 0. */
int offplan_step(struct offplan *o, const struct lc_step *st, struct lc_alert *a);

#endif

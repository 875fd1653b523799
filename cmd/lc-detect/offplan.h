/*
 * offplan: is the lr that a run logs the one of its plan?
 *
 * A cause that stays, an lr that creeps up or has fallen to a thirtieth, may break nothing that an
 * index would notice. Where the plan is known it shows at once: an lr more than 1.2 times off it,
 * at 5 steps in a row, that no action in force explains, is an alert of kind drift, first lr. The
 * alert comes once, until the lr is back on its plan or the run goes back. An lr_scale may be there
 * to undo such a cause: what is on the plan itself is not off it.
 */
#ifndef LC_DETECT_OFFPLAN_H
#define LC_DETECT_OFFPLAN_H

#include "detect.h"
#include "forecast.h"

struct offplan {
	struct lc_schedule plan; /* shape LC_SCHED_NONE: nothing is asked */
	double scale;	    /* lr_scale in force; NaN: actions leave the plan for good reason */
	long last, good;    /* newest step; newest one on the plan */
	long onset, rewind; /* of the steps that are off it */
	int n, on;	    /* how many, in a row; they were told */
};

/* The plan of a file: a schedule, or a whole state.json. */
int offplan_load(struct offplan *o, const char *path, struct lc_err *err);

/* The actions in force, where the file is there. */
int offplan_actions(struct offplan *o, const char *path, struct lc_err *err);

/* 1 and an alert, or 0. */
int offplan_step(struct offplan *o, const struct lc_step *st, struct lc_alert *a);

#endif

/*
 * sheet: how the drafts of a fork stand, and which block of real steps is worth running next.
 *
 * As in speculative decoding the cheap model goes ahead and the dear one verifies. A block is a
 * part of a future's horizon, with its return and its cooldown. One that does what was expected of
 * it (an e-value below 1/delta) is accepted: its future is not run on, and what was seen of it
 * sharpens the draft of all others. One that does not is rejected: its future is run to its full
 * horizon, as in a race. How often drafts were accepted, in this fork and those before, says how
 * short a block may be.
 */
#ifndef SHEET_H
#define SHEET_H

#include "foresee.h"

struct standing {
	double log_e; /* of its latest block; NaN: not compared */
	long run;     /* steps of the horizon that were run */
	int rejected;
};

struct sheet {
	struct outlook o;
	struct standing s[LC_ARMS_MAX];
	struct lc_arms a;
	int left;	      /* arms that the law does not take: raced in full */
	int blocks, accepted; /* of this fork */
	double rate, leaves;  /* leaves: what the last block left of its future's sd */
	long block;	      /* steps of one */
	const char *fork;
	json_t *next; /* branch records to run */
	char why[160];
};

/* Draft, verify and choose: fills all but o, which is the caller's, and next, an empty array. */
int sheet_fill(struct sheet *t, const json_t *memory, double enough, struct lc_err *err);
void sheet_release(struct sheet *t);

#define SHEET_DELTA .05 /* chance of rejecting a draft that is right */

#endif

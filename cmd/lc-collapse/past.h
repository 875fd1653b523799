/*
 * past: the decisions of a journal, and what the run logged after each.
 */
#ifndef PAST_H
#define PAST_H

#include "collapse.h"

struct past {
	json_t *decision; /* owned */
	struct goal goal; /* its objective; no terms: a loss */
	char name[72];	  /* what it is known by */
	long from;	  /* the step the run went on from */
	long first, last; /* lines of the run's log that came after it: [first, last); last -1: to
			     the end */
	int alerts;	  /* in the journal before the next decision, 16 at most */
	long alert_steps[16]; /* where they were noticed */
	int over;	      /* another decision has been made since, or the run has ended */
};
struct past_list {
	struct past *p;
	int n;
	int orphans; /* forks applied before any decision was told */
};
int past_list_read(struct past_list *list, const char *journal, struct lc_err *err);
void past_list_release(struct past_list *list);

/* What the run logged after a decision, up to `window` steps on, as a future of the fork is read.
 */
struct past_run {
	struct future f;
	long steps; /* from the step it went on from */
};
int past_run_read(struct past_run *run, const char *path, const struct past *p, long window,
		  struct lc_err *err);
void past_run_release(struct past_run *run);

/* What was seen of a decision in `window` steps: the gain, taken again; new review record. */
json_t *past_judge(const struct past *p, const struct past_run *run, const struct evidence *ev,
		   long window);

#endif

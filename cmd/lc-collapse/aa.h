/*
 * aa: trials of the judgement on runs that are equal.
 */
#ifndef AA_H
#define AA_H

#include "collapse.h"
#include "readings.h"

struct aa_plan {
	int arms, nulls, trials;
	long horizon;	    /* steps of a future */
	double gain;	    /* of one arm, in standard deviations of a run's reading; 0: none */
	double skip;	    /* share of the steps at the start that no window is drawn from */
	enum metric metric; /* what is read; presented to the judgement as its loss */
	unsigned long seed;
};

/* Series over the steps that all runs have: x (n,steps), NaN where a step was not read. */
struct aa_runs {
	int n;
	long steps;
	double **x;
};

struct aa_count {
	int won, naive;	  /* trials with a winner among equals; by a paired t-interval over steps */
	int found, wrong; /* where one arm is better: it was chosen, another was */
};

/* One file a run; or one file that holds branch records: its control and nulls, each from its first
 * step. Fails where there are fewer runs than a trial needs, or a run has no such metric. */
int aa_read(struct aa_runs *runs, char *const *files, int n, const struct aa_plan *plan,
	    struct lc_err *err);
void aa_release(struct aa_runs *runs);

int aa_trials(const struct aa_runs *runs, const struct aa_plan *plan, const struct rule *rule,
	      struct aa_count *count, struct lc_err *err);

#endif

/*
 * incident: an excess of the loss over what it was before, and what each probe of it shows.
 */
#ifndef INCIDENT_H
#define INCIDENT_H

#include "past.h"

struct incident {
	struct past run;
	struct pasts probes;
	long onset, alarm, end;
	double usual, sd, excess; /* median loss before; its noise; the peak above it */
	json_t *found;		  /* excess by probe */
};

/* What was usual before the alert's onset, and how far the run's loss rose above it. */
int incident_measure(struct incident *in, const json_t *alert, const char *history,
		     struct lc_err *err);

/* Did it come again in the probe that asks this? 1, 0, or -1 when that was not run; and how far. */
int incident_recurs(struct incident *in, const char *asks, double *excess);

/* Is the loss of this probe above what is usual all through its later half? Likewise. */
int incident_stays(struct incident *in, const char *asks, double *excess);

/* How far the run goes on above its replay, after one that did not bring it back; 0: it does not.
 */
double incident_mark(struct incident *in);

/* The step at which the run's lr had been raised, how many times; 0: it was not. */
long incident_lr_jump(const struct incident *in, double *times);

/* The first step of it whose batch was another than the replay's; 0: none. */
long incident_other_batch(struct incident *in);

/* How far a replay of the steps before is from the run, over the noise. */
double incident_replay_gap(struct incident *in);

#endif

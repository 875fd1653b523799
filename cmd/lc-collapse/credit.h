/*
 * credit: of the gain of a lasting change, what is the schedule's, and what the remedy's.
 */
#ifndef CREDIT_H
#define CREDIT_H

#include "court.h"

struct credit {
	const struct future *plain, *twin; /* the same change made them differ */
	double schedule, sd;		   /* what it gained there; how well that is known */
	double remedy;			   /* the rest of the gain */
	int clean;			   /* they are of the clean state */
};

/* Part a gain of the pick, after the charge, on the metric reported on. 0: not known. */
int court_credit(const struct court *c, const struct arm *pick, double gain, struct credit *k);

#endif

/*
 * relapse: how near the chosen future comes to breaking again, by what it did itself and by its
 * forecast.
 */
#ifndef RELAPSE_H
#define RELAPSE_H

#include "collapse.h"

struct relapse {
	double index;  /* the largest of lc-detect over its steps; NaN: not known */
	long step;     /* where */
	double hazard; /* of its forecast: the probability to diverge; NaN: none */
};

/*
 * The detector is taught the run's own steps up to where the future begins, then sees the future's
 * and those of its return. paths: what the evidence was read from, once more; without the run's own
 * steps in them the index is not known.
 */
int relapse_of(struct relapse *r, const struct evidence *ev, const struct future *f,
	       char *const *paths, int n, struct lc_err *err);

/* {"index","step","hazard"}; NULL when nothing is known. */
json_t *relapse_json(const struct relapse *r);

#endif

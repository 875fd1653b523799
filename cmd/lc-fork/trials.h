/*
 * trials: what arms of earlier rounds and of other forks came to, as points of a space.
 */
#ifndef TRIALS_H
#define TRIALS_H

#include "past.h"
#include "plan.h"
#include "sampler.h"

struct trials {
	struct lc_trial *t; /* u owned */
	int n, cap;
};

/*
 * Each arm against its control, of the same data order and averaged over the orders it was repeated
 * over, at the space's objective; diverged ones are infinitely bad, void and failed ones are none.
 * Arms whose actions lie outside of the space are left out.
 */
void trials_add(struct trials *ts, const struct plan *p, const struct lc_space *s, struct pasts *ps,
		double weight);
/* One, of a planner's actions (base: those in force); left out when outside of the space. */
void trials_put(struct trials *ts, const struct plan *p, const struct lc_space *s,
		const json_t *actions, const json_t *base, double value, double weight);
/* remember.c: those of other forks that the store remembers. */
int trials_remember(struct trials *ts, const struct plan *p, const struct lc_space *s,
		    struct lc_err *err);
void trials_release(struct trials *ts);

/* A planner's actions in a space's terms, and back: rewind as states to go back, skip as batches
 * from the onset on. Borrowed origins; new references, NULL when there is no such state. */
json_t *actions_in_space(const struct plan *p, const json_t *actions, const json_t *base);
json_t *actions_of_plan(const struct plan *p, const json_t *in_space, int *origin);

#endif

/*
 * verify: an intervention that did not take effect is no evidence (DESIGN section 8, truth 6).
 *
 * Frameworks silently restore the old learning rate on resume, or begin again at step 0. What a
 * branch was told is checked against its own stream: the steps it counts, the learning rate, the
 * batches and the hyper-parameters it logs, and its losses.
 */
#ifndef VERIFY_H
#define VERIFY_H

#include "branch.h"

/* Points that branches are compared with: the run's own log, overlaid by the control's stream (and
 * that of its return segment). */
struct reference {
	struct stream run, control;
	long run_to; /* the run's steps after this one do not count; 0: all do */
};

/*
 * Turns a DONE branch into VOID, or FAILED, with the reason: what was expected, and what was seen.
 * twin is the branch that starts from the same state, on the same data order, and changes nothing
 * else; it may be NULL.
 */
void verify_branch(struct branch *b, const struct reference *ref, const struct branch *twin);

/*
 * Of one that runs: 1, with the reason in why, when verify_branch() will call it void whatever it
 * still prints. It began at the wrong step, a batch is another, or its learning rate is off at
 * more steps than are left to outvote them.
 */
int verify_so_far(const struct branch *b, const struct reference *ref, char why[240]);

#endif

/* verify_impl: what the two files of verify share. */
#ifndef VERIFY_IMPL_H
#define VERIFY_IMPL_H

#include "verify.h"

/* What the control, or before it the run, logged for a step, or NULL. */
const struct point *reference_at(const struct reference *ref, long step);

/* Is the branch's learning rate what its actions make of the control's, at every step that both
 * have logged? so_far: only what later steps cannot mend counts. */
void verify_lr(struct branch *b, const struct reference *ref, int so_far);

#endif

/*
 * history: what the run's own held-out readings before a fork say of the noise of its futures.
 */
#ifndef HISTORY_H
#define HISTORY_H

#include "collapse.h"

/*
 * Pool it into the rule's noise where the nulls, and what is pooled already, know the noise by
 * fewer than HISTORY_ENOUGH degrees of freedom: two nulls alone ask for 13 standard errors of the
 * best of four. Nothing without val_loss, or with too few readings at about the present lr.
 */
#define HISTORY_ENOUGH 3
void history_pool(const struct evidence *ev, struct rule *rule);

#endif

/*
 * fates: the branches that a decision did not count, in words for lc-collapse explain.
 *
 * A line for each reason, with all that it holds of; a branch that does not count takes its
 * segments along unsaid, since there may be two for each.
 */
#ifndef FATES_H
#define FATES_H

#include <jansson.h>

void fates_print(const json_t *not_counted);

#endif

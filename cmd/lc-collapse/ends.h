/*
 * ends: what the law says of the ends of a fork's arms, as sure as it has been right.
 */
#ifndef ENDS_H
#define ENDS_H

#include "law_arms.h"

/* lc_law_arms, and then sd, cov, better and best of the differences as ends.c measured them. */
int ends_ask(const struct lc_past *past, const struct lc_arm *arm, int n, double end,
	     struct lc_arms *out, struct lc_err *err);

#endif

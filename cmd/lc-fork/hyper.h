/*
 * hyper: arms along the hypergradient of the learning rate.
 */
#ifndef HYPER_H
#define HYPER_H

#include "plan.h"

/* n arms, the most likely step first; LC_DATA when the log says nothing of it. */
int plan_hyper(struct plan *p, int n, struct lc_err *err);

#endif

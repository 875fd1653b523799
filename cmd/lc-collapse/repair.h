/* repair: arms that undo what took the lr off its plan, and come before all others. */
#ifndef REPAIR_H
#define REPAIR_H

#include "court.h"

/* Is it one, and is there (still) something to undo? */
int court_repairs(const struct court *c, const struct future *f);

/* How much lower it reads than the control where it is on the plan, before the charge. */
double repair_gain(const struct court *c, const struct future *f, enum metric m);

int repair_is_worse(const struct court *c, const struct future *f, enum metric m);

/* The best of those that pass, or NULL; marks those tied with it. */
struct arm *choose_repair(const struct court *c);

#endif

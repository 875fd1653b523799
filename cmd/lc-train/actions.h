/*
 * actions: what a run does differently from its plan, and what that comes to at a step.
 */
#ifndef LC_TRAIN_ACTIONS_H
#define LC_TRAIN_ACTIONS_H

#include <jansson.h>
#include <stdint.h>

#include "action.h"
#include "err.h"

#define SKIPS 64

struct run;

/* What the actions in force come to. */
struct effects {
	double lr_scale, decay_scale, clip, beta2, batch_scale;
	int tail;
	struct lc_tail to;
	long tail_start, warm_steps, warm_start;
	long hold_steps, hold_start; /* lr_scale holds for so long, then hold_back */
	double hold_back;
	long data_shift;
	int skips;
	long skip[SKIPS][2];
	uint64_t data_seed;
};

void actions_reset(struct run *r, const char *which); /* the moments in "mv" */
/* Merge actions into the run's, from its current step on; one-shots (reset, jitter) act at once. */
int actions_apply(struct run *r, const json_t *given, struct lc_err *err);
int effects_update(struct run *r, struct lc_err *err);
double effects_lr(const struct run *r, long step);
int effects_skips(const struct run *r, long step);

#endif

/*
 * fault: what breaks real runs, on demand; lc-train(1) has the words.
 *
 * A fault is told to one process and leaves nothing in the state but what it did: a resume that is
 * told again goes on with it, one that is not is rid of it. What it does at a step is a function of
 * the plan and that step alone.
 */
#ifndef LC_TRAIN_FAULT_H
#define LC_TRAIN_FAULT_H

#include <stdint.h>

#include "data.h"
#include "err.h"

/* In this order: the number is part of a fault's random stream. */
enum fault_kind {
	BAD_DATA,
	LR_BUMP,
	FLIP_M,
	FLIP_V,
	FLIP_W,
	NAN_GRAD,
	MISLABEL,
	OTHER_TEXT,
	LR_RAMP,
	RESTART,
	QK_GROW,
	GRAD_NOISE
};

enum bad_data { RANDOM, REPEAT, ENCODING };

struct fault {
	enum fault_kind kind;
	long first, last; /* steps, or batches of the plan; last is LONG_MAX for an open end */
	int bad, bit;	  /* bad-data: enum bad_data */
	long count;
	double factor;
	struct data *text; /* the other one */
	char *spec, *once; /* once: the file that says it has happened */
	int fired;	   /* in this process: said on stderr, or struck */
};

struct run;

/* fault_spec.c */
int faults_parse(struct run *r, struct lc_err *err);
/* The texts they name; after the run's own. */
int faults_open(struct run *r, struct lc_err *err);
void faults_release(struct run *r);

/* fault.c. At the beginning of a step; data, then gradient; after the update. */
void fault_begin(struct run *r, long step);
void fault_batch(struct run *r, uint64_t index, uint8_t *tokens, int rows);
/* NULL, or the targets (rows,ctx) in place of tokens' own. */
uint8_t *fault_labels(struct run *r, uint64_t index, const uint8_t *tokens, int rows);
/* The factor of the learning rate (1 when none); *clip: is the gradient clipped still? */
double fault_lr(struct run *r, long step, int *clip);
/* The plan's learning rate, as a warm restart leaves it. */
double fault_plan_lr(const struct run *r, long step);
void fault_grad(struct run *r, long step, float *grad);
void fault_state(struct run *r, long step);

#endif

/*
 * rl: REINFORCE with a reward on the model's own continuations, lc-train --reward.
 *
 * A row is ctx+1 bytes: a prompt from the text and `sample` bytes drawn from the model at
 * temperature 1. Its advantage is its reward less the mean of the other rows' (leave-one-out); the
 * loss is pgrad.h's, its mean over the drawn bytes. The policy it began as is part of the state.
 * What is drawn is a function of (data seed, batch index, row, place) and the weights alone.
 */
#ifndef LC_TRAIN_RL_H
#define LC_TRAIN_RL_H

#include <stdint.h>

struct run;
struct report;
struct rl;

/* The policy it is held to is the weights as they are now. */
void rl_open(struct run *r);
void rl_close(struct rl *rl);
float *rl_reference(struct rl *rl); /* (gpt.count): to save, or to load into */
void rl_refer(struct run *r);	    /* once it was loaded */

/* The gradient in grad[micro], as gradient() of step.c; its loss. The rows of r->batch are prompts,
 * and get their continuations. */
double rl_gradient(struct run *r, int rows, uint64_t index, struct report *rep);

/* Mean reward of fixed draws after the held-out rows of a shard. */
double rl_eval(struct run *r, int shard);

#endif

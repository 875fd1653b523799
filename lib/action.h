/*
 * action: what a future may do differently (DESIGN section 5), as JSON and as command-line words.
 *
 * An actions object holds any of lr_scale, lr_for, lr_warmup, lr_tail, skip, weight_decay_scale,
 * clip, beta2, reset, batch_scale, reseed, data_shift, jitter, rewind, and x_<name> of the user's
 * own; {} changes nothing. As a word, lr_scale is --lr-scale, and so on; rewind is no word: it is
 * which state is resumed. Values are absolute against the run's plan, never relative to the last
 * change: lr_scale 0.5 twice is 0.5, and lr_scale 1 takes it back; so do reseed 0 and data_shift 0.
 * lr_for N: lr_scale holds for N steps from the resumed one, then what was in force before.
 * data_shift N: step s learns from the batch of step s + N.
 */
#ifndef LC_ACTION_H
#define LC_ACTION_H

#include <jansson.h>

#include "err.h"

/* 0 when every key is known and every value is in its domain; else LC_DATA that names the key. */
int lc_actions_check(const json_t *actions, struct lc_err *err);

/*
 * The words for a command line: {"--lr-scale","0.5","--skip","100-150",NULL}. Each is the caller's,
 * and so is the array: lc_words_free. Checked actions only.
 */
char **lc_actions_words(const json_t *actions);
void lc_words_free(char **words);

/*
 * An lr_tail as numbers: scales of the plan's lr at the fork, even distances apart over `steps`
 * updates, the first at the fork (from, if it says none); the last holds from there on. Linear
 * between them, or along half a cosine. Shape "points" lists those between in "points".
 */
enum { LC_TAIL_POINTS = 16 }; /* besides from */
struct lc_tail {
	int n, cosine;
	double x[LC_TAIL_POINTS + 1], steps;
};
void lc_tail_read(struct lc_tail *t, const json_t *tail, double from); /* a checked one */
double lc_tail_at(const struct lc_tail *t, double d); /* d updates after the fork, above 0 */

/* The value of one action as a word ("0.5", "100-150", "mv"), or "none" when absent. The caller's.
 * NULL: no such action. */
char *lc_action_value(const json_t *actions, const char *name);

/* For people: "back to step 1000, learning rate x 0.5", or "change nothing". The caller's. */
char *lc_actions_text(const json_t *actions);

/* Read one command-line word ("0.5", "100-150", "mv", "none") as the value of the named action and
 * put it into actions ("none" removes it). For trainers. */
int lc_action_parse(json_t *actions, const char *name, const char *word, struct lc_err *err);

/*
 * What a trainer is to be told so that `now` holds over `base`, whether or not it keeps its actions
 * in its states: all of base, and now over it; ranges of steps to skip are united. New reference.
 */
json_t *lc_actions_over(const json_t *base, const json_t *now);

/*
 * What is in force after `now` was applied over `base`: lasting actions of both, those of now
 * first; ranges of steps to skip are united; rewind, reset, jitter, lr_warmup and an lr_scale with
 * lr_for act once or for a while, and are not in it. New reference.
 */
json_t *lc_actions_in_force(const json_t *base, const json_t *now);

#endif

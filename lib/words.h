/*
 * words: what fills a trainer's command line and environment for one future (lc-trainer(7)).
 *
 * Holes: {state} {branch} {horizon} {steps} {out} {control}, {actions} (all the actions as words),
 * and every action by its name ("none" where it is not asked for). Environment: LC_BRANCH,
 * LC_STATE, LC_ACTIONS, LC_METRICS, LC_CONTROL, LC_OUT, LC_STEPS.
 */
#ifndef LC_WORDS_H
#define LC_WORDS_H

#include <jansson.h>

#include "template.h"

struct lc_future {
	const char *branch; /* NULL: the run itself; {branch} is "none" and LC_BRANCH empty */
	const char *state;
	const char *dir; /* its own: actions.json, control.json and metrics.jsonl lie there */
	const char *out; /* where it may write states; NULL: DIR/out */
	long from_step,
		horizon; /* horizon 0: to the run's own end; {horizon} and {steps} are "none" */
	const json_t *actions;
	const json_t *also; /* x_ actions of other futures, "none" here; may be NULL */
};

#define LC_WORDS_HOLES 64
#define LC_WORDS_ENV 8

struct lc_words {
	struct lc_hole holes[LC_WORDS_HOLES];
	int nholes;
	char **lists[LC_WORDS_HOLES]; /* the words of each hole; owned */
	char *env[LC_WORDS_ENV];      /* "LC_STATE=..." and so on, NULL-ended; owned */
};

/* The words alone, without a look at the disk. lc_words_release when done. */
void lc_words_fill(struct lc_words *w, const struct lc_future *f);

/* Writes DIR/actions.json (DIR exists) and fills w. lc_words_release when done, also on failure. */
int lc_words_init(struct lc_words *w, const struct lc_future *f, struct lc_err *err);
void lc_words_release(struct lc_words *w);

/* Can it be the name of a file and a word of a command: letters, digits, and . _ - + inside, 60 at
 * most? Nothing that leads elsewhere. */
int lc_is_name(const char *s);

#endif

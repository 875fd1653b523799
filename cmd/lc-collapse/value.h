/*
 * value: what a lasting change of the lr is worth at the end of the plan, by the law (law_arms.h).
 *
 * Short horizons lie about it, each reading in its own way (DESIGN section 8, truth 2): a return
 * leans to high lr, a cooldown to low. The law is conditioned on the run's past, on every arm's
 * held-out losses, its return and its cooldown, all at once, and its posterior of (end of the arm -
 * end of its plain twin) is the value. It is not asked where it has no answer: then `why` says what
 * is missing.
 */
#ifndef VALUE_H
#define VALUE_H

#include "collapse.h"
#include "readings.h"

struct worth {
	const char *why;	    /* no answer, and why; NULL: there is one */
	const struct future *plain; /* the twin without the change; NULL: none */
	double gain, sd; /* how much lower it ends than the twin, in the metric; its uncertainty */
	double better;	 /* P(it ends lower than the twin) */
	int ended;	 /* it and its twin were run to the end of the plan: that is the gain */
	double best;	 /* P(it ends lowest of all of them, the twin too) */
};

struct valuation {
	struct worth
		*w; /* [ev->n], by index in ev->f; why is set for all that are not asked about */
	int fits, asked; /* times the law was fitted; how many have an answer */
	double chi2;	 /* misfit per observation, the worst where there are several twins */
};

/*
 * A fit worse than this says nothing. Of 18 forks of lc-train, those of the trunks mid, cold and
 * hot of scripts/bench/collapse-data, the law fits the true ones with 1.5 to 6.6, and the same
 * with the losses of high and low lr exchanged with 22 to 63.
 */
#define VALUE_MISFIT 12.

/* LC_DATA when the law cannot be fitted for reasons that are no lack of evidence. */
int value_arms(struct valuation *v, const struct evidence *ev, const struct lc_schedule *plan,
	       enum metric m, struct lc_err *err);
void value_release(struct valuation *v);

/* Is it a lasting change of the lr that the law has a mechanism for, if all of it is run? */
int value_takes(const struct future *f);

/* Was it run to its end, and read? */
int value_ran(const struct future *f);

/*
 * Tell the law of a run: its own steps up to `last`; a future and all that goes on from it (but for
 * the continuations, kind "more", at index `before` of ev->f or later). m is told as the val_loss.
 */
void value_tell_run(struct lc_past *past, const struct evidence *ev, long last, enum metric m);
void value_tell(struct lc_past *past, const struct evidence *ev, const struct future *f, int before,
		enum metric m);

/* The lr that the plan gives a future from its fork to the plan's end; path is to be released. */
void value_lr(const struct future *f, const struct lc_schedule *plan, struct lc_lrpath *path);

/*
 * The lr that a future ran at over the one its actions and the plan give it, by the newest steps of
 * its horizon; 1 where they do not agree, or say no lr. A cause that is not gone (an lr four times
 * too high, one that creeps up) goes on after the horizon, from where it has come to.
 */
double value_off_plan(const struct future *f, const struct lc_schedule *plan);

/* P(gain > x). */
double worth_above(const struct worth *w, double x);

#endif

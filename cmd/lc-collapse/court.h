/*
 * court: one fork being judged: its noise, and each arm's gain with what it must exceed.
 */
#ifndef COURT_H
#define COURT_H

#include "collapse.h"
#include "readings.h"
#include "value.h"

struct arm {
	const struct future *f;
	double ret, cool;   /* readings of the selecting metric */
	double gain, lower; /* against the control, after the charge; its bound at alpha/K */
	double charge;
	const struct worth *law; /* a lasting change that the law has an answer for; else NULL */
	int repairs;		 /* undoes what took the lr off its plan (repair.h) */
	int passes, tied;
	const struct arm *twin; /* an earlier arm in the very same state at the readout, or NULL */
	int beyond;		/* the limit of the goal that it does not keep, from 1; 0: none */
};

/* The leader, run again on other orders (confirm.c). */
struct confirmation {
	struct arm *leader;   /* NULL: none gained more than the least effect */
	int n;		      /* its replicates that were read with their twins */
	double gain, lower;   /* their mean, after the charge, and its bound at alpha */
	json_t *wanted;	      /* branch records still to be run, or NULL; owned */
	long steps;	      /* what they take */
	const char *too_dear; /* why they are not asked for, or NULL */
};

/* What would tell whether the best lasting change is one (look.c). */
struct look {
	const struct arm *arm; /* NULL: nothing is left open, or its price is too high */
	double p, worth;       /* its P(better); what it is worth to know, in the metric */
	json_t *wanted;	       /* branch records to be run; owned */
	long steps;	       /* what they take */
};

struct court {
	const struct evidence *ev;
	const struct rule *rule;
	const struct future *control;
	enum metric select, report;
	struct noise noise, report_noise;
	double worth, control_ret;
	struct valuation value, report_value; /* of the two metrics */
	struct confirmation again;	      /* where rule->confirm asks for it */
	struct look look;		      /* where nothing was chosen */
	struct arm *arms;
	int narms;    /* that were read, the diverged and failed too */
	int compared; /* those and the ones stopped on the way: what alpha is shared out over */
	int unread;   /* void, missing, or lacking a segment or its noise */
};

/* Take a candidate in: into arms, when it can be judged. Then, all being in, judge each. */
void court_hear(struct court *c, const struct future *f);
void court_judge_arms(struct court *c);

/* The gain of a future on one metric, against the control, after the charge; for a lasting change,
 * the smaller of its two; of a repair that on the plan. */
double court_gain(const struct court *c, const struct future *f, enum metric m);

/* The plain twin of an arm that the law judges, where it is more than the control; else NULL. */
const struct future *court_remedy(const struct court *c, const struct arm *a);

/*
 * By the law: the gain against the control (what the plain twin gains, then the law's), after the
 * charge; its uncertainty; the probability that it is above the least effect.
 */
double court_law_gain(const struct court *c, const struct arm *a, enum metric m);
double court_law_sd(const struct court *c, const struct arm *a, enum metric m);
double court_law_above(const struct court *c, const struct arm *a, enum metric m);

/* What that gain must exceed at alpha, in the best of all arms; for a lasting change, the larger.
 */
double court_margin(const struct noise *n, const struct future *f);

/* The spread that margin comes from. */
const struct spread *court_spread(const struct noise *n, const struct future *f);

/* Order of an arm among those that pass; higher is better. */
double court_standing(const struct court *c, const struct arm *a);

/* The leader when its replicates bear it out, else NULL; *k says what they were, or what is wanted.
 */
struct arm *confirm(const struct court *c, struct confirmation *k);
void confirm_release(struct confirmation *k);

void court_look(const struct court *c, struct look *k);
void look_release(struct look *k);

/* Steps that all futures took. */
long court_spent(const struct court *c);

/* Probability that the pick stands highest of all not tied with it, and above the control. */
double court_p_best(const struct court *c, const struct arm *pick);
/* The least gain that would have been seen four times out of five, in the arm hardest to see. */
double court_detectable(const struct court *c);

/* "better", "none", or "undecided", with the reason. */
const char *court_verdict(const struct court *c, const struct arm *pick, char *why, size_t size);

/*
 * How long the arms whose change ends are to be read after it, and the least that one was, back on
 * plan (DESIGN section 8, truth 2: max(H, 400) steps): 1 when that is too short.
 */
int court_short_return(const struct court *c, long *steps, long *wanted);

/* The decision record that says it all. pick: the chosen arm, or NULL. New reference. */
json_t *court_decision(const struct court *c, const struct arm *pick);

#endif

/*
 * plan: what the parts of `lc-fork plan` share: what was asked for, where the run stands, and the
 * branch records made so far.
 */
#ifndef PLAN_H
#define PLAN_H

#include "fork.h"
#include "menu.h"

#define MAX_ORIGINS 4 /* the present and three states to go back to */
#define MAX_PRIORS 64

/* The command line; options not given are as plan_options() leaves them. */
struct asked {
	const char *source, *store, *run, *fork, *head, *base, *space, *sampler, *after, *history;
	const char *forecast, *plan, *prior[MAX_PRIORS];
	int npriors;
	long width, horizon, readout, back, nulls, orders, every, probe_steps; /* steps, counts */
	double budget; /* share of the run's steps so far; 0: none given */
	unsigned long long seed;
	int now, everything; /* everything: what the menu leaves out by default too */
	int probes;	     /* 0 none, 1 beside the arms, 2 alone */
};

struct plan {
	const struct asked *asked;
	json_t *base;		   /* actions in force on the run; owned */
	json_t *snaps;		   /* snapshot records; owned */
	const char *kind;	   /* of the alert; "none" without one */
	json_t *occasion;	   /* the alert or snapshot record, or {}; owned */
	long alert, onset, rewind; /* steps */
	double severity;	   /* the alert's index over its threshold; 1 without one */
	char *fork;
	struct origin o[MAX_ORIGINS];
	int norigins,
		clean; /* clean: index of the newest clean state (0 when the present is one) */
	long end;      /* the step all branches run to */
	long width, orders;
	const char *undoes;	/* a cause that stays, "lr", of the arms being put; or NULL */
	long made, arms, round; /* round: 0 in the first, then from 2 */
	int wide_ids;		/* as those of the earlier rounds are */
};

/* sources.c: what the fork is about, and the states it starts from. */
int plan_source(struct plan *p, struct lc_err *err);

/* emit.c: branch records. */
struct proposal {
	const char *role, *kind, *asks, *of; /* asks: of a probe; of: the branch this one repeats */
	int order, origin;		     /* order: 0 is the run's own data order */
	long horizon;			     /* 0: to the end of the plan */
	json_t *actions;		     /* taken */
};
/* Print one; its name is left in id (may be NULL). */
int plan_put(struct plan *p, const struct proposal *what, char id[32], struct lc_err *err);
/* Control, clean state, nulls and jitter; and the arms, each over all orders. */
int plan_references(struct plan *p, struct lc_err *err);
int plan_arm(struct plan *p, const char *kind, int origin, json_t *actions, struct lc_err *err);
/* Steps that one branch with its readouts costs. */
long plan_cost(const struct plan *p, int origin);

/* undo.c: where the run's lr is off its plan, the arms that put it right. */
int plan_undo(struct plan *p, struct lc_err *err);

/* probe.c: short branches whose outcome names the cause; see blame.c. */
int plan_probes(struct plan *p, struct lc_err *err);

/* width.c: how many branches, and over how many orders, the occasion is worth. LC_NO when the
 * budget holds no fork. */
int plan_width(struct plan *p, struct lc_err *err);

/* sample.c: arms from a space by a sampler, and rounds after the first. */
int plan_sample(struct plan *p, struct lc_err *err);
int plan_after(struct plan *p, struct lc_err *err);
int plan_sampler_known(const char *name);

#endif

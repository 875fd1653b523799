/*
 * cone: what lc-cone knows of a run: its curves, what broke, and the futures that were opened.
 *
 * Records of all kinds come in any order and from several files; what is said twice is kept once.
 */
#ifndef LC_CONE_H
#define LC_CONE_H

#include <jansson.h>
#include <stdio.h>

#include "record.h"
#include "series.h"

enum curve { LOSS, VAL, GRAD, RATE, REWARD, KL, ENTROPY, INDEX, CURVES };

struct lc_detect;

struct signal { /* a score that the index is made of */
	char *name;
	struct series s;
};

struct left {	   /* what a curve had in steps that were gone back from */
	size_t of; /* the curve; from CURVES on the signals */
	struct series s;
};

struct seen {		  /* which lines there were, by their hashes */
	unsigned long *h; /* 0: free */
	size_t n, mask;
};

struct branch {
	char *id, *role, *status, *why;
	json_t *rec;	   /* the branch record, or NULL */
	json_t *forecast;  /* or NULL */
	const json_t *row; /* the decision's arm; borrowed of it, or NULL */
	struct series loss, val;
	long from, horizon; /* from -1: not known */
	int chosen;
	char *told; /* the last news of it, or NULL */
};

struct fork {
	char *id;
	struct branch *b; /* in the order they were named */
	size_t n, cap;
	size_t *table; /* by id: number + 1; mask + 1 places */
	size_t mask;
	json_t *decision;	  /* the newest, or NULL */
	char *evidence, *decided; /* the files that its results and its decision were read from */
	char *told;
};

struct cone {
	char *run;		 /* name of the run, or NULL */
	struct series c[CURVES]; /* of the run as it went on */
	struct signal *sig;
	size_t nsig;
	struct left *left; /* in the order they were left */
	size_t nleft;
	json_t *alerts;	   /* alert, outlier, warning and end records, once each */
	json_t *causes;	   /* likewise */
	json_t *snapshots; /* likewise, and so are events: event, applied, undone, review */
	json_t *events;
	struct seen seen;
	struct fork *f;
	size_t nf;
	char *log, *dir; /* where the run's steps were read from; lc-guard's directory */
	size_t alerts_told;
	int stepped, by_index;	 /* step records of the run were read; index records stand in */
	struct lc_detect *judge; /* at work, or NULL */
	int alarmed;		 /* records have alerts: none are to be found here */
	enum { UNJUDGED, JUDGED, TOLD } index; /* it is lc-cone's own; it is as records have it */
	unsigned long lines, bad;	       /* read; malformed, passed over */
	struct lc_err why;		       /* of the first of these */
};

/* take.c: one line of a file. */
void cone_take(struct cone *c, const char *path, unsigned long n, const char *line, size_t len,
	       const struct lc_names *names);
int cone_is_empty(const struct cone *c); /* nothing that could be told or drawn */

/* fork.c */
void cone_release(struct cone *c);
struct fork *cone_fork(struct cone *c, const char *id);	    /* made when it is not there */
struct branch *fork_branch(struct fork *f, const char *id); /* made when it is not there */
const struct branch *fork_find(const struct fork *f, const char *id, size_t len); /* or NULL */
const struct branch *fork_control(const struct fork *f);			  /* or NULL */
const struct branch *fork_chosen(const struct fork *f); /* NULL: none is better, or not yet */
/* The arm that a readout segment ("b003.return") belongs to: its id's length; else 0. */
size_t branch_arm(const struct branch *b);
/* What is read of a branch: its held-out loss where it has one. */
const struct series *branch_curve(const struct branch *b);
/* "done", "running", ...; "forecast" for what was not run. */
const char *branch_status(const struct branch *b);
int branch_is_gone(const struct branch *b); /* void, failed or killed */
/* What was done ("learning rate x 0.5"); "" where no record of it says. The caller's. */
char *branch_words(const struct branch *b);
/* A number of the decision's row of this branch (gain, lower, return); NaN when there is none. */
double branch_verdict(const struct branch *b, const char *key);
/* The branches worth a row, best first: arms by gain, then the others. The caller's; *n of them. */
const struct branch **fork_ranked(const struct fork *f, size_t *n);

#endif

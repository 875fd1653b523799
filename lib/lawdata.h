/*
 * lawdata: a run's past as the law needs it: rows by step, branches, the lr it took, what to leave
 * out.
 *
 * Read from step records. Rows without "branch" are the trunk, series 0; every branch key is a
 * series of its own that leaves its parent (the trunk, or the branch its record's `from` names)
 * after update `from`. When steps go back, the newest wins: what the series held from that step on
 * is dropped. An alert says from where on the trunk is no witness of its own law. A series of more
 * than half a million rows is thinned evenly: memory is bounded.
 */
#ifndef LC_LAWDATA_H
#define LC_LAWDATA_H

#include <jansson.h>

#include "record.h"

struct lc_row {
	long step;
	double loss, val_loss, lr, gvar,
		grad_norm; /* NaN where absent; a NaN logged as loss is inf */
};

struct lc_series {
	char fork[64]; /* its record's; the same name in another fork is another */
	char name[64]; /* empty: the trunk */
	int parent;    /* series it left; -1 for the trunk */
	long from;  /* last update it shares with its parent; -1: not known, its first row tells */
	long order; /* of its data: 0 is the trunk's; equal orders share batches and their noise */
	long n, cap;
	long every, held;   /* rows that become one, 0 as 1; of them in the last */
	struct lc_row *row; /* ascending by step */
};

/* What a setup record says of the run; NaN, and empty, where it does not. */
struct lc_setup {
	double params, batch, tokens, weight_decay; /* tokens: an update */
	double clip, beta2;			    /* gradient norm clipped at; of Adam */
	char optimizer[16];
};

struct lc_past {
	struct lc_setup setup;
	int n;
	struct lc_series *series; /* series[0] is the trunk, always there */
	long onset;		  /* first damaged step, -1 for none */
	long rewind;		  /* where the alert advises to go back to, -1 for none */
	char kind[16];		  /* of the alert */
	unsigned long bad;	  /* lines that could not be read */
	char first_bad[480];	  /* why, for the first of them */
};

void lc_past_init(struct lc_past *p);
void lc_past_release(struct lc_past *p);

/*
 * Add the rows and alerts of a file ("-": stdin). A bad line is counted and passed over. names may
 * be NULL.
 */
int lc_past_read(struct lc_past *p, const char *path, const struct lc_names *names,
		 struct lc_err *err);

/* One step record; or one alert, branch or setup record. The record is borrowed. */
void lc_past_add(struct lc_past *p, const struct lc_step *st);
void lc_past_alert(struct lc_past *p, const json_t *alert);
void lc_past_branch(struct lc_past *p, const json_t *branch);
void lc_past_setup(struct lc_past *p, const json_t *setup);

/*
 * The last step of the trunk that is a witness: where an alert advises to rewind to, since what
 * precedes an onset may have caused it; the step before the onset when that is absent or more than
 * half the run away. LONG_MAX without an alert.
 */
long lc_past_clean(const struct lc_past *p);

/* The last update it shares with its parent: as its record says, else before its first row. */
long lc_series_from(const struct lc_series *s);

/* The trunk's peak lr (95 % quantile over its clean rows); 0 when none above 0 is logged. */
double lc_past_lr_peak(const struct lc_past *p);

/* The newest series of that name, -1 when there is none. */
int lc_past_find(const struct lc_past *p, const char *name);

/*
 * The lr a series took: piecewise linear control points (update, lr), thinned to what matters (0.1
 * %), its parents' part included. Before the first and after the last point it is constant.
 */
struct lc_lrpath {
	int n, cap;
	double *at, *lr;
};
void lc_lrpath_init(struct lc_lrpath *path);
void lc_lrpath_release(struct lc_lrpath *path);
void lc_lrpath_add(struct lc_lrpath *path, double at, double lr); /* at above the last */
double lc_lrpath_at(const struct lc_lrpath *path, double at);	  /* NaN when empty */
/* until: updates after it are left out (the trunk's incident); < 0 for all. */
void lc_past_lrpath(const struct lc_past *p, int series, long until, struct lc_lrpath *path);

#endif

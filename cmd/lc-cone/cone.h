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

struct series { /* a curve: values at steps that never go back; both finite or y infinite or NaN */
	double *x, *y;
	size_t n, cap;
};
void series_add(struct series *s, double x, double y);
void series_release(struct series *s);
size_t series_from(const struct series *s, double x); /* the first point at or after x */

/*
 * At most about `points` of s, so that a drawing of that width looks the same: of each stretch the
 * first, the least, the greatest and the last finite value, and the first that is not finite.
 */
void series_thin(const struct series *s, size_t points, struct series *out);

enum curve { LOSS, VAL, GRAD, RATE, INDEX, CURVES };

struct branch {
	char *id, *role, *status, *why;
	json_t *rec;	  /* the branch record, or NULL */
	json_t *forecast; /* or NULL */
	struct series loss, val;
	long from, horizon; /* from -1: not known */
	int chosen;
};

struct fork {
	char *id;
	struct branch *b; /* in the order they were named */
	size_t n, cap;
	size_t *table; /* by id: number + 1; mask + 1 places */
	size_t mask;
	json_t *decision; /* the newest, or NULL */
};

struct cone {
	char *run;		 /* name of the run, or NULL */
	struct series c[CURVES]; /* of the run as it went on */
	struct series *left;	 /* losses of stretches that were gone back from */
	size_t nleft;
	json_t *alerts;		    /* alert, outlier and warning records, once each */
	json_t *snapshots, *events; /* likewise */
	struct fork *f;
	size_t nf;
	unsigned long lines, bad; /* read; malformed, passed over */
	struct lc_err why;	  /* of the first of these */
};

/* read.c: all records of a file, "-", or of a directory that lc-guard keeps. */
int cone_read(struct cone *c, const char *path, const struct lc_names *names, struct lc_err *err);

/* fork.c */
void cone_release(struct cone *c);
struct fork *cone_fork(struct cone *c, const char *id);	    /* made when it is not there */
struct branch *fork_branch(struct fork *f, const char *id); /* made when it is not there */
const struct branch *fork_control(const struct fork *f);    /* or NULL */
/* The arm that a readout segment ("b003.return") belongs to: its id's length; else 0. */
size_t branch_arm(const struct branch *b);
/* What is read of a branch: its held-out loss where it has one. */
const struct series *branch_curve(const struct branch *b);

/* story.c: what happened, in sentences; each is the caller's, the array ends with NULL. */
char **cone_story(const struct cone *c);
/* What to type next, likewise. */
char **cone_commands(const struct cone *c);
/* A row of the table: what was done ("learning rate x 0.5"), by the actions' record. The caller's.
 */
char *branch_words(const struct branch *b);
/* A number of the decision's row of this branch (gain, lower, return); NaN when there is none. */
double branch_verdict(const struct fork *f, const struct branch *b, const char *key);
/* The branches worth a row, best first: arms by gain, then the others. The caller's; *n of them. */
const struct branch **fork_ranked(const struct fork *f, size_t *n);

/* draw.c: the pictures, as SVG. */
void draw_run(FILE *f, const struct cone *c);
void draw_fork(FILE *f, const struct cone *c, const struct fork *k);
void put_text(FILE *f, const char *s); /* with & < > and quotes escaped */

/* page.c: the whole, as one HTML file. */
void page_write(FILE *f, const struct cone *c, const char *title);

/* png.c: the picture of the run alone, through rsvg-convert. */
int png_write(const struct cone *c, const char *path, struct lc_err *err);

/* tty.c: the same on a terminal of so many columns and rows. */
struct tty {
	int columns, rows, colour;
};
void tty_write(FILE *f, const struct cone *c, const struct tty *t);

#endif

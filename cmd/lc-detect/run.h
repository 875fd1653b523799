/*
 * run: one run's lines through one detector, and the records that come of it.
 */
#ifndef LC_DETECT_RUN_H
#define LC_DETECT_RUN_H

#include <jansson.h>
#include <stdio.h>

#include "detect.h"
#include "offplan.h"

/* What was asked for; the same for all runs of a call. */
struct asked {
	struct lc_detect_conf conf;
	struct lc_names names;
	char own[4][40]; /* names of the user's own channels, LC_OWN1 and on */
	int first_only, follow, quiet, show_index, strict;
	unsigned long since;	    /* lines that only teach */
	long after;		    /* steps up to this raise no alert */
	const char *plan, *actions; /* of the lr, NULL: not known; in force */
	long told;		    /* lines before those actions; -1: those of since */
	char **siblings;
	int nsiblings;
};

struct siblings; /* opaque; sibling.c */

struct run {
	const struct asked *asked;
	struct lc_detect *d;
	const struct siblings *siblings;
	struct offplan off;
	int told;	  /* the actions in force were read */
	const char *file; /* NULL, or named in each record */
	FILE *out;
	unsigned long steps, valued, judged, alerts, bad;
	unsigned seen;	      /* metrics, as lc_step.has */
	struct lc_err unsaid; /* the first bad line: said when it is known to be one of many */
};

void run_open(struct run *r, const struct asked *asked, FILE *out);
void run_close(struct run *r);

/* One line. where and number name it in errors. -1 with an error, else 0. */
int run_line(struct run *r, const char *line, size_t len, const char *where, unsigned long number,
	     struct lc_err *err);

/* Words on stderr about what could not be judged. restored: the detector had a past. -1 when there
 * was nothing at all to judge. */
int run_look_back(struct run *r, int restored, struct lc_err *err);

/* Add "-m METRIC=NAME", where METRIC may be a channel of the user's own. */
int asked_add_name(struct asked *asked, const char *arg, struct lc_err *err);
/* "--cross METRIC=LEVEL[:STEPS]" */
int asked_add_cross(struct asked *asked, const char *arg, struct lc_err *err);

/* Records (new references). */
json_t *record_alert(const struct run *r, const struct lc_alert *a, const struct lc_step *st);
json_t *record_event(const struct run *r, const struct lc_event *ev, const struct lc_step *st);
json_t *record_index(const struct run *r, const struct lc_step *st);

/* Read the files whole, and keep the steps whose loss was bad and came back at once. */
struct siblings *siblings_open(const struct asked *asked, struct lc_err *err);
void siblings_close(struct siblings *s); /* accepts NULL */
/* Did all that were at this step meet it as bad, and was there one? */
int siblings_agree(const struct siblings *s, long step);

#endif

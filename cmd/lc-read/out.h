/*
 * out: rows of metrics become step records; steps that go back become rewind records.
 *
 * A row is begun, filled by name or by key, and ended:
 *
 *	out_begin(o);
 *	out_step(o, 7);
 *	out_text(o, "lm loss", 7, "2.19E+00", 8);
 *	out_end(o, err);
 *
 * Formats that log one value at a time call out_at() instead of the first two lines: rows with the
 * same step are then one record.
 */
#ifndef LC_READ_OUT_H
#define LC_READ_OUT_H

#include <stddef.h>
#include <stdio.h>

#include "err.h"
#include "names.h"
#include "record.h"

/*
 * Where the newest wins is known only at the end. A file is therefore gone over twice: first
 * OUT_SURVEY keeps, of each rewind, where it was and how far it went back, then OUT_REPLAY leaves
 * out what is superseded. What cannot be read twice is OUT_STREAM: all of it, with rewind records.
 */
enum out_mode { OUT_STREAM, OUT_SURVEY, OUT_REPLAY };

#define OUT_NUM 32 /* a number as text */
#define OUT_NAME 192

struct rewind {
	unsigned long row;
	long to;
};

struct row {
	long step;
	int has_step, other_type; /* other_type: a record that is no step */
	double version;
	unsigned has;
	short rank[LC_KEYS];
	char v[LC_METRICS][OUT_NUM];
	unsigned char v_len[LC_METRICS];
	unsigned nth; /* members seen by out_value() */
	char batch[72], run[64], branch[64];
	char *more; /* ,"name":value for each other metric, with -a */
	size_t more_len, more_cap;
};

/* What the name of the n-th member was in the last row, which is what it is in the next one. */
struct recall {
	char name[30];
	unsigned char len;
	short key, rank;
};
#define RECALLED 16

struct out {
	FILE *to;
	const struct lc_names *names;
	int all; /* keep metrics of unknown names */
	enum out_mode mode;
	struct row row;
	int open; /* out_at() has begun a row */
	unsigned long rows, records;
	int anchor; /* the metric that tells of rewinds: loss, else grad_norm, else lr; -1 */
	long last;  /* newest step that had it, or -1 */
	long every, from, counted; /* steps between lines that name none (0: such are no steps);
				      the first is from + every */
	double t0;		   /* for formats with times of day: the first one, or NaN */
	struct rewind *rewinds;
	size_t nrewinds, rewinds_cap, next_rewind;
	struct recall recall[RECALLED];
	struct {
		char text[24]; /* ,"loss": */
		size_t len;
	} head[LC_METRICS];
	char unknown[256]; /* some names that were not known, for the person whose log it is */
};

void out_init(struct out *o, FILE *to, const struct lc_names *names, int all);
void out_release(struct out *o);
void out_start(struct out *o, enum out_mode mode); /* at the top of the input */

void out_begin(struct out *o);
void out_step(struct out *o, double step); /* ignored unless a whole number from 0 to 2^53 */
int out_text(struct out *o, const char *name, size_t len, const char *num, size_t num_len);
void out_double(struct out *o, const char *name, size_t len, double x);
void out_float(struct out *o, const char *name, size_t len, float x);
void out_time(struct out *o, double time); /* wall_s: seconds since the first time given */
int out_has(const struct out *o, enum lc_metric m);
int out_end(struct out *o, struct lc_err *err); /* 1 a step with a metric, 0 none, -1 */

/* The row of this step: the pending one, or a new one, after which the pending one is written. */
int out_at(struct out *o, double step, struct lc_err *err);
int out_flush(struct out *o, struct lc_err *err); /* end the pending row */

/* A line that is passed on as it is: a record of another type. */
int out_line(struct out *o, const char *line, size_t len, struct lc_err *err);

/* A value whose key is known already; for readers of objects. */
struct lc_value;
void out_value(struct out *o, const char *name, size_t len, const struct lc_value *v);

/* Decimal text, which lc_num_parse() took as x, as JSON in fewer digits: their length. */
size_t num_shorten(const char *s, size_t len, double x, char out[OUT_NUM]);

#endif

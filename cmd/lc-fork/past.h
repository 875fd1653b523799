/*
 * past: what futures came to, read back from the records of `lc-fork run`.
 */
#ifndef PAST_H
#define PAST_H

#include <jansson.h>

#include "err.h"
#include "record.h"

struct mark {
	long step;
	double loss, lr, value; /* value: the metric asked for; NaN where absent */
	char batch[72];
};

struct past {
	json_t *rec;	/* the branch record; owned. NULL: the run itself */
	json_t *result; /* owned; NULL: none came */
	const char *id, *role, *parent, *status; /* in these; parent NULL: from a snapshot */
	const json_t *actions;
	long from_step, horizon;
	struct mark *m; /* by step; the newest line of a step counts */
	long n, cap;
};

struct pasts {
	struct past *b;
	int n, cap, last; /* last: the branch the line before belonged to */
};

/* What -o and its like name: one of the known metrics, or any other name. */
struct metric {
	int which; /* enum lc_metric */
	struct lc_names names;
};
int metric_init(struct metric *m, const char *name, struct lc_err *err);

/* Add all branch, step and result records of path ("-": stdin). A branch there already is kept. */
int pasts_read(struct pasts *ps, const char *path, const struct metric *m, struct lc_err *err);
struct past *pasts_find(struct pasts *ps, const char *id);
void pasts_release(struct pasts *ps);

/* The run's own log. */
int past_read_run(struct past *run, const char *path, const struct metric *m, struct lc_err *err);
const struct mark *past_at(const struct past *b, long step);
void past_release(struct past *b);

#endif

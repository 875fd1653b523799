/*
 * draft: a forecast record read back, as what lib/evalue.h tests: means and sds at updates after
 * the fork.
 */
#ifndef LC_DRAFT_H
#define LC_DRAFT_H

#include <jansson.h>

#include "err.h"
#include "evalue.h"
#include "record.h"

enum { LC_DRAFT_POINTS = 100000 };

/* Owns the arrays of d. */
struct lc_draft_read {
	struct lc_draft d;
	double *at, *mean, *sd;
	double from; /* the fork, as the branch record says */
	enum lc_metric metric;
};

/* LC_DATA on a record that predict did not write: out of order, not finite, of two lengths. */
int lc_draft_read(struct lc_draft_read *f, const json_t *forecast, const json_t *branch,
		  struct lc_err *err);
void lc_draft_release(struct lc_draft_read *f);

#endif

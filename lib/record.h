/*
 * record: step records, read fast and forgivingly (lc-record(5)).
 *
 * One JSON object a line. Accepted beyond strict JSON: NaN, Infinity and -Infinity bare, numbers as
 * strings, ANSI colours, CRLF, duplicate keys (the last wins), the common spellings of each name.
 */
#ifndef LC_RECORD_H
#define LC_RECORD_H

#include <stddef.h>

#include "err.h"

enum lc_metric {
	LC_LOSS,
	LC_GRAD_NORM,
	LC_LR,
	LC_VAL_LOSS,
	LC_TEST_LOSS,
	LC_GVAR,
	LC_TOKENS,
	LC_WALL_S,
	LC_ATTN_ENTROPY,
	LC_ATTN_LOGIT_MAX,
	LC_ACT_KURTOSIS,
	LC_UPDATE_RATIO,
	LC_REWARD,
	LC_KL,
	LC_ENTROPY,
	LC_OWN1, /* the user's own, by -m NAME=name where a program takes such */
	LC_OWN2,
	LC_OWN3,
	LC_OWN4,
	LC_METRICS,
};

struct lc_step {
	long step;
	unsigned has;	      /* bit m is set when metric m was there */
	double v[LC_METRICS]; /* NaN where absent */
	char batch[72];	      /* empty where absent; so are run and branch */
	char run[64], branch[64];
};

#define lc_step_has(st, m) ((st)->has >> (m)&1u)

/* User's names for metrics: -m loss=my/name. Zero-initialised is "the common spellings". */
struct lc_names {
	int n;
	struct {
		int metric; /* enum lc_metric, or -1 for the step itself */
		char name[96];
	} map[16];
};
int lc_names_add(struct lc_names *names, const char *arg,
		 struct lc_err *err); /* "loss=my/name"; LC_USAGE when wrong */
const char *lc_metric_name(enum lc_metric m);

/*
 * Parse one line. 1: a step record, in *st. 0: something else (text, a record of another type, an
 * object without a step), to be passed on untouched. -1: an object that is broken off or malformed,
 * or a step record of a version this reader does not know. names may be NULL.
 */
int lc_step_parse(const char *line, size_t len, const struct lc_names *names, struct lc_step *st,
		  struct lc_err *err);

#endif

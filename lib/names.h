/*
 * names: the common spellings of what a step record holds (the list is in lc-record(5)).
 *
 * Internal to those who read logs; lc_names_add() and lc_metric_name() are declared in record.h.
 */
#ifndef LC_NAMES_H
#define LC_NAMES_H

#include <stddef.h>

#include "record.h"

/* What a key can mean, beyond enum lc_metric. */
enum {
	LC_KEY_STEP = LC_METRICS,
	LC_KEY_BATCH,
	LC_KEY_RUN,
	LC_KEY_BRANCH,
	LC_KEY_TYPE,
	LC_KEY_V,
	LC_KEYS,
	LC_KEY_NONE = -1,
};

/*
 * What a name means, or LC_KEY_NONE. *rank (1 to 9) says how plain a name it is: of two names in
 * one line that mean the same the higher wins.
 */
int lc_name_key(const char *name, size_t len, int *rank);

/* The same, the user's names (NULL: none) first: a metric named by the user has no other name. */
int lc_names_key(const struct lc_names *names, const char *name, size_t len, int *rank);

#endif

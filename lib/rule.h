/*
 * rule: the spike rules that other training frameworks ship, one at a time, over step records.
 *
 * Each is the peer's own rule with its own defaults, named in rule.c with where it was read, also
 * where it is weak: several are blinded for good by one value that is not finite. They are here to
 * be compared with (lc-detect score), and for who wants what they are used to (lc-detect --rule).
 */
#ifndef LC_RULE_H
#define LC_RULE_H

#include "record.h"

/* What a rule saw when it fired. */
struct lc_rule_fired {
	double value, limit;   /* of the rule's own statistic; value may be inf or NaN */
	enum lc_metric metric; /* that it fired on: LC_LOSS or LC_GRAD_NORM */
	int nonfinite;	       /* the metric itself was not finite */
};

struct lc_rule; /* opaque */

/*
 * "zclip", "olmo", ... or "olmo:4" with another limit than the peer's own. NULL when there is no
 * such rule; the error (LC_USAGE) lists them.
 */
struct lc_rule *lc_rule_open(const char *name, struct lc_err *err);
void lc_rule_close(struct lc_rule *r); /* accepts NULL */

/* Take the next step record: 1 and *fired filled when the rule fires on it, else 0. */
int lc_rule_step(struct lc_rule *r, const struct lc_step *st, struct lc_rule_fired *fired);

/* The i-th rule's name, NULL beyond the last. */
const char *lc_rule_name(int i);

#endif

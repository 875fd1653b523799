/*
 * foresee: what the law expects of planned futures given those that were run, and whether real
 * steps bore it out.
 *
 * A planned future stands in the plan; what was run of it stands in the evidence under the same id:
 * a block (its steps, its return, its cooldown), and, as a branch of kind "more" from its end, the
 * next block. What was expected of a block is derived again from what came before it.
 */
#ifndef FORESEE_H
#define FORESEE_H

#include "law_arms.h"
#include "value.h"

struct outlook {
	const struct evidence *plan, *ev;
	const struct lc_schedule *lr;
	enum metric m;
	int n, index[LC_ARMS_MAX]; /* futures of the plan that the law is asked about; 0 the control
				    */
};

/* The futures of the plan that the law takes, from the control's state. The number left out. */
int outlook_init(struct outlook *o, const struct evidence *plan, const struct evidence *ev,
		 const struct lc_schedule *lr);

/* What was run of one of them before index `before` of ev->f; NULL: nothing. */
const struct future *outlook_ran(const struct outlook *o, int i, int before);

/* The joint posterior of their ends, given the blocks before index `before`. */
int outlook_ask(const struct outlook *o, int before, struct lc_arms *out, struct lc_err *err);

/*
 * The block that is ev->f[at], of outlook future i: log of the e-value of what was expected of it
 * (evalue.h) against what it did, minus the control's; NaN when nothing can be compared.
 */
int outlook_verify(const struct outlook *o, int i, int at, double delta, double *log_e,
		   struct lc_err *err);

/*
 * What running future i is worth: by how much the best mean among those that may be chosen (may:
 * [n], and i) and that are surely better (by `bar` of their sds) is expected to grow: the knowledge
 * gradient (Frazier, Powell and Dayanik 2009) under that rule. leaves: the part of its sd that is
 * expected to be left.
 */
double outlook_worth(const struct lc_arms *a, const char *may, int i, double leaves, double bar);

#endif

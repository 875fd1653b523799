/*
 * codec_fit: which model codes a run of elements in the fewest bytes, told from a sample of it.
 *
 * What is chosen, and how, is no part of the format: any model decodes.
 */
#ifndef LC_CODEC_FIT_H
#define LC_CODEC_FIT_H

#include "codec.h"

/* What stands at the same elements elsewhere: 0 the older state, 1 this one. */
enum lc_near { LC_X0, LC_M1, LC_V1, LC_M0, LC_V0, LC_MASTER, LC_NEARS };

enum lc_part { LC_PART_OTHER, LC_PART_W, LC_PART_M, LC_PART_V };

struct lc_hyper { /* of AdamW, where the state says; 0: it does not */
	double beta1, beta2, eps;
	long updates; /* of the second moment, done */
};

struct lc_run { /* what is known of n elements */
	enum lc_dtype type;
	enum lc_part part;
	size_t n;
	size_t cols, phase; /* of a matrix; cols 0: none */
	const void *x;
	const void *near[LC_NEARS]; /* NULL: not there */
	struct lc_hyper hyper;
};

/* The near sources of a prediction, in the order lc_run_encode takes them. */
const unsigned char *lc_pred_near(enum lc_pred pred);

/*
 * The best model, in m, with its terms in w. Gives the bits an element it is expected to take;
 * alone (may be NULL) gets those of the best that needs no source.
 */
double lc_run_fit(struct lc_work *w, const struct lc_run *r, struct lc_model *m, double *alone);

#endif

/*
 * peers: remedies inside the loop, by their published rules, to be compared with.
 *
 * ZClip (Kumar et al. 2025, arXiv:2504.02507; its code's defaults): z-score of the gradient norm
 * against moving mean and variance (alpha .97, from the plain ones of the first 25); z above 2.5
 * clips to mean + 2.5 sd / (z / 2.5), and the averages learn the clipped norm.
 *
 * SkipStep (OLMo-core): no update where loss or gradient norm is more than sigma standard
 * deviations from the mean of the 128 before it, on either side; from 64 on. Outliers stay in the
 * window.
 *
 * Norms and losses that are not finite are left out of both statistics, which they would end; a
 * step that has one is skipped.
 */
#ifndef LC_TRAIN_PEERS_H
#define LC_TRAIN_PEERS_H

#include <jansson.h>

#include "err.h"

enum { ZCLIP_WARMUP = 25, SKIP_WINDOW = 128, SKIP_FROM = 63 };

/* All zero: nothing seen. */
struct peers {
	long norms; /* seen by ZClip, until its warm-up is over */
	double first[ZCLIP_WARMUP], mean, var;
	long steps;				     /* seen by SkipStep */
	double loss[SKIP_WINDOW], norm[SKIP_WINDOW]; /* of step i at i % SKIP_WINDOW */
};

/* What ZClip cuts this norm to, at most clip (0: none of its own); 0 where it cuts nothing. */
double peers_zclip(struct peers *p, double norm, double clip);

/* Does SkipStep pass over the step? */
int peers_skips(struct peers *p, double sigma, double loss, double norm);

/* To the bit; the members of those in use only. NULL when there are none. */
json_t *peers_to_json(const struct peers *p);
int peers_from_json(struct peers *p, const json_t *v, const char *what, struct lc_err *err);

#endif

/*
 * mechanism: what clip and reset make of the effective learning rate.
 *
 * A gradient g of norm |g| enters a clipped update as w g, w = min(1, c / |g|). Under SGD the lr
 * is so multiplied by E[w]. Adam divides by the root of the mean of (w g)^2: by E[w] / sqrt(E[(w
 * |g|)^2]), in which c cancels once all is clipped; what stays is that all gradients count alike.
 *
 * After a reset Adam corrects for the bias of its means (lc-train, lightcone.py and PyTorch all
 * do), so the update has no less size: but m is a mean of few gradients, in which the first count
 * several times, and v a mean of few squares, whose root is as likely too small. SGD corrects
 * nothing: its velocity is built up anew.
 */
#ifndef LC_MECHANISM_H
#define LC_MECHANISM_H

#include "gradlaw.h"

/* Factor on the lr of clipping at c instead of what is in force; NaN: not known. */
double lc_clip_factor(const struct lc_gradlaw *g, double c);

/* A reset of which ("m", "v", "mv"), by the table of its factor; release nothing. */
enum { LC_RESET_M = 128, LC_RESET_AT = 16 };
struct lc_reset {
	int m, v;
	enum lc_optimizer optimizer;
	double beta2;
	double first[LC_RESET_M]; /* weight of the gradients after a reset of m */
};
/* 0 when the optimizer is not known or nothing is reset: no mechanism, and the factor is 1. */
int lc_reset_init(struct lc_reset *r, const struct lc_gradlaw *g, const char *which);

/* Factor on the lr of update d after it, from 1. */
double lc_reset_factor(const struct lc_reset *r, double d);

/* Updates at which to know it so that lines between them do: LC_RESET_AT of them. */
double lc_reset_knot(int i);

#endif

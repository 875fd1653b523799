/*
 * rollout_way: a branch's way through its lr path, piece by piece. Private to kernels/rollout*, and
 * all inline: a lane asks for a piece every few hundred cycles.
 */
#ifndef LC_ROLLOUT_WAY_H
#define LC_ROLLOUT_WAY_H

#include <math.h>
#include <string.h>

#include "rollout_impl.h"

/* A stretch in one go: updates, mean lr, change of the lr over them relative to it. */
struct lc_piece {
	double n, eta, rel;
};

struct lc_way {
	const struct lc_rollout_branch *br;
	double k, eta; /* where it is, at the end of its segment */
	int next;      /* control point */
	/* the segment: updates, done of them; lr at both ends; pieces, done of them */
	double n, done, eta0, eta1, pieces, piece;
};

/* Of a NaN and a number, the number, as fmin(3) and fmax(3). */
static inline double lc_fmin(double a, double b)
{
	return a < b || b != b ? a : b;
}

static inline double lc_fmax(double a, double b)
{
	return a > b || b != b ? a : b;
}

/* Into the segment (k0, k1] with the lr going linearly from eta0 to eta1. */
static inline void lc_way_segment(struct lc_way *w, double tol, double k0, double k1, double eta0,
				  double eta1)
{
	double change;

	w->eta0 = lc_fmin(lc_fmax(eta0, 0), ETA_MAX);
	w->eta1 = lc_fmin(lc_fmax(eta1, 0), ETA_MAX);
	w->n = k1 - k0;
	w->done = w->piece = 0;
	w->pieces = 1;
	if (w->eta0 == w->eta1 && tol > 0)
		return;
	change = fabs(w->eta1 - w->eta0) /
		 lc_fmax(lc_fmax(w->eta0, w->eta1), 1e-300); /* at most 1 */
	w->pieces = tol > 0 ? lc_fmin(w->n, ceil(change / tol)) : w->n;
}

/* The next piece of the segment, or 0 at its end. */
static inline int lc_way_piece(struct lc_way *w, struct lc_piece *p)
{
	while (w->done < w->n) {
		double i = ++w->piece, end = i >= w->pieces ? w->n : floor(w->n * i / w->pieces);
		double step = end - w->done, slope = (w->eta1 - w->eta0) / w->n;
		/* the mean lr of updates done+1..end */
		double eta = w->eta0 + slope * (w->done + 1 + end) / 2;
		double rel = step > 1 ? slope * step / lc_fmax(eta, ETA_MIN) : 0;
		w->done = end;
		if (step > 0) {
			*p = (struct lc_piece){step, eta, lc_fmax(-2, lc_fmin(2, rel))};
			return 1;
		}
	}
	return 0;
}

/* The first control point's lr holds from the start. */
static inline void lc_way_start(struct lc_way *w, const struct lc_rollout_branch *br)
{
	memset(w, 0, sizeof(*w));
	w->br = br;
	w->eta = br->npoint ? br->eta[0] : 1;
}

/*
 * The control point to go to from where w is: those behind, and those on the straight line to the
 * one after them, are passed over.
 */
static inline int lc_way_point(const struct lc_way *w)
{
	const struct lc_rollout_branch *br = w->br;
	int i = w->next;

	while (i < br->npoint && br->at[i] <= w->k)
		i++;
	for (; i + 1 < br->npoint; i++) {
		double run = br->at[i + 1] - w->k, rise = br->eta[i + 1] - w->eta;
		double off = (br->eta[i] - w->eta) * run - rise * (br->at[i] - w->k);
		if (!(fabs(off) <= 1e-12 * run * lc_fmax(w->eta, br->eta[i + 1])))
			break;
	}
	return i;
}

/* The next piece on the way to update `stop`: 1, or 0 when it is there. */
static inline int lc_way_next(struct lc_way *w, double tol, double stop, struct lc_piece *p)
{
	const struct lc_rollout_branch *br = w->br;

	for (;;) {
		double to = stop, eta = w->eta;
		if (lc_way_piece(w, p))
			return 1;
		if (!(w->k < stop))
			return 0;
		if (w->k == 0 || (w->next < br->npoint && br->at[w->next] <= w->k))
			w->next = lc_way_point(w);
		if (w->next < br->npoint) {
			double at = br->at[w->next];
			to = lc_fmin(stop, at);
			eta += (br->eta[w->next] - eta) * (to - w->k) / (at - w->k);
		}
		lc_way_segment(w, tol, w->k, to, w->eta, eta);
		w->k = to;
		w->eta = eta;
	}
}

/* Is there more to come on the way to `stop`? */
static inline int lc_way_more(const struct lc_way *w, double stop)
{
	return w->done < w->n || w->k < stop;
}

#endif

/*
 * rollout_way: a branch's way through its lr path, piece by piece. Private to kernels/rollout*, and
 * all inline: a lane asks for a piece every few hundred cycles.
 */
#ifndef LC_ROLLOUT_WAY_H
#define LC_ROLLOUT_WAY_H

#include <math.h>
#include <string.h>

#include "rollout_impl.h"

#ifdef __CUDACC__
#define LC_WAY __device__ static inline
#else
#define LC_WAY static inline
#endif

/*
 * A stretch in one go: updates, their mean lr, and the lr half an update into the first and half an
 * update past the last: a line through what each update has. The same where n is 1.
 */
struct lc_piece {
	double n, eta, first, last;
};

struct lc_way {
	const struct lc_rollout_branch *br;
	double k, eta; /* where it is, at the end of its segment */
	int next;      /* control point */
	/* the segment: updates, done of them; lr at both ends and its roots; pieces, done of them
	 */
	double n, done, eta0, eta1, root0, root1, pieces, piece;
};

/* Of a NaN and a number, the number, as fmin(3) and fmax(3). */
LC_WAY double lc_fmin(double a, double b)
{
	return a < b || b != b ? a : b;
}

LC_WAY double lc_fmax(double a, double b)
{
	return a > b || b != b ? a : b;
}

/*
 * Into the segment (k0, k1] with the lr going linearly from eta0 to eta1. Pieces are even in the
 * root of the lr, so that they are short towards an lr of 0, where the noise changes fast; one is
 * half of tol of the larger root at most, or of ROOT_LEAST.
 */
#define ROOT_LEAST .7
LC_WAY void lc_way_segment(struct lc_way *w, double tol, double k0, double k1, double eta0,
			   double eta1)
{
	double most, pieces;

	w->eta0 = lc_fmin(lc_fmax(eta0, 0), ETA_MAX);
	w->eta1 = lc_fmin(lc_fmax(eta1, 0), ETA_MAX);
	w->n = k1 - k0;
	w->done = w->piece = w->root0 = w->root1 = 0;
	w->pieces = tol > 0 ? 1 : w->n;
	if (w->eta0 == w->eta1 || !(tol > 0))
		return;
	w->root0 = sqrt(w->eta0);
	w->root1 = sqrt(w->eta1);
	most = lc_fmax(lc_fmax(w->root0, w->root1), ROOT_LEAST);
	pieces = ceil(fabs(w->root1 - w->root0) / (.5 * tol * most));
	w->pieces = lc_fmin(w->n, pieces);
}

/* Where, of the segment's updates, its i-th piece ends. */
LC_WAY double lc_way_end(const struct lc_way *w, double i)
{
	double root;

	if (i >= w->pieces)
		return w->n;
	if (w->pieces == w->n)
		return i;
	root = w->root0 + (w->root1 - w->root0) * i / w->pieces;
	return floor(w->n * (root * root - w->eta0) / (w->eta1 - w->eta0));
}

/* The next piece of the segment, or 0 at its end. */
LC_WAY int lc_way_piece(struct lc_way *w, struct lc_piece *p)
{
	while (w->done < w->n) {
		double end = lc_way_end(w, ++w->piece), slope = (w->eta1 - w->eta0) / w->n;
		double step = end - w->done, at = w->done;
		if (!(step > 0))
			continue;
		w->done = end;
		/* the mean lr of updates done+1..end */
		p->n = step;
		p->eta = p->first = p->last = w->eta0 + slope * (at + 1 + end) / 2;
		if (step > 1) {
			p->first = lc_fmax(0, w->eta0 + slope * (at + .5));
			p->last = lc_fmax(0, w->eta0 + slope * (end + .5));
		}
		return 1;
	}
	return 0;
}

/* The first control point's lr holds from the start. */
LC_WAY void lc_way_start(struct lc_way *w, const struct lc_rollout_branch *br)
{
	memset(w, 0, sizeof(*w));
	w->br = br;
	w->eta = br->npoint ? br->eta[0] : 1;
}

/*
 * The control point to go to from where w is: those behind, and those on the straight line to the
 * one after them, are passed over.
 */
LC_WAY int lc_way_point(const struct lc_way *w)
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
LC_WAY int lc_way_next(struct lc_way *w, double tol, double stop, struct lc_piece *p)
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
LC_WAY int lc_way_more(const struct lc_way *w, double stop)
{
	return w->done < w->n || w->k < stop;
}

#endif

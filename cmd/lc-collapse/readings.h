/*
 * readings: one number a future is judged by, read where short horizons lie least.
 */
#ifndef READINGS_H
#define READINGS_H

#include "collapse.h"

enum metric { VAL, TEST, TRAIN };

/*
 * "return": mean over the later half of the segment back at the control's lr, or its last value
 * when none falls there (a future that changes nothing lasting and has no segment, or one in which
 * nothing was read, is read over the same steps of its own). "cool": the last value of the
 * cooldown. Infinity when it diverged; NaN when it was not read (void, failed, no segment).
 */
double read_return(const struct evidence *ev, const struct future *f, enum metric m);
double read_cool(const struct evidence *ev, const struct future *f, enum metric m);
/* Its mean at its own lr, over the later half of the control's steps. */
double read_own(const struct evidence *ev, const struct future *f, enum metric m);

/*
 * Noise of a reading: standard deviation of one run over the null branches, which differ from the
 * clean state's own future in nothing but the data of their horizon; the segments they are read by
 * are common to all. A control from that state is one more. The reading at the end; earlier windows
 * as long as its own help to know it.
 */
struct spread {
	double sd, df; /* df 0: not known (fewer than two nulls read, all equal, one diverged) */
	double many,
		one; /* bars in standard errors, at alpha over all arms (Dunnett), and for one */
};
struct noise {
	struct spread ret, cool;
	struct spread own_ret, own_cool; /* without what earlier forks add */
	int nulls;			 /* read */
	const char *diverged;		 /* id of a null that did, or NULL */
	int identical; /* the nulls' returns are all the same: no order noise was seen */
};
struct noise noise_floor(const struct evidence *ev, enum metric m);

/*
 * A metric that must keep a limit (the goal's k-th), read over the steps of the return: its mean,
 * and how far the nulls' are apart. NaN when it was not logged.
 */
double read_also(const struct evidence *ev, const struct future *f, int k);
struct lc_noise also_noise(const struct evidence *ev, int k);

/* What one step of training is worth now, in nats: the mean fall per step of the null branches at a
 * steady lr, at least 0 (also where the lr was never steady: then it is not known). */
double step_worth(const struct evidence *ev, enum metric m);

#endif

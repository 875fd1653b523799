/*
 * plateau: a loss that fell steadily, and all at once falls no more.
 *
 * Means of blocks of 32, 64, ... 1024 values are kept, the last 6 of each size, and looked at four
 * times a block. Their differences are how fast it fell. Of the 3 between the 4 older ones the
 * least is taken, less by as much as they shrank from the first to the last (what converges, as a
 * power or exponentially, shrinks so, and not to nothing); none if most of it fell at once, as
 * between epochs. At least that is expected of the last two. A plateau is where they fell by less
 * than a fifth of it, and what is missing is LC_PLATEAU_LIMIT times its standard error or more.
 *
 * A learning rate that changes, or is low, explains it: it must be logged, have stayed within 10 %
 * for 4 of the blocks at least, and be half of the highest it was or more.
 *
 * Numbers only: copied, compared and saved as they lie. All zero is a run that has not begun.
 */
#ifndef LC_PLATEAU_H
#define LC_PLATEAU_H

#define LC_PLATEAU_SIZES 6
#define LC_PLATEAU_LEAST 32
#define LC_PLATEAU_BLOCKS 6
#define LC_PLATEAU_PARTS 4 /* of a block: it is looked at as often */
#define LC_PLATEAU_HELD (LC_PLATEAU_BLOCKS * LC_PLATEAU_PARTS)
#define LC_PLATEAU_LIMIT 5.0

struct lc_plateau {
	struct {
		double n, sum; /* values in the part of a block that is being filled */
		double parts;  /* filled, up to HELD */
		double mean[LC_PLATEAU_HELD]; /* the oldest first */
	} size[LC_PLATEAU_SIZES];
	double lr, lr_now, lr_max, steady; /* values since it was another */
	double on;			   /* 1 + the size at which it was noticed; 0: none */
	double expected;		   /* of a block of that size: a fall so large */
	double step, onset, rewind, score; /* the caller's: what it said of it */
};

/* What a value shows. */
enum lc_plateau_news { LC_PLATEAU_NONE, LC_PLATEAU_BEGINS, LC_PLATEAU_ENDS, LC_PLATEAU_EXCUSED };

/*
 * Take a loss; sd is that of one value. BEGINS: *back is how many values ago, *score what is
 * missing over its limit. ENDS: it falls again. EXCUSED: another learning rate.
 */
enum lc_plateau_news lc_plateau_take(struct lc_plateau *p, double loss, double sd, double *back,
				     double *score);

/* The learning rate from the next loss on. */
void lc_plateau_lr(struct lc_plateau *p, double lr);

/* What was seen so far says nothing of what comes: an excursion. */
void lc_plateau_forget(struct lc_plateau *p);

#endif

/*
 * card: which arms of a fork are worth running, by their forecasts, and why.
 *
 * One of each kind of remedy first (a forecast cannot tell a moment reset from doing nothing; only
 * a run can), the most probable best of its kind; then whichever adds most to the lowest end
 * expected of those taken (chance.h), so that k doses of one idea are not taken for k ideas. A
 * lasting change on a remedy brings its plain sibling with it, so that the remedy gets the credit
 * for no more than it adds (DESIGN section 8, truth 4).
 */
#ifndef CARD_H
#define CARD_H

#include "chance.h"
#include "collapse.h"

struct card {
	struct bet *bet;
	int n;
	char *kept;	 /* [ev->n] */
	char (*why)[96]; /* [ev->n] */
	long *cost;	 /* [ev->n] steps of an arm, its readings and its repeats */
	long room;	 /* steps that arms may still take */
	long total;	 /* the run's last step; 0: not known */
	int forecasts;	 /* of arms */
	struct chance chance;
};

/* max_cost: steps of all futures that are kept, what arms are compared with too; 0: no limit. */
void card_deal(struct card *c, const struct evidence *ev, long max_cost, long total);
void card_release(struct card *c);

/* Keep at most so many arms; of the others why says why not. How many are kept. */
int card_choose(struct card *c, const struct evidence *ev, int most);

/* Does this branch repeat an arm that is not kept? */
int card_repeats_dropped(const struct card *c, const struct evidence *ev, const struct future *f);

#endif

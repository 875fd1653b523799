/* plateau: see plateau.h. */
#include "plateau.h"

#include <math.h>
#include <string.h>

#define OLDER (LC_PLATEAU_BLOCKS - 2)
#define OLD_PARTS (OLDER * LC_PLATEAU_PARTS)
#define LEAP .2 /* of the fall at once: what falls by steps (epochs) may stand between them */
#define SAME_LR .1
#define LOW_LR .5      /* of the highest */
#define STOPPED .2     /* of what is expected */
#define FALLS_AGAIN .5 /* the same */
#define STEADY 4       /* blocks */

static double block_of(int size)
{
	return LC_PLATEAU_LEAST << size;
}

/* 1 when a part of a block is filled with it. */
static int add(struct lc_plateau *p, int size, double x)
{
	double *mean = p->size[size].mean;

	p->size[size].sum += x;
	if (++p->size[size].n < block_of(size) / LC_PLATEAU_PARTS)
		return 0;
	memmove(mean, mean + 1, (LC_PLATEAU_HELD - 1) * sizeof(*mean));
	mean[LC_PLATEAU_HELD - 1] = p->size[size].sum / p->size[size].n;
	p->size[size].n = p->size[size].sum = 0;
	p->size[size].parts = fmin(p->size[size].parts + 1, LC_PLATEAU_HELD);
	return 1;
}

/* From block i to the next, 0 the oldest. */
static double fall(const struct lc_plateau *p, int size, int i)
{
	const double *mean = p->size[size].mean + i * LC_PLATEAU_PARTS;
	double sum = 0;

	for (int k = 0; k < LC_PLATEAU_PARTS; k++)
		sum += mean[k] - mean[k + LC_PLATEAU_PARTS];
	return sum / LC_PLATEAU_PARTS;
}

static double biggest_step(const struct lc_plateau *p, int size)
{
	const double *mean = p->size[size].mean;
	double most = 0;

	for (int i = 0; i + 1 < OLD_PARTS; i++)
		most = fmax(most, mean[i] - mean[i + 1]);
	return most;
}

/* The fall that the older blocks let expect of the last two. */
static double expected(const struct lc_plateau *p, int size)
{
	double least = INFINITY;

	for (int i = 0; i + 1 < OLDER; i++)
		least = fmin(least, fall(p, size, i));
	if (!(least > 0))
		return 0;
	if (biggest_step(p, size) >
	    LEAP * (p->size[size].mean[0] - p->size[size].mean[OLD_PARTS - 1]))
		return 0;
	return least * fmin(1, fall(p, size, OLDER - 2) / fall(p, size, 0));
}

static double last_fall(const struct lc_plateau *p, int size)
{
	return fall(p, size, LC_PLATEAU_BLOCKS - 2);
}

/* What is missing of the fall over its limit; 0: it falls, or never did. */
static double missing(const struct lc_plateau *p, int size, double sd)
{
	double want = expected(p, size), fell = last_fall(p, size);

	if (p->size[size].parts < LC_PLATEAU_HELD || !(fell < STOPPED * want))
		return 0;
	/* the difference of two differences of two means */
	return (want - fell) / (sd * sqrt(4 / block_of(size))) / LC_PLATEAU_LIMIT;
}

void lc_plateau_lr(struct lc_plateau *p, double lr)
{
	p->lr_now = lr;
	p->lr_max = fmax(p->lr_max, lr);
	if (!(fabs(lr - p->lr) <= SAME_LR * p->lr)) {
		p->lr = lr;
		p->steady = 0;
	}
}

static enum lc_plateau_news is_over(struct lc_plateau *p, int size, int filled)
{
	if (p->steady > 1 && !(filled && p->size[size].parts >= 2 * LC_PLATEAU_PARTS &&
			       last_fall(p, size) > FALLS_AGAIN * p->expected))
		return LC_PLATEAU_NONE;
	p->on = 0;
	lc_plateau_forget(p);
	return p->steady > 1 ? LC_PLATEAU_ENDS : LC_PLATEAU_EXCUSED;
}

enum lc_plateau_news lc_plateau_take(struct lc_plateau *p, double loss, double sd, double *back,
				     double *score)
{
	int judged = p->lr_now > 0 && p->lr_now >= LOW_LR * p->lr_max;

	p->steady++;
	for (int i = 0; i < LC_PLATEAU_SIZES; i++) {
		int filled = add(p, i, loss);

		if ((int)p->on == i + 1)
			return is_over(p, i, filled);
		if (p->on > 0 || !filled || !judged || p->steady < STEADY * block_of(i) ||
		    !((*score = missing(p, i, sd)) >= 1))
			continue;
		p->on = i + 1;
		p->expected = expected(p, i);
		*back = 2 * block_of(i);
		return LC_PLATEAU_BEGINS;
	}
	return LC_PLATEAU_NONE;
}

void lc_plateau_forget(struct lc_plateau *p)
{
	memset(p->size, 0, sizeof(p->size));
}

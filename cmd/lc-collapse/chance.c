/* chance: see chance.h. */
#include "chance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "rng.h"

#define SHARED .8 /* of a forecast's variance */
#define REACH .7  /* in ln lr_scale */
enum { DRAWS = 2000, CELLS = 8 << 20 };

double chance_alike(const struct bet *a, const struct bet *b)
{
	return strcmp(a->class, b->class) != 0 ? 0 : SHARED * exp(-fabs(a->lnlr - b->lnlr) / REACH);
}

static int by_likeness(const void *a, const void *b)
{
	const struct bet *x = *(const struct bet *const *)a, *y = *(const struct bet *const *)b;
	int c = strcmp(x->class, y->class);

	if (c)
		return c;
	return x->lnlr != y->lnlr ? (x->lnlr > y->lnlr) - (x->lnlr < y->lnlr) : x->index - y->index;
}

/* One draw of all: along each class the shared error goes on from the last. */
static void draw(struct chance *c, const struct bet *const *order, const struct bet *bet, int d)
{
	struct lc_rng rng = {1, (uint64_t)d, 0};
	double z = 0, r;

	for (int k = 0; k < c->n; k++) {
		const struct bet *b = order[k], *last = k ? order[k - 1] : NULL;

		r = last && strcmp(last->class, b->class) == 0
			    ? exp(-(b->lnlr - last->lnlr) / REACH)
			    : 0;
		z = r * z + sqrt(1 - r * r) * lc_rng_normal(&rng);
		c->x[(b - bet) * c->draws + d] =
			(float)(b->mean + b->sd * (sqrt(SHARED) * z +
						   sqrt(1 - SHARED) * lc_rng_normal(&rng)));
	}
}

static void count_best(const struct chance *c, struct bet *bet)
{
	for (int d = 0; d < c->draws; d++) {
		int top = -1;
		double low = c->lowest[d];

		for (int i = 0; i < c->n; i++)
			if ((double)c->x[i * c->draws + d] < low) {
				low = (double)c->x[i * c->draws + d];
				top = i;
			}
		if (top >= 0)
			bet[top].best += 1. / c->draws;
	}
}

void chance_init(struct chance *c, struct bet *bet, int n, double control, double control_sd)
{
	const struct bet **order = lc_xalloc((size_t)n + 1, sizeof(*order));

	c->n = n;
	c->draws = DRAWS < CELLS / (n + 1) ? DRAWS : CELLS / (n + 1);
	c->x = lc_xalloc((size_t)n * (size_t)c->draws + 1, sizeof(*c->x));
	c->lowest = lc_xalloc((size_t)c->draws, sizeof(*c->lowest));
	for (int i = 0; i < n; i++) {
		order[i] = &bet[i];
		bet[i].best = 0;
	}
	qsort(order, (size_t)n, sizeof(*order), by_likeness);
	for (int d = 0; d < c->draws; d++) {
		struct lc_rng rng = {2, (uint64_t)d, 0};

		draw(c, order, bet, d);
		c->lowest[d] = control + control_sd * lc_rng_normal(&rng);
	}
	count_best(c, bet);
	free(order);
}

void chance_release(struct chance *c)
{
	free(c->x);
	free(c->lowest);
	memset(c, 0, sizeof(*c));
}

double chance_adds(const struct chance *c, int i)
{
	double sum = 0;

	for (int d = 0; d < c->draws; d++) {
		double x = (double)c->x[i * c->draws + d];

		if (x < c->lowest[d])
			sum += isinf(c->lowest[d]) ? 1e6 - x : c->lowest[d] - x;
	}
	return sum / c->draws;
}

void chance_take(struct chance *c, int i)
{
	for (int d = 0; d < c->draws; d++)
		c->lowest[d] = fmin(c->lowest[d], (double)c->x[i * c->draws + d]);
}

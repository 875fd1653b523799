/* tail: see detect_tail.h. */
#include "detect_tail.h"

#include <math.h>

#define MEMORY 8192.0 /* steps */
#define PRIOR 20.0    /* peaks that the prior is worth */
#define SHAPE_MAX (1 / 3.)

struct pareto {
	double rate, shape, scale;
};

static struct pareto fit(const struct lc_tail *t, const struct lc_tail_prior *prior)
{
	double square = prior->mean * prior->mean * (1 + 1 / (1 - 2 * prior->shape));
	double k = t->peaks + PRIOR, mean = (t->sum + PRIOR * prior->mean) / k;
	double var = (t->squares + PRIOR * square) / k - mean * mean;
	struct pareto p = {.rate = k / (t->n + PRIOR / prior->rate)};

	p.shape = fmin(fmax(.5 * (1 - mean * mean / var), 0), SHAPE_MAX);
	p.scale = mean * (1 - p.shape);
	return p;
}

double lc_tail_p(const struct lc_tail *t, const struct lc_tail_prior *prior, double u)
{
	struct pareto p;
	double over = u - prior->at;

	if (!(u > 0))
		return 1;
	if (over <=
	    0) { /* the body is not modelled: smoothly from 1 at 0 to the rate at the threshold */
		double x = u / prior->at, rate = (t->peaks + PRIOR) / (t->n + PRIOR / prior->rate);

		return rate / (rate + (1 - rate) * x * x * x * x);
	}
	p = fit(t, prior);
	if (p.shape < 1e-6)
		return p.rate * exp(-over / p.scale);
	return p.rate * pow(1 + p.shape * over / p.scale, -1 / p.shape);
}

/* A peak counts to 8 mean excesses: one accident must not teach that all is usual. */
static void add_peak(struct lc_tail *t, const struct lc_tail_prior *prior)
{
	double over = fmin(t->top - prior->at, 8 * prior->mean);

	t->peaks++;
	t->sum += over;
	t->squares += over * over;
	t->top = 0;
}

void lc_tail_add(struct lc_tail *t, const struct lc_tail_prior *prior, double u)
{
	double keep = 1 - 1 / MEMORY;

	t->n = t->n * keep + 1;
	t->peaks *= keep;
	t->sum *= keep;
	t->squares *= keep;
	if (u > prior->at)
		t->top = fmax(t->top, u);
	else if (t->top > 0 && u < prior->at / 2)
		add_peak(t, prior);
}

void lc_tail_watch(struct lc_tail *t, const struct lc_tail_prior *prior, double u)
{
	if (u > prior->at)
		t->top = fmax(t->top, u);
}

void lc_tail_drop(struct lc_tail *t)
{
	t->top = 0;
}

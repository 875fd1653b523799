/*
 * hyper: where the trainer logs grad_align, the cosine of a step's gradient and its last update,
 * the learning rate is moved along it.
 *
 * With grad_align a_t, the hypergradient of Baydin et al. (2018) in its multiplicative form is
 * ln lr += b a_t. Donini et al. (MARTHE, 2020) sum past terms with a discount mu: mu 0 is Baydin's
 * rule, 1 that of Franceschi et al. (2017); the curvature between two terms, which MARTHE applies
 * exactly, is taken for the identity, since only the scalars are logged. Each (mu, b) of a small
 * ladder is one arm; the fork judges them.
 */
#include "hyper.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "json.h"
#include "past.h"

#define TERMS 64 /* of the sum: what lies farther back is of another curvature */

static const double mus[] = {.9, 0, 1};
static const double steps[] = {1, 2, .5, 4, .25, 8};

/* Mean of the last terms, the i-th from the end with weight mu^i. */
static double discounted(const double *a, int n, double mu)
{
	double sum = 0, weight = 0, w = 1;

	for (int i = n - 1; i >= 0 && w > 1e-6; i--, w *= mu) {
		sum += w * a[i];
		weight += w;
	}
	return sum / weight;
}

/* The last TERMS values up to the present. */
static int read_terms(const struct plan *p, double a[TERMS], int *n, struct lc_err *err)
{
	struct metric align;
	struct past run = {0};
	int ret = metric_init(&align, "grad_align", err);

	*n = 0;
	if (!p->asked->history)
		return lc_fail(err, LC_DATA, "the sampler hyper wants the run's log (-H)");
	if (ret == 0)
		ret = past_read_run(&run, p->asked->history, &align, err);
	for (long i = 0; i < run.n && ret == 0; i++) {
		if (run.m[i].step > p->o[0].step || !isfinite(run.m[i].value))
			continue;
		if (*n == TERMS)
			memmove(a, a + 1, (size_t)-- * n * sizeof(*a));
		a[(*n)++] = run.m[i].value;
	}
	past_release(&run);
	if (ret == 0 && *n == 0)
		ret = lc_fail(err, LC_DATA, "%s: no grad_align up to step %ld", p->asked->history,
			      p->o[0].step);
	return ret;
}

int plan_hyper(struct plan *p, int n, struct lc_err *err)
{
	double a[TERMS], *made = lc_xalloc((size_t)n + 1, sizeof(*made));
	int terms, count = 0, ret = read_terms(p, a, &terms, err);

	for (size_t k = 0; k < sizeof(steps) / sizeof(*steps); k++)
		for (size_t m = 0; m < sizeof(mus) / sizeof(*mus) && ret == 0 && count < n; m++) {
			double ln = steps[k] * discounted(a, terms, mus[m]), scale;
			int there = 0;

			scale = exp(fmax(fmin(ln, log(4)), -log(4)));
			scale = round(scale * 1000) / 1000;
			for (int i = 0; i < count; i++)
				there |= fabs(made[i] - scale) < .005;
			if (there || fabs(scale - 1) < .005)
				continue;
			made[count++] = scale;
			ret = plan_arm(p, "persistent", 0, json_pack("{s:f}", "lr_scale", scale),
				       err);
		}
	free(made);
	if (ret == 0 && count < n)
		lc_warn("the hypergradient tells no more than %d arms apart", count);
	return ret;
}

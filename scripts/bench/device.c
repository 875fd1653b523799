/* device: for scripts/bench/device, which says what is measured. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "device.h"
#include "ensemble.h"
#include "io.h"
#include "rng.h"
#include "rollout.h"

enum { BRANCHES = 4096, MILLION = 1000000, KNOTS = 4, STEPS = 5000 };
#define TOL .1 /* lc-proxy's */

struct world {
	struct lc_basis basis;
	struct lc_posterior post;
	struct lc_modes start;
	struct lc_rollout_branch *br;
	double (*at)[KNOTS], (*eta)[KNOTS], out[LC_POINTS], *mean, *sd;
	int n;
};

static double busy(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void posterior(struct lc_posterior *p, struct lc_rng *r)
{
	for (int v = 0; v < LC_VARIANTS; v++) {
		p->weight[v] = 1. / LC_VARIANTS;
		for (int i = 0; i < LC_FEATS; i++) {
			p->mean[v][i] = lc_rng_normal(r);
			for (int k = 0; k <= i; k++)
				p->factor[v][i][k] = .1 * lc_rng_normal(r);
		}
	}
	p->t_drift = 20000;
	p->drift_len = .3;
	p->drift_var = 1e-4;
	p->misfit = .05;
}

/* lr scales over a factor of 25; a third of the branches ends in a tail to 0. */
static struct world *new_world(int n)
{
	struct world *w = lc_xalloc(1, sizeof(*w));
	struct lc_rng r = {1, 0, 0};

	w->basis = (struct lc_basis){{1, .8, .6}, {.5, .6, .7, .85, 1}, 1 / 60000.};
	w->n = n;
	posterior(&w->post, &r);
	lc_modes_init(&w->start);
	lc_modes_advance(&w->basis, &w->start, 20000, .8, 1);
	w->br = lc_xalloc((size_t)n, sizeof(*w->br));
	w->at = lc_xalloc((size_t)n, sizeof(*w->at));
	w->eta = lc_xalloc((size_t)n, sizeof(*w->eta));
	w->mean = lc_xalloc((size_t)n * LC_POINTS, sizeof(double));
	w->sd = lc_xalloc((size_t)n * LC_POINTS, sizeof(double));
	return w;
}

static void points(struct world *w, int nout)
{
	struct lc_rng r = {2, 0, 0};

	for (int o = 0; o < nout; o++)
		w->out[o] = floor((double)STEPS * (o + 1) / nout);
	for (int i = 0; i < w->n; i++) {
		double lr = exp(log(25) * lc_rng_uniform(&r)) / 10, *at = w->at[i],
		       *eta = w->eta[i];
		double tail = 1000 + floor(4000 * lc_rng_uniform(&r));
		at[0] = 1;
		at[1] = STEPS - tail + 1;
		at[2] = STEPS + 1;
		eta[0] = eta[1] = lr;
		eta[2] = i % 3 == 1 ? 0 : lr;
		w->br[i] = (struct lc_rollout_branch){.start = &w->start,
						      .from = 20000,
						      .scale = 1,
						      .npoint = 3,
						      .nout = nout,
						      .at = at,
						      .eta = eta,
						      .out = w->out,
						      .mean = w->mean + (size_t)i * LC_POINTS,
						      .sd = w->sd + (size_t)i * LC_POINTS};
	}
}

static void free_world(struct world *w)
{
	free(w->br);
	free(w->at);
	free(w->eta);
	free(w->mean);
	free(w->sd);
	free(w);
}

static void on_processors(struct world *w, int nout, int rounds, struct lc_pool *pool)
{
	double best = INFINITY, least = INFINITY;

	points(w, nout);
	for (int k = 0; k < rounds; k++) {
		double was = busy(), began = lc_now();
		lc_rollout_cpu(&w->basis, &w->post, TOL, w->br, w->n, pool);
		best = fmin(best, lc_now() - began);
		least = fmin(least, busy() - was);
	}
	printf("roll-out, %d branches, %d outputs: %.1f ms on %d processors, busy %.1f ms\n", w->n,
	       nout, best * 1e3, lc_cpu_count(), least * 1e3);
}

static double apart(const double *a, const double *b, size_t n)
{
	double most = 0;

	for (size_t i = 0; i < n; i++)
		most = fmax(most, isfinite(a[i]) ? fabs(a[i] - b[i]) : INFINITY);
	return most;
}

/* The first call finds the device's clocks low and its memory new. -1 when it refuses. */
static int on_device(const struct lc_device *dev, struct world *w, int nout, int rounds)
{
	double best = INFINITY;
	struct lc_err err;

	points(w, nout);
	for (int k = 0; k < rounds; k++) {
		double began = lc_now();
		if (lc_rollout_device(dev, &w->basis, &w->post, TOL, w->br, w->n, &err) < 0) {
			printf("roll-out on the device: %s\n", err.text);
			return -1;
		}
		best = fmin(best, lc_now() - began);
	}
	printf("roll-out, %d branches, %d outputs: %.2f ms on the device, copies and all\n", w->n,
	       nout, best * 1e3);
	return 0;
}

static int compare_rollouts(const struct lc_device *dev, int n, int rounds, struct lc_pool *pool)
{
	static const int nouts[] = {1, 32, 64};
	struct world *w = new_world(n), *d = dev ? new_world(n) : NULL;
	int bad = 0;

	for (int k = n > BRANCHES ? 2 : 0; k < 3; k++) {
		double off;
		on_processors(w, nouts[k], rounds, pool);
		if (!d || on_device(dev, d, nouts[k], rounds) < 0)
			continue;
		off = fmax(apart(d->mean, w->mean, (size_t)n * LC_POINTS),
			   apart(d->sd, w->sd, (size_t)n * LC_POINTS));
		printf("  they differ by %.2g at most\n", off);
		bad |= !(off <= 1e-5);
	}
	free_world(w);
	if (d)
		free_world(d);
	return bad;
}

/* The networks on one thread, with own products and a BLAS's, and on the device. */
static int compare_networks(const struct lc_device *dev)
{
	size_t n = (size_t)BRANCHES * LC_POINTS;
	struct lc_resid *r = lc_xalloc(1, sizeof(*r));
	float *x = lc_xalloc(n * LC_RESID_IN, sizeof(*x)), *z[3], *w = r->shift;
	double best[3] = {INFINITY, INFINITY, INFINITY}, off = 0;
	struct lc_rng rng = {3, 0, 0};
	lc_sgemm_fn *blas = lc_blas_open(NULL);
	struct lc_err err;

	for (size_t i = 0; i < (sizeof(*r) - offsetof(struct lc_resid, shift)) / sizeof(*w); i++)
		w[i] = (float)(.3 * lc_rng_normal(&rng));
	for (size_t i = 0; i < n * LC_RESID_IN; i++)
		x[i] = (float)lc_rng_normal(&rng);
	for (int k = 0; k < 3; k++)
		z[k] = lc_xalloc(n, sizeof(float));
	for (int k = 0; k < 15; k++) {
		double was = busy(), began = lc_now();
		int way = k % 3;
		if (way < 2)
			lc_ensemble_cpu(r, x, n, z[way], way ? blas : NULL);
		else if (!dev)
			continue;
		else if (dev->ensemble(r, x, n, z[2], &err) < 0 && k == 2)
			printf("networks on the device: %s\n", err.text), dev = NULL;
		best[way] = fmin(best[way], way < 2 ? busy() - was : lc_now() - began);
	}
	printf("networks, %zu points: %.1f ms busy by own products, %.1f by %s\n", n, best[0] * 1e3,
	       best[1] * 1e3, lc_blas_name());
	if (dev) {
		for (size_t i = 0; i < n; i++)
			off = fmax(off, fabs((double)z[2][i] - (double)z[0][i]));
		printf("networks, %zu points: %.2f ms on the device; they differ by %.2g at most\n",
		       n, best[2] * 1e3, off);
	}
	for (int k = 0; k < 3; k++)
		free(z[k]);
	free(x);
	free(r);
	return !(off <= 1e-5);
}

int main(void)
{
	struct lc_pool *pool = lc_pool_open(lc_cpu_count());
	struct lc_device dev;
	struct lc_err err = {LC_OK, ""};
	int has, bad;

	setenv("LC_DEVICE", "cuda", 0);
	has = lc_device_open(1, &dev, &err) == 1;
	printf("device: %s\n", has ? dev.name : err.code ? err.text : "none wanted");
	bad = compare_networks(has ? &dev : NULL);
	bad |= compare_rollouts(has ? &dev : NULL, BRANCHES, 7, pool);
	if (has)
		bad |= compare_rollouts(&dev, MILLION, 2, pool);
	lc_pool_close(pool);
	return bad;
}

/*
 * rollout: the lanes against the definition (tests/unit/law.c holds that against long double).
 *
 * Tolerance: the lanes project changes in single precision. With coefficients of at most 2 and 26
 * of them that is some 1e-6 of the loss; 2e-6 is allowed. Between processors no bit may differ.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#ifdef CUDA_HOST
#include "cuda_host.h"
#endif
#include "device.h"
#include "rng.h"
#include "rollout_impl.h"

enum { MOST = 75, OUT = 9, KNOTS = 12 };

struct set {
	struct lc_basis basis;
	struct lc_posterior post;
	struct lc_modes start[2];
	struct lc_rollout_branch br[MOST];
	double at[MOST][KNOTS], eta[MOST][KNOTS], out[MOST][OUT], mean[MOST][OUT], sd[MOST][OUT];
	double ref[LC_VARIANTS * LC_FEATS], x[MOST][LC_VARIANTS * LC_FEATS];
};

static void posterior(struct lc_posterior *p, struct lc_rng *r)
{
	double sum = 0;

	for (int v = 0; v < LC_VARIANTS; v++) {
		sum += p->weight[v] = v % 4 == 3 ? 0 : lc_rng_uniform(r);
		for (int i = 0; i < LC_FEATS; i++) {
			p->mean[v][i] = lc_rng_normal(r);
			for (int k = 0; k <= i; k++)
				p->factor[v][i][k] = .1 * lc_rng_normal(r);
		}
	}
	for (int v = 0; v < LC_VARIANTS; v++)
		p->weight[v] /= sum;
	p->t_drift = 900;
	p->drift_len = .3;
	p->drift_var = 1e-4;
	p->misfit = .05;
}

/* Branches of all sorts: constant, tails to 0, zigzags, late starts, few and many outputs. */
static void branch(struct set *s, int i, struct lc_rng *r)
{
	double t = 1, u = 0;
	int n = i % 5 == 0 ? 1 : 2 + i % (KNOTS - 1);

	for (int k = 0; k < n; k++) {
		s->at[i][k] = t;
		s->eta[i][k] = i % 7 == 1 && k == n - 1 ? 0 : 2 * lc_rng_uniform(r);
		if (i % 3 == 0 && k)
			s->eta[i][k] = s->eta[i][k - 1];
		t += 1 + floor(200 * lc_rng_uniform(r));
	}
	for (int o = 0; o < OUT; o++)
		s->out[i][o] = u += 1 + floor(150 * lc_rng_uniform(r));
	s->br[i] = (struct lc_rollout_branch){.start = &s->start[i % 2],
					      .from = i % 2 ? 900 : 1500,
					      .scale = i % 4 ? 1 : .25,
					      .npoint = i % 11 == 10 ? 0 : n,
					      .nout = 1 + i % OUT,
					      .at = s->at[i],
					      .eta = s->eta[i],
					      .out = s->out[i],
					      .mean = s->mean[i],
					      .sd = s->sd[i],
					      .x = i % 2 ? s->x[i] : NULL,
					      .ref = i % 3 == 2 ? s->ref : NULL};
}

static struct set *new_set(void)
{
	struct set *s = calloc(1, sizeof(*s));
	struct lc_rng r = {3, 1, 0};

	s->basis = (struct lc_basis){{1, .8, .6}, {.5, .6, .7, .85, 1}, 1 / 6000.};
	posterior(&s->post, &r);
	for (int i = 0; i < 2; i++) {
		lc_modes_init(&s->start[i]);
		lc_modes_advance(&s->basis, &s->start[i], 900 + 600 * (1 - i), .8, 1);
	}
	for (int i = 0; i < MOST; i++)
		branch(s, i, &r);
	s->br[1].ref = NULL;
	s->br[1].x = s->ref;
	lc_rollout_plain(&s->basis, &s->post, .05, &s->br[1]);
	s->br[1].x = s->x[1];
	return s;
}

static void near(const struct set *a, const struct set *b, int i, double tol)
{
	const struct lc_rollout_branch *x = &a->br[i], *y = &b->br[i];

	for (int o = 0; o < x->nout; o++) {
		cr_assert_float_eq(x->mean[o], y->mean[o], tol,
				   "branch %d output %d: %.9g, not %.9g", i, o, x->mean[o],
				   y->mean[o]);
		cr_assert_float_eq(x->sd[o], y->sd[o], tol,
				   "branch %d output %d: sd %.9g, not %.9g", i, o, x->sd[o],
				   y->sd[o]);
	}
	if (x->ref) {
		cr_assert_float_eq(x->ref_mean, y->ref_mean, tol);
		cr_assert_float_eq(x->ref_sd, y->ref_sd, tol);
	}
	for (int k = 0; k < LC_VARIANTS * LC_FEATS && x->x; k++)
		cr_assert_float_eq(x->x[k], y->x[k], 1e-11, "branch %d feature %d", i, k);
}

Test(rollout, lanes_are_near_the_definition)
{
	const double tol[] = {0, .05};

	for (int k = 0; k < 2; k++) {
		struct set *want = new_set(), *got = new_set();
		for (int i = 0; i < MOST; i++)
			lc_rollout_plain(&want->basis, &want->post, tol[k], &want->br[i]);
		lc_rollout_cpu(&got->basis, &got->post, tol[k], got->br, MOST, NULL);
		for (int i = 0; i < MOST; i++)
			near(got, want, i, 2e-6);
		free(want);
		free(got);
	}
}

static void same_bits(const struct set *a, const struct set *b, int n)
{
	for (int i = 0; i < n; i++) {
		size_t len = (size_t)a->br[i].nout * sizeof(double);
		cr_assert(memcmp(a->mean[i], b->mean[i], len) == 0, "branch %d: mean", i);
		cr_assert(memcmp(a->sd[i], b->sd[i], len) == 0, "branch %d: sd", i);
		cr_assert(a->br[i].ref_mean == b->br[i].ref_mean &&
			  a->br[i].ref_sd == b->br[i].ref_sd);
	}
	cr_assert(memcmp(a->x, b->x, (size_t)n * sizeof(a->x[0])) == 0);
}

Test(rollout, every_processor_gives_the_same_bits)
{
	struct set *want = new_set();

	lc_rollout_at(0, &want->basis, &want->post, .05, want->br, MOST, NULL);
	for (int level = 1; level < 3; level++) {
		struct set *got = new_set();
		if (!lc_rollout_level(level)) {
			cr_log_warn("level %d: this processor has it not", level);
			free(got);
			continue;
		}
		lc_rollout_at(level, &got->basis, &got->post, .05, got->br, MOST, NULL);
		same_bits(want, got, MOST);
		free(got);
	}
	free(want);
}

Test(rollout, company_and_threads_change_no_bit)
{
	static const int sizes[] = {1, 2, 15, 16, 17, 33, MOST};
	struct lc_pool *pool = lc_pool_open(4);
	struct set *want = new_set();

	for (int i = 0; i < MOST; i++)
		lc_rollout_cpu(&want->basis, &want->post, .05, &want->br[i], 1, NULL);
	for (size_t k = 0; k < sizeof(sizes) / sizeof(*sizes); k++) {
		struct set *got = new_set();
		lc_rollout_cpu(&got->basis, &got->post, .05, got->br, sizes[k],
			       k % 2 ? pool : NULL);
		same_bits(want, got, sizes[k]);
		free(got);
	}
	lc_pool_close(pool);
	free(want);
}

/* A branch that is the reference differs from it by nothing, and surely so. */
Test(rollout, a_branch_less_itself_is_zero)
{
	struct set *s = new_set();
	struct lc_rollout_branch *b = &s->br[1];

	lc_rollout_cpu(&s->basis, &s->post, .05, b, 1, NULL);
	b->ref = b->x;
	b->x = NULL;
	lc_rollout_cpu(&s->basis, &s->post, .05, s->br, MOST, NULL);
	cr_assert_eq(b->ref_mean, 0);
	cr_assert_eq(b->ref_sd, 0);
	free(s);
}

/* A huge lr, an lr of 0, a million updates in one piece, no branch at all. */
Test(rollout, extremes_stay_finite)
{
	struct set *s = new_set();
	struct lc_rollout_branch *b = &s->br[2];
	const double etas[] = {0, 1e-300, 1e12, 1e300, INFINITY, NAN};

	lc_rollout_cpu(&s->basis, &s->post, .05, s->br, 0, NULL);
	b->nout = OUT;
	s->out[2][OUT - 1] = 1e6;
	for (size_t i = 0; i < sizeof(etas) / sizeof(*etas); i++) {
		s->eta[2][0] = s->eta[2][1] = etas[i];
		lc_rollout_cpu(&s->basis, &s->post, .05, s->br, 3, NULL);
		for (int o = 0; o < OUT; o++)
			cr_assert(isfinite(b->mean[o]) && isfinite(b->sd[o]), "lr %g: %g, sd %g",
				  etas[i], b->mean[o], b->sd[o]);
		for (int o = 0; o < s->br[1].nout; o++)
			cr_assert(isfinite(s->mean[1][o]), "its neighbour");
	}
	free(s);
}

/* What device.cu says when the kernels are compiled for the host (tests/cuda). */
static int open_host(struct lc_device *dev, struct lc_err *err)
{
#ifdef CUDA_HOST
	int lc_cuda_device(struct lc_device *, struct lc_err *);

	memset(&cuda_host, 0, sizeof(cuda_host));
	return lc_cuda_device(dev, err) == 0;
#else
	(void)dev, (void)err;
	cr_skip_test("the kernels are not compiled for the host: no C++ compiler");
#endif
}

static void of_definition(struct set *want, int n)
{
	for (int i = 0; i < n; i++)
		lc_rollout_plain(&want->basis, &want->post, .05, &want->br[i]);
}

Test(rollout, kernel_on_the_host_is_near_the_definition)
{
	struct set *want = new_set(), *got = new_set(), *back = new_set();
	struct lc_device dev;
	struct lc_err err;

	open_host(&dev, &err);
	of_definition(want, MOST);
	cr_assert_eq(lc_rollout_device(&dev, &got->basis, &got->post, .05, got->br, MOST, &err), 0);
	for (int i = 0; i < MOST; i++)
		near(got, want, i, 1e-5);
#ifdef CUDA_HOST
	cr_assert_eq(cuda_host.live, 0);
	cuda_host.backwards = 1; /* the order of a block's threads is of no account */
#endif
	lc_rollout_device(&dev, &back->basis, &back->post, .05, back->br, MOST, &err);
	same_bits(got, back, MOST);
	free(want);
	free(got);
	free(back);
}

#ifdef CUDA_HOST
Test(rollout, a_device_that_fails_says_so_and_keeps_nothing)
{
	struct set *s = new_set();
	struct lc_device dev;
	struct lc_err err;

	open_host(&dev, &err);
	for (int fail = 1;; fail++) {
		cuda_host.calls = 0;
		cuda_host.fail = fail;
		err.code = LC_OK;
		if (lc_rollout_device(&dev, &s->basis, &s->post, .05, s->br, 2, &err) == 0) {
			cr_assert(fail > 10 && cuda_host.calls < fail, "call %d", fail);
			break;
		}
		cr_assert_eq(err.code, LC_SYS);
		cr_assert_eq(cuda_host.live, 0, "call %d", fail);
	}
	free(s);
}
#endif

Test(rollout, device_is_near_the_definition)
{
	struct set *want = new_set(), *got = new_set();
	struct lc_device dev;
	struct lc_err err;

	if (lc_device_open(1, &dev, &err) != 1) {
		free(want);
		free(got);
		cr_skip_test("no device, or no liblc-cuda.so");
	}
	of_definition(want, MOST);
	cr_assert_eq(lc_rollout_device(&dev, &got->basis, &got->post, .05, got->br, MOST, &err), 0,
		     "%s", err.text);
	for (int i = 0; i < MOST; i++)
		near(got, want, i, 1e-5);
	free(want);
	free(got);
}

/*
 * ensemble: the networks' answers by our own products, by a BLAS, and by cuBLAS, against the
 * formula in double (resid.h).
 *
 * Tolerance: 1e-5, of answers of the size of 1. Sums of 16 and 160 products in single precision
 * err by some 1e-6; tanh by 2e-7.
 */
#include "ensemble.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#ifdef CUDA_HOST
#include "cuda_host.h"
#endif
#include "device.h"
#include "forecast.h"
#include "io.h"
#include "rng.h"

enum { N = 333, IN = LC_RESID_IN, M = LC_RESID_MEMBERS, H = LC_RESID_HIDDEN };

struct set {
	struct lc_resid r;
	float x[N][IN], z[N];
	double want[N];
};

/* As many far from 0 as near it; some points are wild, so that tanh ends and z is cut off. */
static double formula(const struct lc_resid *r, const float *x)
{
	double sum = 0, in[IN];

	for (int i = 0; i < IN; i++)
		in[i] = ((double)x[i] - (double)r->shift[i]) * (double)r->scale[i];
	for (int m = 0; m < M; m++) {
		double h[H], z = (double)r->b3[m];
		for (int k = 0; k < H; k++) {
			h[k] = (double)r->b1[m][k];
			for (int i = 0; i < IN; i++)
				h[k] += in[i] * (double)r->w1[i][m][k];
			h[k] = tanh(h[k]);
		}
		for (int k = 0; k < H; k++) {
			double u = (double)r->b2[m][k];
			for (int i = 0; i < H; i++)
				u += h[i] * (double)r->w2[m][i][k];
			z += (double)r->w3[m][k] * (h[k] + tanh(u));
		}
		sum += z / M;
	}
	return fmax(-2, fmin(2, sum));
}

static struct set *new_set(void)
{
	struct set *s = lc_xalloc(1, sizeof(*s));
	struct lc_rng rng = {5, 0, 0};
	float *w = &s->r.shift[0];

	for (size_t i = 0; i < (sizeof(s->r) - offsetof(struct lc_resid, shift)) / 4; i++)
		w[i] = (float)(.3 * lc_rng_normal(&rng));
	for (int n = 0; n < N; n++) {
		for (int i = 0; i < IN; i++)
			s->x[n][i] = (float)((n % 50 == 49 ? 100 : 1) * lc_rng_normal(&rng));
		s->want[n] = formula(&s->r, s->x[n]);
	}
	return s;
}

static void near(const struct set *s, int n)
{
	for (int i = 0; i < n; i++)
		cr_assert_float_eq((double)s->z[i], s->want[i], 1e-5, "point %d of %d: %g, not %g",
				   i, n, (double)s->z[i], s->want[i]);
}

Test(ensemble, own_products)
{
	static const int sizes[] = {0, 1, 2, 63, 64, 65, N};
	struct set *s = new_set();

	for (size_t k = 0; k < sizeof(sizes) / sizeof(*sizes); k++) {
		lc_ensemble_cpu(&s->r, s->x[0], (size_t)sizes[k], s->z, NULL);
		near(s, sizes[k]);
	}
	free(s);
}

Test(ensemble, company_changes_no_bit)
{
	struct set *s = new_set();
	float z;

	lc_ensemble_cpu(&s->r, s->x[0], N, s->z, NULL);
	for (int i = 0; i < N; i++) {
		lc_ensemble_cpu(&s->r, s->x[i], 1, &z, NULL);
		cr_assert_eq(memcmp(&z, &s->z[i], sizeof(z)), 0, "point %d", i);
	}
	free(s);
}

Test(ensemble, products_of_a_blas)
{
	struct set *s = new_set();
	struct lc_err err;
	lc_sgemm_fn *blas = lc_blas_open(&err);

	if (!blas) {
		free(s);
		cr_skip_test("no BLAS");
	}
	lc_ensemble_cpu(&s->r, s->x[0], N, s->z, blas);
	near(s, N);
	free(s);
}

Test(ensemble, what_is_no_number_stays_within_bounds)
{
	struct set *s = new_set();

	s->x[1][3] = NAN;
	s->x[2][0] = INFINITY;
	lc_ensemble_cpu(&s->r, s->x[0], 4, s->z, NULL);
	for (int i = 0; i < 4; i++)
		cr_assert(fabsf(s->z[i]) <= 2, "point %d: %g", i, (double)s->z[i]);
	free(s);
}

#ifdef CUDA_HOST
Test(ensemble, kernel_on_the_host)
{
	static const int sizes[] = {1, 3, 100, N};
	struct set *s = new_set();
	struct lc_err err;

	for (size_t k = 0; k < sizeof(sizes) / sizeof(*sizes); k++) {
		cuda_host.backwards = k % 2;
		cr_assert_eq(lc_ensemble_cuda(&s->r, s->x[0], (size_t)sizes[k], s->z, &err), 0);
		near(s, sizes[k]);
		cr_assert_eq(cuda_host.live, 0);
	}
	free(s);
}

Test(ensemble, a_device_that_fails_says_so_and_keeps_nothing)
{
	struct set *s = new_set();
	struct lc_err err;
	int fail = 0, ret;

	cuda_host.no_cublas = 1;
	cr_assert_eq(lc_ensemble_cuda(&s->r, s->x[0], 3, s->z, &err), -1);
	cr_assert_str_eq(err.text, "cuda: there is no cuBLAS: not here");
	cuda_host.no_cublas = 0;
	do {
		cuda_host.calls = 0;
		cuda_host.fail = ++fail;
		err.code = LC_OK;
		ret = lc_ensemble_cuda(&s->r, s->x[0], 3, s->z, &err);
		cr_assert(ret == 0 || err.code == LC_SYS, "call %d", fail);
		cr_assert_eq(cuda_host.live, 0, "call %d", fail);
	} while (ret < 0);
	cr_assert_gt(fail, 12);
	near(s, 3);
	free(s);
}
#else
Test(ensemble, kernel_on_the_host)
{
	cr_skip_test("the kernels are not compiled for the host: no C++ compiler");
}
#endif

/* A device that rolls nothing out, and may or may not know the networks. */
static int refuses, asked;
static size_t rows;

static int roll_nothing(const struct lc_rollout_plan *plan, struct lc_rollout_branch *branch, int n,
			struct lc_err *err)
{
	(void)plan, (void)branch, (void)n;
	return lc_fail(err, LC_SYS, "no roll-outs today");
}

static int ask_networks(const struct lc_resid *r, const float *x, size_t n, float *z,
			struct lc_err *err)
{
	asked++;
	rows = n;
	if (refuses)
		return lc_fail(err, LC_SYS, "no networks today");
	lc_ensemble_cpu(r, x, n, z, NULL);
	return 0;
}

/* A law whose mixture is all networks, of a run that is short and plain. */
static void law_of(struct lc_law *law, const struct lc_resid *r)
{
	struct lc_past past;
	struct lc_err err;

	lc_past_init(&past);
	for (int t = 50; t <= 4000; t += 50) {
		struct lc_step st = {.step = t, .has = 1u << LC_LR | 1u << LC_VAL_LOSS};
		st.v[LC_LR] = 1e-3;
		st.v[LC_VAL_LOSS] = 2 + 3 * exp(-t / 700.) + .001 * (t / 50 % 2);
		lc_past_add(&past, &st);
	}
	cr_assert_eq(lc_law_fit(law, &past, 0, &err), 0, "%s", err.text);
	law->mix.from = LC_MIX_MODEL;
	memset(&law->mix.w, 0, sizeof(law->mix.w));
	law->mix.w.groups = 9;
	law->mix.w.stack.experts = LC_MIXED;
	for (int b = 0; b < LC_STACK_BUCKETS; b++)
		law->mix.w.stack.weight[b][LC_MIX_RESID] = 1;
	law->mix.resid = *r;
	law->mix.resid.gate = 1;
	lc_past_release(&past);
}

enum { BRANCHES = 7 };

static void forecast(const struct lc_law *law, const struct lc_device *dev, struct lc_forecast *f,
		     const char *refused)
{
	struct lc_forecaster *fc = lc_forecaster_open(law, NULL, 9);
	struct lc_pool *pool = lc_pool_open(2);
	struct lc_err err;

	lc_forecaster_device(fc, dev);
	for (int i = 0; i < BRANCHES; i++) {
		json_t *j = json_pack("{s:s,s:{s:i},s:i,s:{s:f,s:f}}", "branch", "b", "from",
				      "step", 4000, "horizon", 500 + 300 * i, "actions", "lr_scale",
				      .3 * (i + 1), "batch_scale", i == 3 ? 2. : 1.);
		cr_assert_eq(lc_forecast_ask(fc, j, &f[i], &err), 0, "%s", err.text);
		json_decref(j);
	}
	lc_forecast_run(fc, f, BRANCHES, pool);
	if (refused)
		cr_assert_str_eq(lc_forecaster_refused(fc), refused);
	else
		cr_assert_null(lc_forecaster_refused(fc));
	lc_pool_close(pool);
	lc_forecaster_close(fc);
}

/* The device is asked once for all branches (but for the one whose noise is driven otherwise). */
Test(ensemble, forecasts_are_the_same_by_a_device)
{
	struct set *s = new_set();
	struct lc_device dev = {.rollout = roll_nothing, .ensemble = ask_networks};
	struct lc_forecast want[BRANCHES], got[BRANCHES];
	struct lc_law law;

	law_of(&law, &s->r);
	forecast(&law, NULL, want, NULL);
	for (refuses = 0; refuses < 2; refuses++) {
		asked = 0;
		forecast(&law, &dev, got, refuses ? "no networks today" : "no roll-outs today");
		cr_assert_eq(asked, 1);
		cr_assert_eq(rows, (BRANCHES - 1) * 9);
		for (int i = 0; i < BRANCHES; i++) {
			cr_assert_arr_eq(got[i].mean, want[i].mean, 9 * sizeof(double));
			cr_assert_arr_eq(got[i].sd, want[i].sd, 9 * sizeof(double));
			cr_assert_eq(got[i].delta, want[i].delta);
		}
	}
	lc_law_release(&law);
	free(s);
}

Test(ensemble, device)
{
	struct set *s = new_set();
	struct lc_device dev;
	struct lc_err err;

	if (lc_device_open(1, &dev, &err) != 1) {
		free(s);
		cr_skip_test("no device, or no liblc-cuda.so");
	}
	cr_assert_eq(dev.ensemble(&s->r, s->x[0], N, s->z, &err), 0, "%s", err.text);
	near(s, N);
	free(s);
}

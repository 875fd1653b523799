/* planes: the device's part of the codec, and what the codec does with a device that lies or lags.
 */
#include "planes.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef CUDA_HOST
#include "cuda_host.h"
#endif
#include "device.h"
#include "io.h"
#include "rng.h"

enum { SIZES = 8 };
#define N 30011 /* odd, and no multiple of anything */

struct data {
	uint32_t x[N], src[LC_SOURCES][N];
	unsigned char side[N + 512];
	const void *at[LC_SOURCES];
};

/* Numbers as of a trained state, with some of every odd kind among them. */
static struct data *make(uint64_t seed)
{
	static const uint32_t odd[] = {0,	   0x80000000, 0x7f800000, 0xff800000, 0x7fc00001,
				       0xffc12345, 1,	       0x807fffff, 0x7f7fffff, 0x00800000};
	struct data *d = lc_xalloc(1, sizeof(*d));
	struct lc_rng rng = {seed, 0, 0};

	for (int s = 0; s <= LC_SOURCES; s++)
		for (int i = 0; i < N; i++) {
			float f = (float)(.02 * lc_rng_normal(&rng));
			uint32_t *to = s < LC_SOURCES ? &d->src[s][i] : &d->x[i];
			memcpy(to, &f, 4);
			if (i % 97 == s)
				*to = odd[(i / 97) % 10];
		}
	for (size_t i = 0; i < sizeof(d->side); i++)
		d->side[i] = (unsigned char)(i * 37);
	for (int s = 0; s < LC_SOURCES; s++)
		d->at[s] = d->src[s];
	return d;
}

struct result {
	unsigned char plane[4][N + 64], ctx[N + 64];
	uint32_t any;
};

static int run(lc_planes_fn fn, const struct data *d, const struct lc_model *m, size_t n,
	       struct result *to)
{
	struct lc_err err = {LC_OK, ""};
	struct lc_run_planes r = {.m = m,
				  .bits = lc_dtype_bits(m->type),
				  .mantissa = lc_dtype_mantissa(m->type),
				  .sources = (unsigned)lc_pred_sources(m->pred),
				  .source_bytes = lc_source_bytes(m),
				  .x = d->x,
				  .src = d->at,
				  .n = n,
				  .side = d->side,
				  .ctx = m->contexts ? to->ctx : NULL,
				  .any = &to->any};
	int ret;

	for (int b = 0; b < 4; b++)
		r.plane[b] = to->plane[b];
	ret = fn(&r, &err);
	cr_assert_eq(ret, 0, "%s", err.text);
	return ret;
}

/* Model number i of all the kinds there are; 0 past the last. */
static int model(int i, struct lc_model *m)
{
	static const uint8_t type[] = {LC_F32, LC_BF16, LC_F16, LC_I32, LC_I16};
	int pred = i % LC_PREDS, map = i / LC_PREDS % LC_MAPS, kind = i / LC_PREDS / LC_MAPS;

	*m = (struct lc_model){.type = type[kind % 5],
			       .pred = (uint8_t)pred,
			       .map = (uint8_t)map,
			       .turn = (uint8_t)(i % 8),
			       .rank1 = lc_dtype_mantissa(type[kind % 5]) > 0 && i % 3 == 0,
			       .contexts = lc_dtype_mantissa(type[kind % 5]) > 0 && i % 2 == 0,
			       .base = 100,
			       .k = {.9f, .1f, 1e-8f, .05f},
			       .bias = 12345,
			       .cols = 257,
			       .phase = 13,
			       .low = 77};
	if (pred == LC_PRED_NARROW ? m->type != LC_BF16 && m->type != LC_F16
				   : pred > LC_PRED_SUB && m->type != LC_F32)
		m->pred = LC_PRED_SUB;
	return kind < 5;
}

/* Every `each`-th of all models, for some numbers of elements: fn gives what the processor does. */
static void compare(lc_planes_fn fn, int each, int sizes)
{
	struct data *d = make(1);
	struct result *want = lc_xalloc(1, sizeof(*want)), *got = lc_xalloc(1, sizeof(*got));
	static const size_t size[SIZES] = {1, 3, 4, 127, 128, 129, 1100, N};
	struct lc_model m;

	for (int i = 0; model(i, &m); i += each)
		for (int s = 0; s < sizes; s++) {
			size_t n = size[s];
			run(lc_planes_cpu, d, &m, n, want);
			run(fn, d, &m, n, got);
			cr_assert_eq(want->any, got->any, "model %d, %zu elements", i, n);
			for (unsigned b = 0; b < lc_dtype_bits(m.type) / 8; b++)
				cr_assert_arr_eq(want->plane[b], got->plane[b], n,
						 "model %d, %zu elements, plane %u", i, n, b);
			if (m.contexts)
				cr_assert_arr_eq(want->ctx, got->ctx, n, "model %d contexts", i);
		}
	free(d), free(want), free(got);
}

Test(planes, device_gives_the_same_bytes)
{
	struct lc_device dev;
	struct lc_err err;

	if (lc_device_open(1, &dev, &err) != 1)
		cr_skip_test("no device, or no liblc-cuda.so");
	compare(dev.planes, 1, SIZES);
}

/* The kernel, compiled for the host (tests/cuda). */
Test(planes, kernel_on_the_host_gives_the_same_bytes)
{
#ifdef CUDA_HOST
	compare(lc_planes_cuda, 1, 5);
	compare(lc_planes_cuda, 7, SIZES - 1);
	cuda_host.backwards = 1;
	compare(lc_planes_cuda, 37, SIZES);
#else
	cr_skip_test("the kernels are not compiled for the host: no C++ compiler");
#endif
}

#ifdef CUDA_HOST
Test(planes, a_device_that_fails_says_so_and_keeps_nothing)
{
	struct data *d = make(1);
	unsigned char b[4][64 + 64];
	uint32_t any;
	struct lc_model m = {.type = LC_F32, .pred = LC_PRED_STEP, .map = LC_MAP_ZIGZAG};
	struct lc_run_planes r = {.m = &m,
				  .bits = 32,
				  .mantissa = 23,
				  .sources = 3,
				  .source_bytes = 4,
				  .x = d->x,
				  .src = d->at,
				  .n = 64,
				  .plane = {b[0], b[1], b[2], b[3]},
				  .any = &any};
	struct lc_err err;
	int fail = 0, ret;

	do {
		cuda_host.calls = 0;
		cuda_host.fail = ++fail;
		err.code = LC_OK;
		ret = lc_planes_cuda(&r, &err);
		cr_assert(ret == 0 || err.code == LC_SYS);
		cr_assert(ret == 0 || cuda_host.calls > 14 || cuda_host.live == 0, "call %d", fail);
	} while (ret < 0);
	cr_assert_gt(fail, 10);
	free(d);
}
#endif

static int calls, fail_at;

static int counted(const struct lc_run_planes *r, struct lc_err *err)
{
	calls++;
	return calls == fail_at ? lc_fail(err, LC_SYS, "gone") : lc_planes_cpu(r, err);
}

static int slow(const struct lc_run_planes *r, struct lc_err *err)
{
	struct timespec t = {0, 3000000};

	nanosleep(&t, NULL);
	return counted(r, err);
}

static int wrong(const struct lc_run_planes *r, struct lc_err *err)
{
	int ret = counted(r, err);

	r->plane[0][r->n / 2] ^= 1;
	return ret;
}

/* Encode 40 runs with fn at work; every one must be what it is without. How often fn was asked. */
static int encode_all(lc_planes_fn fn)
{
	struct data *d = make(2);
	struct lc_work *plain = lc_work_new(), *with = lc_work_new();
	unsigned char *a = malloc(lc_run_bound(N)), *b = malloc(lc_run_bound(N));
	struct lc_model m = {.type = LC_F32,
			     .pred = LC_PRED_STEP,
			     .map = LC_MAP_ZIGZAG,
			     .k = {1, 1e-3f, 1e-8f, 0}};

	calls = 0;
	lc_work_use(with, fn);
	for (int i = 0; i < 40; i++) {
		m.bias = (uint32_t)i;
		size_t la = lc_run_encode(plain, &m, d->x, N, d->at, a);
		size_t lb = lc_run_encode(with, &m, d->x, N, d->at, b);
		cr_assert_eq(la, lb);
		cr_assert_arr_eq(a, b, la);
	}
	lc_work_free(plain);
	lc_work_free(with);
	free(a), free(b), free(d);
	return calls;
}

Test(planes, a_device_that_lags_is_left)
{
	fail_at = 0;
	cr_assert_eq(encode_all(slow), 8);
}

Test(planes, a_device_that_lies_is_left_at_once)
{
	fail_at = 0;
	cr_assert_eq(encode_all(wrong), 1);
}

static int wrong_later(const struct lc_run_planes *r, struct lc_err *err)
{
	int ret = counted(r, err);

	if (r->m->pred == LC_PRED_SUB) /* a kind that the trial did not have */
		r->plane[0][r->n / 2] ^= 1;
	return ret;
}

Test(planes, a_device_that_lies_of_another_kind_is_left)
{
	struct data *d = make(3);
	struct lc_work *plain = lc_work_new(), *with = lc_work_new();
	unsigned char *a = malloc(lc_run_bound(N)), *b = malloc(lc_run_bound(N));
	struct lc_model m = {.type = LC_F32, .pred = LC_PRED_NONE, .map = LC_MAP_ROTATE, .turn = 1};

	calls = fail_at = 0;
	lc_work_use(with, wrong_later);
	for (int i = 0; i < 40; i++) {
		if (i == 20)
			m = (struct lc_model){
				.type = LC_F32, .pred = LC_PRED_SUB, .map = LC_MAP_ZIGZAG};
		size_t la = lc_run_encode(plain, &m, d->x, N, d->at, a);
		size_t lb = lc_run_encode(with, &m, d->x, N, d->at, b);
		cr_assert_eq(la, lb);
		cr_assert_arr_eq(a, b, la);
	}
	cr_assert_leq(calls, 21);
	lc_work_free(plain);
	lc_work_free(with);
	free(a), free(b), free(d);
}

Test(planes, a_device_that_fails_is_left_at_once)
{
	fail_at = 3;
	cr_assert_eq(encode_all(counted), 3);
}

Test(planes, no_device_where_none_is_wanted)
{
	struct lc_device dev;
	struct lc_err err;

	setenv("LC_DEVICE", "cpu", 1);
	cr_assert_eq(lc_device_open(1, &dev, &err), 0);
	setenv("LC_DEVICE", "abacus", 1);
	cr_assert_eq(lc_device_open(1, &dev, &err), -1);
	cr_assert_eq(err.code, LC_USAGE);
	unsetenv("LC_DEVICE");
	cr_assert_eq(lc_device_open(0, &dev, &err), 0);
}

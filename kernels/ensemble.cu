/*
 * ensemble: see ensemble.h.
 *
 * Idea: the points as rows of one matrix; the first layer of all members is one product, the second
 * a batch of five, both cuBLAS's, in single precision (its pedantic mode: no TF32). Three kernels
 * between them: inputs are standardised, an element a thread; the first tanh, an element a thread;
 * the second with what is read out of it, a point a thread.
 *
 * Layout: x, in (n,10); h, u (n,80), row-major, which cuBLAS takes for the columns of (80,n).
 *
 * Must move, a point: 80 bytes of x and in, and of h and u 4 x 80 written and 5 x 80 read of 4
 * each: 2.3 KB, 0.6 GB for 64 outputs of 4096 branches, 0.2 ms at 3 TB/s; 4.3 K operations, 1.1 G,
 * and 42 M tanh. One kernel that kept a point in registers would move 44 bytes instead; it is asked
 * for so seldom (a model whose gate is open) that the library's products will do.
 *
 * libcublas.so is opened when the networks are first asked: the plug-in works without it, and then
 * says that there is none.
 */
#include <cuda_runtime.h>
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>

extern "C" {
#include "ensemble.h"
}
#include "cuda_room.h"

#define THREADS 256
#define IN LC_RESID_IN
#define M LC_RESID_MEMBERS
#define H LC_RESID_HIDDEN
#define MH (M * H)
#define ROWS ((size_t)1 << 18) /* at once: 84 MB each of h and u */

struct ask { /* all pointers to the device */
	const struct lc_resid *r;
	const float *x;
	float *in, *h, *u, *z;
	size_t n;
};

__device__ static size_t thread_index(void)
{
	return (size_t)blockIdx.x * THREADS + threadIdx.x;
}

__global__ static void standardise(const struct ask a)
{
	size_t i = thread_index();

	if (i < a.n * IN)
		a.in[i] = (a.x[i] - a.r->shift[i % IN]) * a.r->scale[i % IN];
}

__global__ static void activate(const struct ask a)
{
	size_t i = thread_index();

	if (i < a.n * MH)
		a.h[i] = tanhf(a.h[i] + (&a.r->b1[0][0])[i % MH]);
}

__global__ static void read_out(const struct ask a)
{
	size_t i = thread_index();
	const float *h = a.h + i * MH, *u = a.u + i * MH, *b2 = &a.r->b2[0][0],
		    *w3 = &a.r->w3[0][0];
	float z = 0;

	if (i >= a.n)
		return;
	for (int k = 0; k < MH; k++)
		z += w3[k] * (h[k] + tanhf(u[k] + b2[k]));
	for (int m = 0; m < M; m++)
		z += a.r->b3[m];
	a.z[i] = fmaxf(-LC_ENSEMBLE_MOST, fminf(LC_ENSEMBLE_MOST, z / M));
}

static void launch(struct room *r, void (*kernel)(const struct ask), struct ask *a, size_t threads)
{
	void *args[] = {a};

	if (r->e == cudaSuccess)
		r->e = cudaLaunchKernel(kernel, dim3((unsigned)((threads + THREADS - 1) / THREADS)),
					dim3(THREADS), args);
}

/* What is used of cuBLAS, by its names; its header need not be there. A status of 0 is well. */
enum { AS_IS = 0, PEDANTIC = 2 };
struct cublas {
	void *so, *handle;
	int (*create)(void **handle);
	int (*set_mode)(void *handle, int mode);
	int (*product)(void *handle, int ta, int tb, int m, int n, int k, const float *alpha,
		       const float *a, int lda, long long da, const float *b, int ldb, long long db,
		       const float *beta, float *c, int ldc, long long dc, int batch);
};
static thread_local struct cublas mine;

static int open_cublas(struct cublas *c, struct lc_err *err)
{
	static const char *const names[] = {"libcublas.so.13", "libcublas.so.12", "libcublas.so.11",
					    "libcublas.so"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names) && !c->so; i++)
		c->so = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
	if (!c->so)
		return lc_fail(err, LC_SYS, "cuda: there is no cuBLAS: %.300s", dlerror());
	*(void **)&c->create = dlsym(c->so, "cublasCreate_v2");
	*(void **)&c->set_mode = dlsym(c->so, "cublasSetMathMode");
	*(void **)&c->product = dlsym(c->so, "cublasSgemmStridedBatched");
	if (!c->create || !c->set_mode || !c->product)
		return lc_fail(err, LC_SYS, "cuda: cuBLAS is of another kind");
	if (!c->handle && c->create(&c->handle) != 0) {
		c->handle = NULL;
		return lc_fail(err, LC_SYS, "cuda: cuBLAS does not start");
	}
	c->set_mode(c->handle, PEDANTIC);
	return 0;
}

/* Both layers, on the default stream, after what was launched there. -1: cuBLAS refused. */
static int forward(const struct cublas *c, struct room *room, struct ask *a)
{
	const float one = 1, zero = 0;
	int n = (int)a->n, bad;

	launch(room, standardise, a, a->n * IN);
	if (room->e != cudaSuccess)
		return 0;
	bad = c->product(c->handle, AS_IS, AS_IS, MH, n, IN, &one, &a->r->w1[0][0][0], MH, 0, a->in,
			 IN, 0, &zero, a->h, MH, 0, 1);
	launch(room, activate, a, a->n * MH);
	if (!bad)
		bad = c->product(c->handle, AS_IS, AS_IS, H, n, H, &one, &a->r->w2[0][0][0], H,
				 H * H, a->h, MH, H, &zero, a->u, MH, H, M);
	launch(room, read_out, a, a->n);
	return bad ? -1 : 0;
}

static int some_rows(const struct cublas *c, const struct lc_resid *r, const float *x, size_t n,
		     float *z, struct lc_err *err)
{
	struct room room;
	struct ask a;
	int bad;

	a.n = n;
	a.r = (const struct lc_resid *)room.send(r, sizeof(*r));
	a.x = (const float *)room.send(x, n * IN * sizeof(*x));
	a.in = (float *)room.take(n * IN * sizeof(*x));
	a.h = (float *)room.take(n * MH * sizeof(*x));
	a.u = (float *)room.take(n * MH * sizeof(*x));
	a.z = (float *)room.take(n * sizeof(*x));
	bad = forward(c, &room, &a);
	if (room.e == cudaSuccess && !bad)
		room.e = cudaMemcpy(z, a.z, n * sizeof(*z), cudaMemcpyDeviceToHost);
	if (room.e != cudaSuccess)
		return lc_fail(err, LC_SYS, "cuda: %s", cudaGetErrorString(room.e));
	return bad ? lc_fail(err, LC_SYS, "cuda: cuBLAS refuses a product") : 0;
}

extern "C" int lc_ensemble_cuda(const struct lc_resid *r, const float *x, size_t n, float *z,
				struct lc_err *err)
{
	if (!mine.handle && open_cublas(&mine, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i += ROWS)
		if (some_rows(&mine, r, x + i * IN, n - i < ROWS ? n - i : ROWS, z + i, err) < 0)
			return -1;
	return 0;
}

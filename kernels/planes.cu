/*
 * planes: see planes.h.
 *
 * Idea: an element a thread, four in a row, so that a warp reads 512 bytes of each source and
 * writes 128 of each plane at once. No shared memory, nothing is read twice.
 *
 * Layout: x and the sources are (n) little-endian elements of 4 or 2 bytes; plane b is (n) bytes;
 * the terms of rank1 are a byte a row, then a byte a column; any is one word.
 *
 * Must move, for f32 with S sources: 4 (1 + S) bytes in and 4 (and 1 of contexts) out, with at most
 * 12 operations: at 3 TB/s some 10^11 elements a second. Over PCIe 5 (50 GB/s each way) it is 3
 * 10^9 for S = 3: what is there on the host sets the pace, and whether it pays is for the caller to
 * time.
 *
 * Every operation is rounded by itself: the intrinsics are never contracted; -ftz=false and the
 * precise root and division are the compiler's defaults, and said again in the Makefile.
 */
#include <cuda_runtime.h>
#include <stdint.h>
#include <string.h>

extern "C" {
#include "planes.h"
}

#define THREADS 256
#define EACH 4 /* elements a thread */

struct job { /* what the kernel needs, by value */
	const unsigned char *x, *src[LC_SOURCES], *side;
	unsigned char *plane[4], *ctx;
	uint32_t *any;
	uint64_t n, rows;
	struct lc_model m;
	uint32_t bits, mantissa;
};

__device__ static float at(const unsigned char *src, uint64_t i)
{
	return ((const float *)src)[i];
}

__device__ static uint32_t pattern(float f)
{
	return f == f ? __float_as_uint(f) : 0;
}

__device__ static uint32_t adam(const struct job &j, uint64_t i)
{
	const float *k = j.m.k;
	float g = __fdiv_rn(__fsub_rn(at(j.src[1], i), __fmul_rn(k[0], at(j.src[2], i))), k[1]);
	float add = __fmul_rn(__fmul_rn(k[3], g), g);

	return pattern(__fadd_rn(__fmul_rn(k[2], at(j.src[0], i)), add));
}

__device__ static uint32_t moved(const struct job &j, uint64_t i)
{
	const float *k = j.m.k;
	float m0 = at(j.src[2], i), v0 = at(j.src[0], i);
	float g = __fadd_rn(__fsub_rn(at(j.src[1], i), m0), __fmul_rn(k[0], m0));
	float add = __fmul_rn(__fmul_rn(k[1], g), g);

	return pattern(__fadd_rn(v0, __fsub_rn(add, __fmul_rn(k[2], v0))));
}

/* k (M / (sqrt(V) + eps)) */
__device__ static float way(const struct job &j, int m, int v, float k, uint64_t i)
{
	float root = __fadd_rn(__fsqrt_rn(at(j.src[v], i)), j.m.k[2]);

	return __fmul_rn(k, __fdiv_rn(at(j.src[m], i), root));
}

__device__ static uint32_t bf16(uint32_t b)
{
	if ((b & 0x7fffffff) > 0x7f800000)
		return b >> 16 | 0x40;
	return (b + 0x7fff + (b >> 16 & 1)) >> 16;
}

__device__ static uint32_t f16(uint32_t b)
{
	uint32_t f = b & 0x7fffffff, normal, small, wide;

	normal = (f + 0xfff + (f >> 13 & 1) - 0x38000000) >> 13;
	small = __float_as_uint(__fadd_rn(__uint_as_float(f), .5f)) - 0x3f000000;
	wide = f > 0x7f800000 ? 0x7e00 | (f >> 13 & 0x3ff) : 0x7c00;
	return (b >> 16 & 0x8000) | (f < 0x38800000 ? small : f < 0x47800000 ? normal : wide);
}

__device__ static uint32_t element(const unsigned char *p, uint32_t bits, uint64_t i)
{
	return bits == 32 ? ((const uint32_t *)p)[i] : ((const uint16_t *)p)[i];
}

__device__ static uint32_t predict(const struct job &j, uint64_t i)
{
	const float *k = j.m.k;
	float w0, kept;
	uint32_t size;

	switch (j.m.pred) {
	case LC_PRED_SUB: return element(j.src[0], j.bits, i);
	case LC_PRED_SCALE: return pattern(__fmul_rn(k[0], at(j.src[0], i)));
	case LC_PRED_ADAM: return adam(j, i);
	case LC_PRED_MOVED: return moved(j, i);
	case LC_PRED_STEP:
		return pattern(__fsub_rn(__fmul_rn(k[0], at(j.src[0], i)), way(j, 1, 2, k[1], i)));
	case LC_PRED_STEP_ONCE:
		w0 = at(j.src[0], i);
		return pattern(
			__fsub_rn(w0, __fadd_rn(__fmul_rn(k[0], w0), way(j, 1, 2, k[1], i))));
	case LC_PRED_REG:
		kept = __fsub_rn(__fmul_rn(k[0], at(j.src[0], i)), way(j, 1, 2, k[1], i));
		return pattern(__fsub_rn(kept, way(j, 3, 4, k[3], i)));
	case LC_PRED_MOMENT:
		size = pattern(__fmul_rn(k[0], __fsqrt_rn(at(j.src[1], i))));
		return (size & 0x7fffffff) | (element(j.src[0], 32, i) & 0x80000000);
	case LC_PRED_NARROW: return (j.m.type == LC_BF16 ? bf16 : f16)(element(j.src[0], 32, i));
	default: return 0;
	}
}

/* The terms of rank1, in sixteenths of an octave; 128 of a column's is zero. */
__device__ static uint32_t terms(const struct job &j, uint64_t i)
{
	uint64_t at = i + j.m.phase;
	uint32_t shift = j.mantissa - 4;
	uint32_t row = j.side[at / j.m.cols], col = j.side[j.rows + at % j.m.cols];

	return j.m.low + ((row + col - 128) << shift);
}

__device__ static uint32_t left_over(const struct job &j, uint32_t x, uint32_t p)
{
	uint32_t mask = j.bits == 32 ? 0xffffffffu : 0xffffu, half = mask >> 1, d;

	switch (j.m.map) {
	case LC_MAP_ROTATE: return x;
	case LC_MAP_BIAS: return (x - p - j.m.bias) & mask;
	case LC_MAP_ZIGZAG:
		d = (x - p) & mask;
		return (d << 1 ^ (0 - (d >> (j.bits - 1) & 1))) & mask;
	case LC_MAP_AGAINST:
		return (((x & half) - p - j.m.bias) << 1 & mask) | (x ^ (p & mask)) >> (j.bits - 1);
	default: return (((x & half) - p - j.m.bias) << 1 & mask) | x >> (j.bits - 1);
	}
}

__device__ static unsigned char context(const struct job &j, uint32_t p, uint64_t i)
{
	int mask = (1 << (j.bits - 1 - j.mantissa)) - 1,
	    e = (int)(p >> j.mantissa & mask) - j.m.base;

	if (j.m.pred ==
	    LC_PRED_MOMENT) { /* half octaves that m is above the size of its gradient */
		uint32_t m = element(j.src[0], 32, i) & 0x7fffffff;
		e = (int)((m + 0x80000000u - (p & 0x7fffffff)) >> 22) - 512 + 32 - j.m.base;
	}
	return (unsigned char)(e < 0 ? 0 : e > LC_CONTEXTS - 1 ? LC_CONTEXTS - 1 : e);
}

__global__ static void planes(const struct job j)
{
	uint64_t from = ((uint64_t)blockIdx.x * THREADS + threadIdx.x) * EACH;
	uint32_t word[4] = {0}, ctx = 0, any = 0;

	for (int k = 0; k < EACH && from + k < j.n; k++) {
		uint32_t p = predict(j, from + k), u, t;
		if (j.m.rank1)
			p += terms(j, from + k);
		u = left_over(j, element(j.x, j.bits, from + k), p);
		t = u << j.m.turn | u >> ((j.bits - j.m.turn) & 31);
		any |= u;
		for (int b = 0; b < 4; b++)
			word[b] |= (t >> 8 * b & 255) << 8 * k;
		if (j.ctx)
			ctx |= (uint32_t)context(j, p, from + k) << 8 * k;
	}
	if (from < j.n) { /* planes have room for a whole word at their end */
		for (uint32_t b = 0; b < j.bits / 8; b++)
			((uint32_t *)j.plane[b])[from / EACH] = word[b];
		if (j.ctx)
			((uint32_t *)j.ctx)[from / EACH] = ctx;
	}
	any = __reduce_or_sync(~0u, any);
	if (threadIdx.x % 32 == 0)
		atomicOr(j.any, any);
}

#define ROOM ((size_t)LC_RUN_MAX + 64)

struct room { /* a thread's, on the device, for a run of the greatest length */
	unsigned char *in[LC_SOURCES + 2]; /* x, the sources, the terms */
	unsigned char *plane[4], *ctx;
	uint32_t *any;
	cudaStream_t stream;
	int ready;
};
static thread_local struct room mine;

static void leave_room(struct room *r)
{
	for (int i = 0; i < LC_SOURCES + 2; i++)
		cudaFree(r->in[i]);
	for (int b = 0; b < 4; b++)
		cudaFree(r->plane[b]);
	cudaFree(r->ctx);
	cudaFree(r->any);
	if (r->stream)
		cudaStreamDestroy(r->stream);
	memset(r, 0, sizeof(*r));
}

static cudaError_t make_room(struct room *r)
{
	cudaError_t e = r->ready ? cudaSuccess
				 : cudaStreamCreateWithFlags(&r->stream, cudaStreamNonBlocking);

	if (r->ready)
		return e;
	for (int i = 0; i < LC_SOURCES + 2 && e == cudaSuccess; i++)
		e = cudaMalloc(&r->in[i], 2 * ROOM); /* a source may be twice as wide as x */
	for (int b = 0; b < 4 && e == cudaSuccess; b++)
		e = cudaMalloc(&r->plane[b], ROOM);
	if (e == cudaSuccess)
		e = cudaMalloc(&r->ctx, ROOM);
	if (e == cudaSuccess)
		e = cudaMalloc(&r->any, sizeof(*r->any));
	r->ready = e == cudaSuccess;
	if (!r->ready)
		leave_room(r);
	return e;
}

static cudaError_t send(struct room *r, int i, const void *from, size_t len)
{
	return cudaMemcpyAsync(r->in[i], from, len, cudaMemcpyHostToDevice, r->stream);
}

static cudaError_t fetch(const struct room *r, void *to, const void *from, size_t len)
{
	return cudaMemcpyAsync(to, from, len, cudaMemcpyDeviceToHost, r->stream);
}

static cudaError_t send_all(struct room *r, const struct lc_run_planes *p, struct job *j)
{
	size_t width = j->bits / 8, side = p->m->rank1 ? j->rows + p->m->cols : 0;
	cudaError_t e = send(r, 0, p->x, p->n * width);

	j->x = r->in[0];
	for (int i = 0; i < (int)p->sources && e == cudaSuccess; i++) {
		e = send(r, 1 + i, p->src[i], p->n * p->source_bytes);
		j->src[i] = r->in[1 + i];
	}
	j->side = r->in[LC_SOURCES + 1];
	if (side && e == cudaSuccess)
		e = send(r, LC_SOURCES + 1, p->side, side);
	if (e == cudaSuccess)
		e = cudaMemsetAsync(r->any, 0, sizeof(*r->any), r->stream);
	return e;
}

static cudaError_t fetch_all(const struct room *r, const struct lc_run_planes *p,
			     const struct job *j)
{
	cudaError_t e = fetch(r, p->any, r->any, sizeof(*r->any));

	for (uint32_t b = 0; b < j->bits / 8 && e == cudaSuccess; b++)
		e = fetch(r, p->plane[b], r->plane[b], p->n);
	if (p->ctx && e == cudaSuccess)
		e = fetch(r, p->ctx, r->ctx, p->n);
	return e == cudaSuccess ? cudaStreamSynchronize(r->stream) : e;
}

extern "C" int lc_planes_cuda(const struct lc_run_planes *p, struct lc_err *err)
{
	struct job j;
	cudaError_t e = make_room(&mine);

	memset(&j, 0, sizeof(j));
	j.m = *p->m;
	j.n = p->n;
	j.bits = p->bits;
	j.mantissa = p->mantissa;
	j.rows = p->m->rank1 ? (p->m->phase + p->n + p->m->cols - 1) / p->m->cols : 0;
	if (e == cudaSuccess)
		e = send_all(&mine, p, &j);
	for (int b = 0; b < 4; b++)
		j.plane[b] = mine.plane[b];
	j.ctx = p->ctx ? mine.ctx : NULL;
	j.any = mine.any;
	if (e == cudaSuccess) {
		uint64_t threads = (p->n + EACH - 1) / EACH;
		dim3 grid((unsigned)((threads + THREADS - 1) / THREADS));
		void *args[] = {&j};
		e = cudaLaunchKernel(planes, grid, dim3(THREADS), args, 0, mine.stream);
	}
	if (e == cudaSuccess)
		e = fetch_all(&mine, p, &j);
	return e == cudaSuccess ? 0 : lc_fail(err, LC_SYS, "cuda: %s", cudaGetErrorString(e));
}

/*
 * cuda_runtime.h: as much of CUDA's runtime as kernels/ *.cu use, on the host: so that what a
 * kernel does can be tested where there is no device.
 *
 * The .cu files are compiled as C++ with this header in the place of CUDA's own. A block's threads
 * are contexts that take turns: each runs to the next barrier, all must stop at the same one, and
 * cuda_host.backwards turns the order round, so that a race between barriers shows as other bits.
 * Blocks run one after the other. Shared and device memory start as NaNs. A stream's work is done
 * when it is waited for, and not before; which side of a copy is the device is checked, and with
 * SAN=1 every address. cuda_host.fail makes a call of the runtime fail.
 *
 * What it cannot show: the limits of a device (registers, shared memory, time), caches, warps that
 * drift apart between barriers in some other order than these two, and nvcc's own arithmetic.
 */
#ifndef LC_CUDA_HOST_RUNTIME_H
#define LC_CUDA_HOST_RUNTIME_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include <functional>
#include <map>
#include <set>
#include <vector>

#include "cuda_host.h"

#define __device__
#define __global__
#define __host__
#define __launch_bounds__(...)
#define __restrict__ __restrict
#define __shared__ static __attribute__((section("lc_shared")))
extern "C" __attribute__((weak)) char __start_lc_shared[], __stop_lc_shared[];

struct dim3 {
	unsigned x, y, z;
	dim3(unsigned a = 1, unsigned b = 1, unsigned c = 1) : x(a), y(b), z(c)
	{
	}
};
inline dim3 threadIdx, blockIdx, blockDim, gridDim;

enum cudaError_t { cudaSuccess, cudaErrorMemoryAllocation };
enum cudaMemcpyKind { cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost, cudaMemcpyDeviceToDevice };
enum { cudaStreamNonBlocking = 1 };
struct cudaDeviceProp {
	char name[256];
	int major, minor;
};

extern "C" {
inline struct cuda_host cuda_host;
}

#define HOST_NEEDS(is, ...) ((is) ? (void)0 : (fprintf(stderr, __VA_ARGS__), abort()))

/* A call of the runtime: whether it is the one that fails. */
inline cudaError_t host_call(void)
{
	return ++cuda_host.calls == cuda_host.fail ? cudaErrorMemoryAllocation : cudaSuccess;
}

inline const char *cudaGetErrorString(cudaError_t e)
{
	return e == cudaSuccess ? "no error" : "out of memory";
}

/* Streams: what is still to be done. NULL is the default one. */
struct host_stream {
	std::vector<std::function<void()>> pending;
};
typedef host_stream *cudaStream_t;
inline host_stream host_default;
inline std::set<host_stream *> host_streams;

inline host_stream *host_of(cudaStream_t s)
{
	return s ? s : &host_default;
}

inline void host_drain(cudaStream_t s)
{
	std::vector<std::function<void()>> pending;

	pending.swap(host_of(s)->pending);
	for (auto &f : pending)
		f();
}

inline cudaError_t cudaStreamCreateWithFlags(cudaStream_t *s, unsigned)
{
	cudaError_t e = host_call();

	*s = e == cudaSuccess ? new host_stream : NULL;
	if (*s)
		host_streams.insert(*s);
	return e;
}

inline cudaError_t cudaStreamDestroy(cudaStream_t s)
{
	host_drain(s);
	host_streams.erase(s);
	delete s;
	return host_call();
}

inline cudaError_t cudaStreamSynchronize(cudaStream_t s)
{
	host_drain(s);
	return host_call();
}

/* Device memory: where each piece begins, and its length. */
inline std::map<const char *, size_t> host_memory;

inline int host_is_device(const void *p, size_t len)
{
	auto it = host_memory.upper_bound((const char *)p);

	if (it == host_memory.begin())
		return 0;
	--it;
	return (const char *)p + len <= it->first + it->second;
}

template <class T> inline cudaError_t cudaMalloc(T **p, size_t len)
{
	*p = NULL;
	HOST_NEEDS(len > 0, "cudaMalloc: of nothing\n");
	if (host_call() != cudaSuccess)
		return cudaErrorMemoryAllocation;
	*p = (T *)malloc(len);
	memset((void *)*p, 0xff, len);
	host_memory[(const char *)*p] = len;
	cuda_host.live = host_memory.size();
	return cudaSuccess;
}

/* It waits for all that was to be done, on the device as here. */
inline cudaError_t cudaFree(void *p)
{
	host_drain(NULL);
	for (auto s : host_streams)
		host_drain(s);
	HOST_NEEDS(!p || host_memory.erase((const char *)p) == 1, "cudaFree: %p is none\n", p);
	free(p);
	cuda_host.live = host_memory.size();
	return cudaSuccess;
}

inline cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t len, cudaMemcpyKind kind,
				   cudaStream_t s)
{
	HOST_NEEDS(host_is_device(to, len) == (kind != cudaMemcpyDeviceToHost) &&
			   host_is_device(from, len) == (kind != cudaMemcpyHostToDevice),
		   "cudaMemcpy of %zu bytes: the wrong way, or too far\n", len);
	if (host_call() != cudaSuccess)
		return cudaErrorMemoryAllocation;
	host_of(s)->pending.push_back([=] { memcpy(to, from, len); });
	return cudaSuccess;
}

inline cudaError_t cudaMemcpy(void *to, const void *from, size_t len, cudaMemcpyKind kind)
{
	cudaError_t e = cudaMemcpyAsync(to, from, len, kind, NULL);

	host_drain(NULL);
	return e;
}

inline cudaError_t cudaMemsetAsync(void *p, int byte, size_t len, cudaStream_t s)
{
	HOST_NEEDS(host_is_device(p, len), "cudaMemset of %zu bytes: not there\n", len);
	if (host_call() != cudaSuccess)
		return cudaErrorMemoryAllocation;
	host_of(s)->pending.push_back([=] { memset(p, byte, len); });
	return cudaSuccess;
}

inline cudaError_t cudaGetLastError(void)
{
	return host_call();
}

inline cudaError_t cudaGetDeviceCount(int *n)
{
	*n = 1;
	return host_call();
}

inline cudaError_t cudaGetDeviceProperties(cudaDeviceProp *p, int)
{
	memset(p, 0, sizeof(*p));
	snprintf(p->name, sizeof(p->name), "the host");
	p->major = 8;
	return host_call();
}

/* A block at work: a context a thread, and where each waits (NULL: it has ended). */
struct host_block {
	struct thread {
		ucontext_t at;
		const char *file;
		int line;
		uint32_t given;
		char *stack;
	};
	std::vector<thread> threads;
	ucontext_t turns;
	std::function<void()> body;
	unsigned now;
};
inline host_block *host_at_work;

inline void host_barrier(const char *file, int line)
{
	host_block *b = host_at_work;
	host_block::thread *t = &b->threads[b->now];

	t->file = file;
	t->line = line;
	swapcontext(&t->at, &b->turns);
}
#define __syncthreads() host_barrier(__FILE__, __LINE__)

/* All threads of the block come here in the kernels at hand, so a barrier of all will do. */
inline uint32_t host_reduce_or(uint32_t mask, uint32_t x, const char *file, int line)
{
	host_block *b = host_at_work;
	uint32_t all = 0;

	HOST_NEEDS(mask == ~0u && blockDim.x % 32 == 0, "__reduce_or_sync: not by whole warps\n");
	b->threads[b->now].given = x;
	host_barrier(file, line);
	for (unsigned t = b->now / 32 * 32; t < b->now / 32 * 32 + 32; t++)
		all |= b->threads[t].given;
	host_barrier(file, line);
	return all;
}
#define __reduce_or_sync(mask, x) host_reduce_or(mask, x, __FILE__, __LINE__)

inline void host_enter(void)
{
	host_at_work->body();
	host_at_work->threads[host_at_work->now].file = NULL;
}

#define HOST_STACK ((size_t)256 << 10)

inline void host_run_block(host_block *b)
{
	size_t n = b->threads.size(), left = n;

	if (__start_lc_shared)
		memset(__start_lc_shared, 0xff, (size_t)(__stop_lc_shared - __start_lc_shared));
	for (auto &t : b->threads) {
		getcontext(&t.at);
		t.at.uc_stack.ss_sp = t.stack;
		t.at.uc_stack.ss_size = HOST_STACK;
		t.at.uc_link = &b->turns;
		makecontext(&t.at, host_enter, 0);
	}
	while (left) {
		left = 0;
		for (size_t i = 0; i < n; i++) {
			b->now = (unsigned)(cuda_host.backwards ? n - 1 - i : i);
			threadIdx.x = b->now;
			swapcontext(&b->turns, &b->threads[b->now].at);
			left += b->threads[b->now].file != NULL;
		}
		for (auto &t : b->threads)
			HOST_NEEDS(t.file == b->threads[0].file && t.line == b->threads[0].line,
				   "a barrier that not all threads come to: %s:%d\n",
				   t.file ? t.file : b->threads[0].file, t.line);
	}
}

inline void host_run(dim3 grid, dim3 block, std::function<void()> body)
{
	host_block b;

	HOST_NEEDS(block.x > 0 && block.x <= 1024 && block.y * block.z * grid.y * grid.z == 1 &&
			   grid.x > 0,
		   "a launch of %u blocks of %u threads\n", grid.x, block.x);
	b.body = body;
	b.threads.resize(block.x);
	for (auto &t : b.threads)
		t.stack = (char *)malloc(HOST_STACK);
	gridDim = grid;
	blockDim = block;
	host_at_work = &b;
	for (unsigned i = 0; i < grid.x; i++) {
		blockIdx.x = i;
		host_run_block(&b);
	}
	for (auto &t : b.threads)
		free(t.stack);
}

/* Kernels of one argument, which is taken at the launch. */
template <class A>
cudaError_t cudaLaunchKernel(void (*kernel)(A), dim3 grid, dim3 block, void **args, size_t = 0,
			     cudaStream_t s = NULL)
{
	typename std::remove_const<A>::type a = *(A *)args[0];

	if (host_call() != cudaSuccess)
		return cudaErrorMemoryAllocation;
	host_of(s)->pending.push_back([=] { host_run(grid, block, [=] { kernel(a); }); });
	return cudaSuccess;
}

inline void atomicOr(uint32_t *p, uint32_t x)
{
	*p |= x;
}

/* Compiled without contraction, as nvcc is told to. */
inline float __uint_as_float(uint32_t x)
{
	float f;

	memcpy(&f, &x, sizeof(f));
	return f;
}

inline uint32_t __float_as_uint(float f)
{
	uint32_t x;

	memcpy(&x, &f, sizeof(x));
	return x;
}

inline float __fadd_rn(float a, float b)
{
	return a + b;
}

inline float __fsub_rn(float a, float b)
{
	return a - b;
}

inline float __fmul_rn(float a, float b)
{
	return a * b;
}

inline float __fdiv_rn(float a, float b)
{
	return a / b;
}

inline float __fsqrt_rn(float a)
{
	return sqrtf(a);
}

#endif

/*
 * dlfcn.h: for kernels that run on the host (cuda_runtime.h beside it), a cuBLAS to open.
 *
 * Its products are done when the default stream comes to them, in the order of k.
 */
#ifndef LC_CUDA_HOST_DLFCN_H
#define LC_CUDA_HOST_DLFCN_H

#include_next <dlfcn.h>

#ifdef __cplusplus

#include "cuda_runtime.h"

inline int host_create(void **handle)
{
	*handle = (void *)&host_default;
	return host_call() != cudaSuccess;
}

inline int host_set_mode(void *, int mode)
{
	HOST_NEEDS(mode == 2, "cublasSetMathMode: %d is not pedantic\n", mode);
	return 0;
}

/* Column-major, both as they are. */
inline int host_product(void *, int ta, int tb, int m, int n, int k, const float *alpha,
			const float *a, int lda, long long da, const float *b, int ldb,
			long long db, const float *beta, float *c, int ldc, long long dc, int batch)
{
	float al = *alpha, be = *beta;
	long long last = batch - 1;

	HOST_NEEDS(ta == 0 && tb == 0 && lda >= m && ldb >= k && ldc >= m, "cublasSgemm: sizes\n");
	HOST_NEEDS(host_is_device(a + last * da, 4 * ((size_t)lda * (k - 1) + m)) &&
			   host_is_device(b + last * db, 4 * ((size_t)ldb * (n - 1) + k)) &&
			   host_is_device(c + last * dc, 4 * ((size_t)ldc * (n - 1) + m)),
		   "cublasSgemm: not on the device\n");
	if (host_call() != cudaSuccess)
		return 1;
	host_default.pending.push_back([=] {
		for (long long p = 0; p < batch; p++)
			for (int j = 0; j < n; j++)
				for (int i = 0; i < m; i++) {
					const float *x = a + p * da + i,
						    *y = b + p * db + (long long)j * ldb;
					float *to = c + p * dc + (long long)j * ldc + i, sum = 0;
					for (int l = 0; l < k; l++)
						sum += x[(long long)l * lda] * y[l];
					*to = al * sum + (be == 0 ? 0 : be * *to);
				}
	});
	return 0;
}

inline void *host_dlopen(const char *name, int)
{
	HOST_NEEDS(strncmp(name, "libcublas.so", 12) == 0, "dlopen: %s\n", name);
	return cuda_host.no_cublas ? NULL : (void *)&host_default;
}

inline void *host_dlsym(void *, const char *name)
{
	return !strcmp(name, "cublasCreate_v2")		    ? (void *)host_create
	       : !strcmp(name, "cublasSetMathMode")	    ? (void *)host_set_mode
	       : !strcmp(name, "cublasSgemmStridedBatched") ? (void *)host_product
							    : NULL;
}

inline char *host_dlerror(void)
{
	static char none[] = "not here";

	return none;
}

#define dlopen host_dlopen
#define dlsym host_dlsym
#define dlerror host_dlerror
#endif

#endif

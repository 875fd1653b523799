/* cuda_host: what a test may ask of kernels that run on the host; see cuda_runtime.h beside it. */
#ifndef LC_CUDA_HOST_H
#define LC_CUDA_HOST_H

#include <stddef.h>

struct cuda_host {
	int backwards; /* the last thread goes first */
	int calls;     /* of the runtime, so far */
	int fail;      /* the number of the call that fails; 0: none */
	size_t live;   /* pieces of device memory */
	int no_cublas; /* it is not there */
};

#ifndef __cplusplus
extern struct cuda_host cuda_host;
#endif

#endif

/* cuda_room: device memory of one call, freed whole at its end. Private to kernels/ *.cu. */
#ifndef LC_CUDA_ROOM_H
#define LC_CUDA_ROOM_H

#include <cuda_runtime.h>

#include <vector>

struct room {
	std::vector<void *> all;
	cudaError_t e = cudaSuccess; /* the first; after it nothing is done */

	void *take(size_t len)
	{
		void *p = NULL;
		if (e == cudaSuccess)
			e = cudaMalloc(&p, len ? len : 1);
		if (e == cudaSuccess)
			all.push_back(p);
		return p;
	}
	void *send(const void *from, size_t len)
	{
		void *p = take(len);
		if (e == cudaSuccess && len)
			e = cudaMemcpy(p, from, len, cudaMemcpyHostToDevice);
		return p;
	}
	~room()
	{
		for (void *p : all)
			cudaFree(p);
	}
};

#endif

/* device: what the plug-in says of itself (lib/device.h). */
#include <cuda_runtime.h>
#include <stdio.h>

extern "C" {
#include "device.h"
#include "ensemble.h"
#include "planes.h"
#include "rollout_impl.h"
}

#define LEAST 8 /* compute capability: the kernels use what it has */

extern "C" int lc_cuda_device(struct lc_device *dev, struct lc_err *err)
{
	struct cudaDeviceProp p;
	int n = 0;
	cudaError_t e = cudaGetDeviceCount(&n);

	if (e == cudaSuccess && n > 0)
		e = cudaGetDeviceProperties(&p, 0);
	if (e != cudaSuccess || n == 0)
		return lc_fail(err, LC_SYS, "LC_DEVICE=cuda: %s",
			       e == cudaSuccess ? "there is no device" : cudaGetErrorString(e));
	if (p.major < LEAST)
		return lc_fail(err, LC_SYS, "LC_DEVICE=cuda: %s is too old", p.name);
	dev->version = LC_DEVICE_VERSION;
	snprintf(dev->name, sizeof(dev->name), "%.100s", p.name);
	dev->planes = lc_planes_cuda;
	dev->rollout = lc_rollout_cuda;
	dev->ensemble = lc_ensemble_cuda;
	return 0;
}

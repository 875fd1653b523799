/*
 * device: CUDA kernels as a plug-in. liblc-cuda.so is built where nvcc is, opened where a device
 * is, and never needed.
 *
 * It is looked for beside the program, in ../lib from there, and where dlopen(3) looks. LC_DEVICE
 * says what is wanted: auto (a device if there is one), cpu, or cuda (or else an error).
 */
#ifndef LC_DEVICE_H
#define LC_DEVICE_H

#include "codec.h"

#define LC_DEVICE_VERSION 3 /* of this struct: a plug-in of another is not used */

struct lc_rollout_plan; /* kernels/rollout.h */
struct lc_rollout_branch;
typedef int (*lc_rollout_fn)(const struct lc_rollout_plan *plan, struct lc_rollout_branch *branch,
			     int n, struct lc_err *err);

struct lc_resid; /* lib/resid.h; the call: kernels/ensemble.h */
typedef int (*lc_ensemble_fn)(const struct lc_resid *r, const float *x, size_t n, float *z,
			      struct lc_err *err);

struct lc_device {
	int version;
	char name[120]; /* "NVIDIA H100 80GB HBM3" */
	lc_planes_fn planes;
	lc_rollout_fn rollout;
	lc_ensemble_fn ensemble; /* wants cuBLAS, and says when there is none */
};

/*
 * 1 and *dev filled when there is a device to use; 0 when there is none, or, unless LC_DEVICE is
 * cuda, when it is not worth the half second that opening one takes; -1 when LC_DEVICE asks for
 * one that is not there (LC_SYS), or is none of the three words (LC_USAGE).
 */
int lc_device_open(int worth, struct lc_device *dev, struct lc_err *err);

/* What the plug-in exports under the name lc_cuda_device: 0, or -1 with the reason. */
typedef int (*lc_device_fn)(struct lc_device *dev, struct lc_err *err);

#endif

/*
 * planes: what is left over of the elements of a tensor, split into byte planes.
 *
 * The part of lc-snap's codec that touches every element (lc-store(5), "Chunks coded as tensors"):
 * predict the bit pattern from the sources, add the row and column terms, map the difference to an
 * unsigned number, turn it left, and put byte b of it into plane b, the lowest first. The
 * arithmetic is the format: both versions give the same bytes, or the device is not used.
 */
#ifndef LC_PLANES_H
#define LC_PLANES_H

#include "codec.h"

/* The CPU definition: lib/codec's own loops, for any processor. */
int lc_planes_cpu(const struct lc_run_planes *r, struct lc_err *err);

/*
 * On the current CUDA device; one call at a time in each thread, which keeps its buffers there.
 * LC_SYS when the device refuses; what r points to is then undefined.
 */
int lc_planes_cuda(const struct lc_run_planes *r, struct lc_err *err);

#endif

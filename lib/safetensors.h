/*
 * safetensors: named tensors in one file.
 *
 * The file is 8 bytes of header length (little-endian), a JSON header {"name":{"dtype":"F32",
 * "shape":[..],"data_offsets":[from,to]},..}, then the bytes of the tensors; offsets count from the
 * end of the header. See https://github.com/huggingface/safetensors. The writer keeps the order it
 * is given and pads the header with spaces to 8 bytes, so equal tensors make equal files.
 */
#ifndef LC_SAFETENSORS_H
#define LC_SAFETENSORS_H

#include <jansson.h>
#include <stddef.h>

#include "err.h"

#define LC_TENSOR_DIMS 8

struct lc_tensor {
	const char *name;  /* borrowed */
	const char *dtype; /* "F32", ...; borrowed */
	int dims;
	size_t shape[LC_TENSOR_DIMS];
	const void *data; /* row-major; borrowed */
	size_t bytes;
};

/* Write n tensors to path and fsync it. Not atomic: for a file inside a directory that is. */
int lc_safetensors_write(const char *path, const struct lc_tensor *t, int n, struct lc_err *err);

/* A file read whole, checked: every offset inside the file, every length what dtype and shape say,
 * no two tensors overlapping, no byte unaccounted for. */
struct lc_safetensors {
	char *path;
	char *buf;
	size_t data, len; /* tensors' bytes are buf[data..len) */
	json_t *header;
};
int lc_safetensors_read(struct lc_safetensors *st, const char *path, struct lc_err *err);

/* The tensor of that name; its pointers live as long as st. LC_DATA when it is absent. */
int lc_safetensors_get(const struct lc_safetensors *st, const char *name, struct lc_tensor *t,
		       struct lc_err *err);
void lc_safetensors_release(struct lc_safetensors *st);

#endif

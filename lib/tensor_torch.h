/*
 * tensor_torch: what torch.save writes: a zip file of stored members, of which data.pkl holds the
 * objects, and data/KEY the bytes of the storage that the pickle calls KEY.
 */
#ifndef LC_TENSOR_TORCH_H
#define LC_TENSOR_TORCH_H

#include "pickle.h"
#include "tensor_impl.h"

struct torch_file {
	const struct lc_reader *r;
	const struct zip *z;
	char *prefix; /* of the names of members: "archive/" */
	unsigned char *text;
	struct lc_pickle p;
};

/* 0, or -1 when it is no such file, or one of another byte order. */
int torch_open(struct torch_file *f, const struct lc_reader *r, const struct zip *z);
void torch_close(struct torch_file *f);

struct torch_storage {
	enum lc_dtype type; /* LC_BYTES: of no known type, or of none */
	struct zip_member *m;
	uint64_t at; /* in the file */
};

/* The storage that a persistent id in the pickle stands for. */
int torch_storage(const struct torch_file *f, uint32_t saved, struct torch_storage *s);

/* Is v a tensor, rebuilt by torch's own functions? Then s is where its elements are: 1. */
int torch_tensor(const struct torch_file *f, uint32_t v, struct lc_span *s);

#endif

/*
 * tensor: where the tensors lie in a checkpoint file.
 *
 * Known are safetensors, torch.save's zip files (one, or one after another), npy and npz, and
 * llm.c's model_ and state_ files. What is found guides the coding of a file and nothing else: a
 * header that lies costs size, never a byte. So nothing here fails: what cannot be read, does not
 * fit or is not known has no tensors. A pickle is read as data (pickle.h); nothing of it is ever
 * executed.
 */
#ifndef LC_TENSOR_H
#define LC_TENSOR_H

#include <stddef.h>
#include <stdint.h>

#include "codec_fit.h"

#define LC_SPAN_DIMS 8

struct lc_span {	    /* a tensor, row-major, little-endian */
	char *name;	    /* in a pickle the path to it: "optimizer.state.3.exp_avg" */
	enum lc_dtype type; /* never LC_BYTES: these are left out */
	int dims;
	uint32_t order; /* among the names in the file */
	uint64_t shape[LC_SPAN_DIMS];
	uint64_t at, bytes; /* in the file; elements need not be aligned */
};

struct lc_llmc { /* of llm.c's files, for lc_spans_together */
	uint32_t layers, arrays, ranks, rank;
	int exact;
	uint64_t params, bytes;
};

struct lc_piece_name { /* from the .metadata of a torch.distributed.checkpoint */
	char *file, *name;
	uint64_t at; /* of what is so called, in that file */
};

struct lc_spans { /* ascending by place; no two overlap, none is empty */
	struct lc_span *s;
	size_t n;
	size_t *named; /* numbers of them, by name */
	int ordered;   /* their order is that in which a program made them; else it may be any */
	struct lc_llmc llmc;
	struct lc_piece_name *names; /* of tensors in other files */
	size_t nnames;
	struct lc_hyper hyper; /* of the optimizer in it, where it says */
};

/* A file, or what stands for one: len bytes at `at`, all of them below size, or -1. */
struct lc_reader {
	int (*read)(void *ctx, void *buf, size_t len, uint64_t at);
	void *ctx;
	uint64_t size;
};

void lc_spans_find(const struct lc_reader *r, struct lc_spans *found);
void lc_spans_release(struct lc_spans *s); /* accepts all zero */

/* What only all files of a state, at paths, say together: how llm.c's state files are divided, and
 * what torch.distributed.checkpoint calls its tensors. */
void lc_spans_together(struct lc_spans *const *of, const char *const *path, size_t n);

/* The tensor of that name, or NULL. */
const struct lc_span *lc_spans_get(const struct lc_spans *s, const char *name);

#endif

/* tensor_impl: what the readers of each format share. Used by tensor*.c alone. */
#ifndef LC_TENSOR_IMPL_H
#define LC_TENSOR_IMPL_H

#include "tensor.h"

#define LLMC_MODEL 20240326 /* in the first word of an llm.c file */
#define LLMC_STATE 20240527

uint64_t spans_little(const unsigned char *p, int bytes);

/* Adds one whose shape, length and place fit in the file; takes name. */
void spans_add(struct lc_spans *found, const struct lc_reader *r, struct lc_span *s, char *name);

/* For lc_spans_get, when all are there. */
void spans_index(struct lc_spans *found);

/* Orders them by place, and drops what overlaps one before it. */
void spans_settle(struct lc_spans *found);

struct zip_member { /* stored, not compressed */
	const char *name;
	uint64_t header; /* where its local header is */
	uint64_t at;	 /* of its bytes, once zip_data has been asked; 0: not yet */
	uint64_t bytes;
	int done; /* for whoever looks at each once */
};

struct zip {
	char *directory;      /* holds the names */
	struct zip_member *m; /* by name */
	size_t n;
	uint64_t start; /* where the first of its bytes is */
};

/* The directory of the zip file that ends at byte `end`; what is compressed or encrypted is left
 * out. A comment at its end only one has that ends with the file. -1: there is none. */
int zip_read(const struct lc_reader *r, uint64_t end, struct zip *z);
void zip_release(struct zip *z);
struct zip_member *zip_get(const struct zip *z, const char *name);
/* Where the bytes of a member begin, or 0. */
uint64_t zip_data(const struct lc_reader *r, struct zip_member *m);

/* One for each format. */
void spans_npy(const struct lc_reader *r, uint64_t at, uint64_t size, const char *name,
	       struct lc_spans *found);
void spans_llmc(const struct lc_reader *r, struct lc_spans *found);
void spans_zip(const struct lc_reader *r, struct lc_spans *found);
/* 0 when it is a zip file of something else. */
int spans_torch(const struct lc_reader *r, const struct zip *z, struct lc_spans *found);
void spans_metadata(const struct lc_reader *r, struct lc_spans *found);

void llmc_together(struct lc_spans *const *of, size_t n);
void dcp_together(struct lc_spans *const *of, const char *const *path, size_t n);

#endif

/*
 * store_pair: which tensors of a state belong together: weights, their first and second moments,
 * their fp32 masters and their narrower copies, told from their names, or from shapes and order.
 *
 * A wrong answer costs size and nothing else. All tensors of all files of a state are looked at
 * together, since the moments are often in another file than the weights.
 */
#ifndef LC_STORE_PAIR_H
#define LC_STORE_PAIR_H

#include "codec_fit.h"
#include "store_manifest.h"
#include "tensor.h"

#define LC_PASSES 4
#define LC_ALONE ((size_t)-1)

struct lc_paired {
	const struct lc_span *s; /* given */
	uint32_t file;		 /* given: the number of the file that it is in */
	int ordered;		 /* given: lc_spans.ordered of that file */
	enum lc_part part;
	int pass;	       /* in which it is coded: after what may predict it, 0..LC_PASSES-1 */
	size_t near[LC_NEARS]; /* the number of the tensor of as many elements, or LC_ALONE */
};

/* Fills in the rest of n tensors, in order of files and places. */
void lc_pair_tensors(struct lc_paired *t, size_t n);

/*
 * The file of an older state that the file at path goes on from: the one of the same path, or of a
 * path that differs in the step alone ("global_step200/mp_rank_00.pt", "model_00000200.bin"), in
 * the last step before, if there are several. NULL: none.
 */
const struct lc_entry *lc_pair_older(const struct lc_manifest *base, const char *path);

#endif

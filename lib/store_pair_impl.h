/* store_pair_impl: pairs of tensors whose names do not say it. Used by store_pair*.c alone. */
#ifndef LC_STORE_PAIR_IMPL_H
#define LC_STORE_PAIR_IMPL_H

#include "store_pair.h"

#define STEM_MAX 64 /* of one stem that are looked at around each */

struct named { /* a tensor by what its name says but for its part */
	char *stem;
	size_t i;
};

/* Moments without weights, and narrow weights without masters: by equal shapes in equal order. */
void pair_by_order(struct lc_paired *t, const struct named *of, size_t n);

#endif

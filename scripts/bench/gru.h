/* gru: a small recurrent network in the place of lib/resid's, as an ablation; see gru.c. */
#ifndef LC_BENCH_GRU_H
#define LC_BENCH_GRU_H

#include "resid.h"

/* z[i] of each point by a network that has not seen its group. first[s] begins branch s. */
void gru_leave_one_out(const struct lc_resid_case *c, const size_t *first, size_t seqs, int groups,
		       float *z);

#endif

/*
 * decode: a gpt one byte at a time, with the keys and values of what went before kept: what it
 * takes to sample from it. The logits are those of the whole pass but for rounding.
 */
#ifndef LC_DECODE_H
#define LC_DECODE_H

#include "gpt.h"

struct lc_decode;
struct lc_decode *lc_decode_open(const struct lc_gpt *g, int rows);
void lc_decode_close(struct lc_decode *d);

/*
 * The logits (rows,vocab) of what follows position t, when positions 0 to t-1 were given by earlier
 * calls; 0 begins anew. Row i's byte is at tokens[i * stride + t]. w is as lc_gpt_prepare saw it.
 */
const float *lc_decode_step(struct lc_decode *d, const struct lc_gpt *g, const float *w,
			    const uint8_t *tokens, int stride, int rows, int t);

#endif

/*
 * tensor_keys: the keys of the dictionary that torch.save wrote, which tell of what is no tensor:
 * a scheduler, a position in the data.
 */
#ifndef LC_TENSOR_KEYS_H
#define LC_TENSOR_KEYS_H

#include "tensor.h"

/*
 * fn gets each key at the top that has something (not None, not empty), with its len bytes; when it
 * gives 0 it gets those below it, once more with 1 as their depth. Any other file has none.
 */
void lc_keys_find(const struct lc_reader *r,
		  int (*fn)(void *ctx, const char *key, size_t len, int depth), void *ctx);

#endif

/* pickle_impl: the stack of the machine that reads a pickle. Used by pickle*.c alone. */
#ifndef LC_PICKLE_IMPL_H
#define LC_PICKLE_IMPL_H

#include "pickle.h"

#define CELLS (2 * LC_PICKLE_VALUES)

struct machine {
	struct lc_pickle *p;
	size_t at, len;
	uint32_t *stack, *mark, *memo;
	uint32_t depth, marks, memos; /* in use; of memos: room, the last one put is memo_n - 1 */
	uint32_t memo_n;
	uint32_t room, mark_room, cap, cell_cap;
	int bad;
};

void *pk_room_for(struct machine *m, void *array, uint32_t n, uint32_t *cap, size_t size,
		  uint32_t limit);
uint32_t pk_value(struct machine *m, enum lc_pickle_kind kind);
void pk_append(struct machine *m, uint32_t to, uint32_t item);
void pk_push(struct machine *m, uint32_t v);
uint32_t pk_floor_of(const struct machine *m);
uint32_t pk_pop(struct machine *m);
uint32_t pk_top(struct machine *m);
uint32_t pk_unmark(struct machine *m);
uint64_t pk_number(struct machine *m, unsigned bytes);
uint32_t pk_line(struct machine *m);
void pk_push_written(struct machine *m);
int pk_op_constant(struct machine *m, unsigned char op);

#endif

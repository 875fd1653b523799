/*
 * data: a text as training windows and two held-out shards.
 *
 * The text is cut into blocks of 4 KiB (halved until there are 40, for a short text). Every 20th is
 * held out: the first, third.. of these are shard A (val), the others shard B (test). A batch is a
 * pure function of (text, seed, index).
 */
#ifndef LC_TRAIN_DATA_H
#define LC_TRAIN_DATA_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "hash.h"

struct data {
	char *text;
	size_t len, block;
	int ctx;
	size_t windows;	  /* starts a training window may have */
	uint8_t *held[2]; /* evaluation rows, (rows, ctx+1), of A and of B */
	int held_rows[2];
	char sha256[LC_HEX_LEN + 1];
};

/* path NULL: the text that comes with the program. At most val_bytes of each shard are read. */
int data_open(struct data *d, const char *path, int ctx, long val_bytes, struct lc_err *err);
void data_close(struct data *d);

/* rows windows of ctx+1 bytes at random places between the held-out blocks. */
void data_batch(const struct data *d, uint64_t seed, uint64_t index, int rows, uint8_t *tokens);

#endif

/*
 * hash: SHA-256, the name of everything that is kept.
 */
#ifndef LC_HASH_H
#define LC_HASH_H

#include <stddef.h>

#include "err.h"

struct lc_id {
	unsigned char b[32];
};

#define LC_HEX_LEN 64

/* The hash of len bytes. */
int lc_sha256(const void *buf, size_t len, struct lc_id *id, struct lc_err *err);

/* The hashes of n buffers, two at a time where the processor gains by it (hash_pair.c). */
int lc_sha256_many(const void *const *buf, const size_t *len, size_t n, struct lc_id *const *id,
		   struct lc_err *err);

/* A hash of bytes that come in pieces. lc_hasher_done releases h, also when id is NULL. */
struct lc_hasher {
	void *ctx;
};
int lc_hasher_init(struct lc_hasher *h, struct lc_err *err);
int lc_hasher_add(struct lc_hasher *h, const void *buf, size_t len, struct lc_err *err);
int lc_hasher_done(struct lc_hasher *h, struct lc_id *id, struct lc_err *err);

void lc_id_hex(const struct lc_id *id, char hex[LC_HEX_LEN + 1]);
int lc_id_parse(const char *hex,
		struct lc_id *id); /* 0, or -1 when hex is not 64 lower-case hex digits */

#endif

/* hash_impl: what hash.c and hash_pair.c share. */
#ifndef LC_HASH_IMPL_H
#define LC_HASH_IMPL_H

#include "hash.h"

/* 1, or 0 when this processor cannot. */
int hash_one(const void *buf, size_t len, struct lc_id *id);
int hash_pair(const void *const buf[2], const size_t len[2], struct lc_id *const id[2]);

#endif

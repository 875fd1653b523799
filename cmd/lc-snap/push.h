/*
 * push: what sending snapshots to another store shares.
 */
#ifndef PUSH_H
#define PUSH_H

#include "packs.h"
#include "transfer.h"

struct pusher {
	const struct opts *o;
	struct remote r;
	struct packs ps;
	struct transfer t;
};

/* push_pack.c: one pack that is not there; read back and compared with --verify. */
int push_pack(struct pusher *p, struct pack *k, struct lc_err *err);

/* 1: what is there is what is here; 0: it is not; -1. */
int push_read_back(struct pusher *p, const struct pack *k, struct lc_err *err);

#endif

/*
 * store_sound: is a chunk that is known still what it was? See store_impl.h.
 *
 * Asked once of each chunk that a save finds known, so that no snapshot comes to depend on damage
 * that is there already. A body is compared with its checksum, and so are those of all that it is
 * predicted from: that reads each of them once and decodes none.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crc.h"
#include "io.h"
#include "store_body.h"
#include "store_fetch.h"
#include "store_impl.h"

static int look_at(struct lc_store *st, size_t number);

/* Has a body, whose bytes are right, all that it needs? */
static int refs_sound(struct lc_store *st, const struct lc_chunk *c, const unsigned char *body)
{
	size_t n = 0, number[COPIES_MAX];
	const unsigned char *ids = lc_body_refs(body, c->stored, &n);
	struct place copy[COPIES_MAX];
	struct lc_id id;

	for (size_t i = 0; ids && i < n; i++) {
		int found = 0;
		memcpy(id.b, ids + 32 * i, 32);
		size_t copies = store_copies(st, &id, copy, number);
		for (size_t k = 0; k < copies && !found; k++)
			found = copy[k].c.depth < c->depth && look_at(st, number[k]);
		if (!found)
			return 0;
	}
	return ids != NULL;
}

static int body_sound(struct lc_store *st, const struct place *p)
{
	int fd = open(st->packs[p->pack], O_RDONLY | O_CLOEXEC), ok;
	unsigned char *body = malloc(p->c.stored);

	ok = fd >= 0 && body && lc_pack_body(fd, &p->c, body, NULL) == 0;
	if (fd >= 0)
		close(fd);
	if (ok && p->c.crc) {
		ok = lc_crc32c(body, p->c.stored) == p->c.crc &&
		     (p->c.codec != LC_CODEC_TENSOR || refs_sound(st, &p->c, body));
	} else if (ok) { /* of an older version: only its hash can tell */
		void *raw = lc_xalloc(p->c.raw, 1);
		ok = store_decode(st, p, body, raw, NULL) == 0;
		free(raw);
	}
	free(body);
	return ok;
}

/* 1 when copy `number` is sound. Two threads may ask at once, and find the same. */
static int look_at(struct lc_store *st, size_t number)
{
	struct place p;

	pthread_rwlock_rdlock(&st->cache->table);
	p = st->at[number];
	pthread_rwlock_unlock(&st->cache->table);
	if (p.sound == UNSEEN) {
		p.sound = body_sound(st, &p) ? SOUND : DAMAGED;
		pthread_rwlock_wrlock(&st->cache->table);
		st->at[number].sound = p.sound;
		pthread_rwlock_unlock(&st->cache->table);
	}
	return p.sound == SOUND;
}

/* Has one of the n ids no copy of a depth below but leftovers? */
static int lacks_one(struct lc_store *st, const unsigned char *ids, size_t n, int below)
{
	struct place copy[COPIES_MAX];
	size_t number[COPIES_MAX];
	struct lc_id id;

	for (size_t i = 0; i < n; i++) {
		size_t copies, k = 0;
		memcpy(id.b, ids + 32 * i, 32);
		copies = store_copies(st, &id, copy, number);
		while (k < copies &&
		       (copy[k].c.depth >= below || lc_store_is_leftover(st, number[k])))
			k++;
		if (k == copies)
			return 1;
	}
	return 0;
}

int lc_store_is_leftover(struct lc_store *st, size_t number)
{
	struct place p = st->at[number];
	int fd = open(st->packs[p.pack], O_RDONLY | O_CLOEXEC), is = 0;
	unsigned char *body = malloc(p.c.stored);
	const unsigned char *ids = NULL;
	size_t n = 0;

	if (fd >= 0 && body && p.c.crc && p.c.codec == LC_CODEC_TENSOR &&
	    lc_pack_body(fd, &p.c, body, NULL) == 0 && lc_crc32c(body, p.c.stored) == p.c.crc)
		ids = lc_body_refs(body, p.c.stored, &n);
	if (fd >= 0)
		close(fd);
	if (ids)
		is = lacks_one(st, ids, n, p.c.depth);
	free(body);
	return is;
}

void store_look(struct lc_store *st, const struct lc_id *id)
{
	struct place copy[COPIES_MAX];
	size_t number[COPIES_MAX], n = store_copies(st, id, copy, number);

	for (size_t i = 0; i < n; i++)
		if (look_at(st, number[i]))
			return; /* one will do */
}

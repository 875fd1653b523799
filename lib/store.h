/*
 * store: chunks of bytes kept under the hash of their contents, and snapshots made of them.
 *
 * A store is a directory, laid out as in lc-store(5). Any number of processes may read and write
 * one at once, and be killed anywhere: a pack or a snapshot appears whole, by rename, or not at
 * all. Nothing is ever changed in place. A damaged pack does not stop the others from being read.
 */
#ifndef LC_STORE_H
#define LC_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "codec.h"
#include "err.h"
#include "hash.h"
#include "store_manifest.h"

/* Bytes a writer puts in one chunk; the last of a file holds the rest. */
#define LC_CHUNK (1u << 20)

#define LC_STORE_VERSION 3

struct lc_store; /* opaque */

/*
 * With create, to be written to: a store is made where there is none (or an empty directory), and
 * one of an older version becomes one of this. Until it is closed, the store's lock is shared:
 * nothing that is there goes away.
 */
struct lc_store *lc_store_open(const char *dir, int create, struct lc_err *err);

/*
 * Have the lock alone, to remove something: 1, or 0 when others have the store open and wait is 0.
 * What was known of the chunks is forgotten. lc_store_together goes back to sharing.
 */
int lc_store_alone(struct lc_store *st, int wait, struct lc_err *err);
int lc_store_together(struct lc_store *st, struct lc_err *err);

/* Before anything is put: let fn make the planes where that is quicker (lc_work_use). May be NULL.
 */
void lc_store_use(struct lc_store *st, lc_planes_fn fn);

/* Accepts NULL. What was put and not flushed is dropped. */
void lc_store_close(struct lc_store *st);

/*
 * Keep len bytes, cut every LC_CHUNK, and give the ids of the (len + LC_CHUNK - 1) / LC_CHUNK
 * pieces. What is known costs only its hash.
 * Chunks can be found by other processes after lc_store_flush.
 */
int lc_store_put(struct lc_store *st, const void *buf, size_t len, struct lc_id *ids,
		 struct lc_err *err);

/* Make all that was put durable, as one pack. stored gets its bytes (0: nothing was new). */
int lc_store_flush(struct lc_store *st, uint64_t *stored, struct lc_err *err);

/* The raw length of a chunk. LC_DATA when no pack has it. */
int lc_store_size(struct lc_store *st, const struct lc_id *id, size_t *len, struct lc_err *err);

/*
 * Read a chunk of len raw bytes and check its hash; a second copy is tried when the first is
 * damaged. May run in several threads at once, after one lc_store_size.
 */
int lc_store_get(const struct lc_store *st, const struct lc_id *id, void *buf, size_t len,
		 struct lc_err *err);

/* Each chunk kept, by number; one id may be there twice. The check says in err where it lies. */
size_t lc_store_chunks(struct lc_store *st, struct lc_err *err);
const struct lc_id *lc_store_chunk(const struct lc_store *st, size_t i);
int lc_store_check(const struct lc_store *st, size_t i, struct lc_err *err);

/* Packs whose index cannot be read: what is wrong with the i-th, or NULL past the last. */
const char *lc_store_bad_pack(const struct lc_store *st, size_t i);

/* A snapshot as it lies in the store: what it is, and circumstances, which its id leaves out. */
struct lc_snapshot {
	struct lc_id id;
	struct lc_manifest m;
	long seq;	 /* order of saving: one more than the greatest before it */
	double time;	 /* seconds since 1970, of the clock of the host */
	uint64_t stored; /* bytes the save added to the store */
	char host[65];
	struct lc_id base; /* the snapshot it was predicted from, when links > 0 */
	int links;	   /* snapshots below it in its chain of bases */
};
void lc_snapshot_release(struct lc_snapshot *s);

/*
 * Keep a snapshot: fills id, seq, time and host. All chunks must have been flushed. When it is
 * there already and sound, it is left as it was.
 */
int lc_store_add(struct lc_store *st, struct lc_snapshot *s, struct lc_err *err);

/* Say anew what s, which was read, is predicted from: the whole file is replaced. For gc. */
int lc_store_note(const struct lc_store *st, const struct lc_snapshot *s, struct lc_err *err);

/*
 * Keep a snapshot of another store: s as it was read there, line its manifest's text, whose hash is
 * its id. When and where it was saved stays; its seq is this store's.
 */
int lc_store_adopt(struct lc_store *st, struct lc_snapshot *s, const char *line,
		   struct lc_err *err);

/* Read one; LC_DATA when it is damaged, LC_SYS when it is not there. */
int lc_store_read(const struct lc_store *st, const struct lc_id *id, struct lc_snapshot *s,
		  struct lc_err *err);

/* The ids of all snapshots, ascending. *ids is the caller's (free). */
int lc_store_ids(const struct lc_store *st, struct lc_id **ids, size_t *n, struct lc_err *err);

#endif

/*
 * store_pack: the file that holds the chunks of one save: bodies, an index, a trailer
 * (lc-store(5)).
 *
 * Little-endian. The reader takes hostile input: every offset and length is checked against the
 * file's size before it is used.
 */
#ifndef LC_STORE_PACK_H
#define LC_STORE_PACK_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "hash.h"

#define LC_PACK_MAGIC "LCPACK1\n"
#define LC_PACK_HEAD 8	 /* bytes before the first body: the magic */
#define LC_PACK_ENTRY 56 /* bytes of an index entry */
#define LC_PACK_TRAILER 64
#define LC_CHUNK_MAX (1u << 26) /* raw bytes of a chunk, for any writer */

enum lc_codec {
	LC_CODEC_RAW = 0,
	LC_CODEC_ZSTD = 1,   /* one zstd frame */
	LC_CODEC_TENSOR = 2, /* store_body.h */
};

struct lc_chunk {
	struct lc_id id;      /* SHA-256 of the raw bytes */
	uint64_t at;	      /* where its body starts in the pack */
	uint32_t stored, raw; /* lengths; stored < raw unless it is kept raw */
	uint32_t crc;	      /* CRC-32C of the body; 0: not told (before version 3, or it is 0) */
	uint8_t codec;
	uint8_t depth; /* of what it is predicted from, all are below; 0: from nothing */
};

/*
 * Index and trailer of a pack with the n chunks given, whose bodies end at `end`. Sorts c. The
 * bytes are the caller's; name is the SHA-256 of the index, by which the pack is called.
 */
int lc_pack_tail(struct lc_chunk *c, size_t n, uint64_t end, char **buf, size_t *len,
		 struct lc_id *name, struct lc_err *err);

/*
 * Read what lc_pack_tail wrote. The trailer says where the index is, for a pack of size bytes; then
 * the index of n * LC_PACK_ENTRY bytes at *at, into c. What both say is checked.
 */
int lc_pack_trailer(const unsigned char t[LC_PACK_TRAILER], uint64_t size, uint64_t *at, size_t *n,
		    struct lc_err *err);
int lc_pack_index(const unsigned char *index, size_t n, const unsigned char t[LC_PACK_TRAILER],
		  struct lc_chunk *c, struct lc_err *err);

/* Index of the pack at path; *c is the caller's. */
int lc_pack_load(const char *path, struct lc_chunk **c, size_t *n, struct lc_err *err);

/* Read the body of a chunk of the pack open at fd, c->stored bytes. */
int lc_pack_body(int fd, const struct lc_chunk *c, void *body, struct lc_err *err);

/*
 * Undo a codec that needs no other chunk: stored has c->stored bytes, raw has room for c->raw. The
 * hash is checked.
 */
int lc_chunk_decode(const struct lc_chunk *c, const void *stored, void *raw, struct lc_err *err);
int lc_chunk_check(const struct lc_chunk *c, const void *raw, struct lc_err *err);

#endif

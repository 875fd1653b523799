/*
 * store_manifest: what a snapshot is: a tree of files, each a list of chunks, with run, step and
 * tags.
 *
 * Its text is one line of strict JSON with the keys in a fixed order (lc-store(5)); the SHA-256 of
 * that line is the snapshot's id. The reader takes hostile input: paths stay below the root, no
 * name comes twice, nothing lies below a link, and every number is bounded.
 */
#ifndef LC_STORE_MANIFEST_H
#define LC_STORE_MANIFEST_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "hash.h"
#include "store_role.h"

#define LC_MANIFEST_MAX ((size_t)1 << 28) /* bytes of text: some 4 TB of chunks */

enum lc_kind { LC_FILE, LC_DIR, LC_LINK };

struct lc_entry {
	enum lc_kind kind;
	char *path;	      /* bytes, relative, "a/b"; "." is the root directory itself */
	unsigned mode;	      /* permission bits, 0777 at the most; 0 for a link */
	uint64_t size;	      /* of a file, in bytes */
	unsigned roles;	      /* of a file: enum lc_role bits */
	struct lc_id *chunks; /* of a file, in order */
	size_t nchunks;
	char *target; /* of a link */
};

struct lc_tag {
	char *key, *value;
};

struct lc_manifest {
	char *run;
	long step;
	struct lc_tag *tags; /* ascending by key, no key twice */
	size_t ntags;
	struct lc_entry *e; /* ascending by path, as strcmp orders */
	size_t n;
};
void lc_manifest_release(struct lc_manifest *m);

/* Sets or replaces, by copies. LC_USAGE unless key is [A-Za-z0-9_.-]+ and value is plain text. */
int lc_manifest_tag(struct lc_manifest *m, const char *key, const char *value, struct lc_err *err);
const char *lc_manifest_get_tag(const struct lc_manifest *m, const char *key); /* NULL: none */

/* Sum of the files' sizes; union of their roles. */
uint64_t lc_manifest_bytes(const struct lc_manifest *m);
unsigned lc_manifest_roles(const struct lc_manifest *m);

/* UTF-8 without control characters: what may be a run's name or a tag's value. */
int lc_manifest_plain(const char *s);

/* The canonical line, without newline; the caller's. NULL never: m must be well-formed. */
char *lc_manifest_text(const struct lc_manifest *m);

/* Read a line. On failure m is empty. */
int lc_manifest_parse(const char *buf, size_t len, struct lc_manifest *m, struct lc_err *err);

/* A path as it is written: bytes outside 0x21..0x7e, and %, as %xx. NULL for any other spelling. */
char *lc_path_encode(const char *path);
char *lc_path_decode(const char *text);

#endif

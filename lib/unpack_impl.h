/* unpack_impl: what unpack.c and unpack_notes.c share, and nobody else sees. */
#ifndef LC_UNPACK_IMPL_H
#define LC_UNPACK_IMPL_H

#include <stddef.h>

#include "store_manifest.h"
#include "unpack.h"

struct dir {
	char *path; /* "." is the root */
	unsigned mode;
};

struct unpacker {
	struct lc_unpack *u;
	struct archive *a;
	int fd, spool; /* -1: the archive is read from fd as it is */
	unsigned char *block;
	size_t first; /* bytes of it that a look at a pipe has read */
	int seekable;
	int ended;	     /* the end of the file was seen */
	unsigned long zeros; /* bytes of zero that were read last */
	struct lc_err read_err;
	uint64_t total; /* bytes of the files unpacked so far */
	long members;
	size_t files; /* of the members */
	int notes_seen;
	char *only; /* the first file at the top */
	struct dir *dirs;
	size_t ndirs, cap;
};

/*
 * The name as the tree has it: "./" and repeated slashes go; "." is the root. NULL when it leads
 * out. The caller's.
 */
char *unpack_name(const char *name);

/* unpack_notes.c: take LC_NOTES out of the tree, and check the files against it. */
int unpack_notes(struct unpacker *p, struct lc_err *err);

/* Give directories their modes; a tree of one file is told. */
int unpack_finish(struct unpacker *p, struct lc_err *err);

#endif

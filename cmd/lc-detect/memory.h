/*
 * memory: what is kept of a run between calls: --state FILE, and the files of -c DIR.
 *
 * A file: one line of JSON, then `torn` bytes of a last line that had no end, then the detector as
 * lc_detect_save() gives it. It appears whole, by rename.
 */
#ifndef LC_DETECT_MEMORY_H
#define LC_DETECT_MEMORY_H

#include <sys/types.h>

#include "detect.h"

#define MARK 64 /* bytes before the offset that must still be there */

struct memory {
	/* of -c: which file it was, and how far it was read; path is the caller's to free */
	char *path;
	dev_t dev;
	ino_t ino;
	off_t offset;
	unsigned long line;
	char mark[2 * MARK + 1]; /* in hex */
	off_t journal;		 /* length of the journal when all of this was in it */
	/* of --state */
	char *torn;
	size_t torn_len;
};

/* 1 and both restored; 0 when there is no such file; -1. d may be NULL. */
int memory_load(struct memory *m, struct lc_detect *d, const char *path, struct lc_err *err);
int memory_save(const struct memory *m, const struct lc_detect *d, const char *path,
		struct lc_err *err);
void memory_release(struct memory *m);

#endif

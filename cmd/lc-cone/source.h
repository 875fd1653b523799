/*
 * source: the files that records are read from, once or as they are written.
 *
 * An operand is a file, "-", a directory of lc-guard (its journal, the run's records, and of each
 * fork what was forecast, run and decided) or one of lc-fork run (what was printed, and where each
 * branch stands). What a directory holds is looked up at each reading: forks and branches appear.
 */
#ifndef LC_SOURCE_H
#define LC_SOURCE_H

#include <time.h>

#include "cone.h"

struct source {
	char *path;
	int fd;	   /* -1: not open yet, or at its end for good */
	int whole; /* replaced as a whole: read again when it is another one */
	int rotated, done;
	unsigned long line, ino;
	struct timespec time;
	char *buf; /* what is read and no whole line yet */
	size_t len, cap;
};

struct sources {
	char **paths; /* as they were given; borrowed, ends with NULL */
	const struct lc_names *names;
	int follow; /* files may be missing yet; a line without its end may get one */
	struct source *s;
	size_t n, cap, *table, mask; /* by path: number + 1 */
};

/*
 * Take all that is there and was not read yet. 1: something was; 0: nothing new; -1: failed. *anew
 * is set when a file starts anew: what is known is to be released, and all read again from the top.
 */
int sources_read(struct sources *ss, struct cone *c, int *anew, struct lc_err *err);
int sources_ended(const struct sources *ss); /* there is nothing that could give more */
void sources_release(struct sources *ss);

/* source_dir.c: name all files of a directory that has records. */
typedef void source_fn(void *ctx, const char *path, int whole);
int source_dir(const char *dir, struct cone *c, source_fn *fn, void *ctx, struct lc_err *err);

#endif

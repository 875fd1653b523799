/*
 * store_tmp: temporaries that tell a dead writer's from a live one's.
 *
 * A temporary, file or directory, is locked (flock) by its writer for as long as that lives;
 * whoever can take the lock of one knows that its writer is dead, and removes it. No age, no
 * process number: it holds across reboots, containers and clocks that jump.
 */
#ifndef LC_STORE_TMP_H
#define LC_STORE_TMP_H

#include "err.h"

struct lc_tmp {
	int fd; /* holds the lock; -1 when there is none */
	char *path;
};

/* A new file (or directory) called prefix and a random word, locked. */
int lc_tmp_file(struct lc_tmp *t, const char *prefix, struct lc_err *err);
int lc_tmp_dir(struct lc_tmp *t, const char *prefix, struct lc_err *err);

/* fsync it, rename it to path, fsync path's directory. Releases t, also on failure. */
int lc_tmp_commit(struct lc_tmp *t, const char *path, struct lc_err *err);
void lc_tmp_abort(struct lc_tmp *t); /* removes it; no-op after commit */

/* Remove what dead writers left under prefix ("store/tmp/", ".run.restore-"). Never fails aloud. */
void lc_tmp_clean(const char *prefix);

#endif

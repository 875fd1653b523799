/*
 * child: a training command whose standard output is read, lc-read -x.
 *
 * The command keeps its process group, stdin and stderr. Signals of a terminal, and those that its
 * group is sent, it gets by itself; what only this program is sent is passed on.
 */
#ifndef LC_READ_CHILD_H
#define LC_READ_CHILD_H

#include "err.h"

/* Start it; its standard output becomes our standard input. SIGINT, SIGTERM and SIGHUP are its
 * business from now on. */
int child_start(char *const *argv, struct lc_err *err);

/* Wait for it: its exit status as sh(1) would say it, 128 + N for a signal; 127 and 126 when it was
 * not found or could not be run. */
int child_wait(void);

#endif

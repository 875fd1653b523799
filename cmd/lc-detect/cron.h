/*
 * cron: the directory that lc-detect -c keeps (cron.c says what is in it).
 */
#ifndef CRON_H
#define CRON_H

#include <sys/types.h>

#include "memory.h"
#include "run.h"
#include "verbs.h"

struct cron {
	const struct asked *asked;
	const struct siblings *siblings;
	const char *dir;
	int lock, journal; /* file descriptors */
	off_t length, said;
	unsigned long alerts;
	int trouble; /* status of the worst file */
};

/* cron_dir.c: made if need be, locked, and what no memory knows of cut from its journal. */
int cron_open(struct cron *c, struct lc_err *err);

/* What the journal holds and stdout does not goes there, and is noted. */
int cron_say(struct cron *c, struct lc_err *err);

#endif

/*
 * journal: a file of records that is only ever appended to, by any number of processes.
 *
 * A record is one write under an exclusive flock(2), and durable when it was added. What a killed
 * writer left torn stays, on a line of its own, and is no record.
 */
#ifndef LC_JOURNAL_H
#define LC_JOURNAL_H

#include <jansson.h>

#include "err.h"

struct lc_journal {
	int fd; /* -1: closed */
	char *path;
};

/* Made when it is not there. Until it is closed nobody else has it open. */
int lc_journal_open(struct lc_journal *j, const char *path, struct lc_err *err);
void lc_journal_close(struct lc_journal *j);

/* On failure nothing was added. */
int lc_journal_add(struct lc_journal *j, const json_t *rec, struct lc_err *err);

/*
 * Give each record of these types (NULL-ended) to fn, in order, until it gives other than 0, which
 * is returned. Other lines are passed over; a record of a version above max_v is an error.
 */
int lc_journal_each(const char *path, const char *const *types, long max_v,
		    int (*fn)(void *ctx, json_t *rec, const char *line, struct lc_err *err),
		    void *ctx, struct lc_err *err);

#endif

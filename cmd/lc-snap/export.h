/*
 * export: a snapshot on its way into an archive.
 */
#ifndef EXPORT_H
#define EXPORT_H

#include "archive_calls.h"
#include "pool.h"
#include "snap.h"

#define BATCH 16 /* chunks decoded at once */

struct exporter {
	const struct opts *o;
	struct lc_store *st;
	struct lc_pool *pool;
	struct archive *a;
	int zip;
	FILE *f;
	json_t *hashes; /* of the files, by path */
	uint64_t done, total;
	struct lc_err write_err; /* of the callback */
	int given_up;
	/* a batch of a file's chunks */
	const struct lc_id *ids;
	char *buf[BATCH];
	size_t len[BATCH];
	struct lc_err err[BATCH];
};

/* Of a member, by its path, or of the whole: what libarchive or the file says; and bad data. -1. */
int export_fail(struct exporter *x, const char *path, struct lc_err *err);
int export_bad(const char *path, const char *why, struct lc_err *err);

/* export_tree.c: the notes and the members. */
int export_notes(struct exporter *x, const struct lc_snapshot *s, struct lc_err *err);
int export_tree(struct exporter *x, const struct lc_snapshot *s, struct lc_err *err);

#endif

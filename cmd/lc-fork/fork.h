/*
 * fork: what the verbs of lc-fork share. A fork is a set of branches from states of one run.
 */
#ifndef FORK_H
#define FORK_H

#include <jansson.h>

#include "err.h"

int verb_plan(int argc, char **argv);
int verb_run(int argc, char **argv);
int verb_blame(int argc, char **argv);
int verb_one(int argc, char **argv);
int verb_replay(int argc, char **argv);
int verb_status(int argc, char **argv);

/* The store, through lc-snap. */
json_t *snapshots_list(const char *store, const char *run,
		       struct lc_err *err); /* array of snapshot records */
int snapshot_restore(const char *store, const char *id, const char *dir, struct lc_err *err);

#endif

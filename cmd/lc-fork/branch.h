/*
 * branch: one future on disk. DIR/BRANCH/ holds what it was told (actions.json), what it printed
 * (stdout.jsonl, metrics.jsonl, stderr.txt), the states it wrote (out/), a request that it end
 * (stop; or void, from the lc-fork that found it doing something else), and where it stands
 * (status.json): the one file that says so, whoever runs it.
 */
#ifndef BRANCH_H
#define BRANCH_H

#include <jansson.h>
#include <stdio.h>

#include "err.h"
#include "proc.h"
#include "stream.h"

enum status { WAITING, QUEUED, RUNNING, DONE, KILLED, FAILED, VOID };
extern const char *const status_names[];

struct branch {
	json_t *rec;	       /* the branch record; owned */
	const char *id, *role; /* in rec */
	const char *parent; /* id of the branch whose state it starts from, or NULL: a snapshot */
	long from_step, horizon;
	json_t *actions; /* in rec */
	enum status status;
	char why[240];
	double wall_s;
	char *dir, *state; /* state: what {state} is filled with; NULL until known */
	struct stream steps;
	long read_at[2]; /* bytes of its stdout and of its metrics file already looked at */
	long emit_at[2]; /* and already printed */

	/* while it runs here */
	struct lc_proc proc;
	int slot;
	double looked_at, output_at; /* lc_now(): last look at its files, last time they grew */
	long out_bytes;

	/* while it runs elsewhere */
	long attempt;
	char job[64];	   /* the engine's id for it, or empty */
	double missing_at; /* lc_now() when the engine was first seen not to know it */
	int lost;	   /* times it vanished */
	long status_mtime[2];

	/* for the fleet */
	int looked;	   /* for an end from an earlier run */
	long verify_at;	   /* records it must have for the next look at what it does */
	int announced;	   /* its record has been printed */
	int segments_made; /* its readout segments are in the fleet */
	int settled;	   /* verified, and its result printed */
	int dropped;	   /* the states it wrote are gone */
	long checked[3];   /* comparisons that verification made: lr, batches, hyper-parameters */
};
int branch_init(struct branch *b, json_t *rec, const char *fork_dir,
		struct lc_err *err); /* takes rec */
void branch_release(struct branch *b);

/* It ends with that status, and the reason. */
void branch_end(struct branch *b, enum status status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Has lc-collapse, a user or a verification asked for its end? The status to end with (KILLED, or
 * VOID), and the reason in b->why; or 0. */
enum status branch_stop_asked(struct branch *b);
/* Ask for its end as VOID, of the runner that has it. */
int branch_ask_void(const struct branch *b, const char *why, struct lc_err *err);
/* What was asked of another future of that name is not asked of this one. Nothing has run of this
 * one: where there is a status, it is the other's. */
void branch_forget(const struct branch *b);

/* Read what the branch has printed since the last look into steps, only whole lines unless it has
 * ended; with out, print its step records there too, each with the branch's id. */
int branch_read(struct branch *b, FILE *out, struct lc_err *err);

/* Print all its step records from what is on disk, and none twice. */
int branch_emit(struct branch *b, FILE *out, struct lc_err *err);

/* The state it wrote at the end of its horizon (the caller's), or NULL. */
char *branch_last_state(const struct branch *b);

json_t *branch_result(const struct branch *b); /* new reference */
long branch_step(const struct branch *b);      /* the last it printed, or where it started */

/*
 * Remember where it stands in its directory; load gives 1 when status.json is of the same record
 * and command, and takes over all that it says: an end (status from DONE on), or that it runs or
 * waits elsewhere.
 */
int branch_save(const struct branch *b, const char *command, struct lc_err *err);
int branch_load(struct branch *b, const char *command);

#endif

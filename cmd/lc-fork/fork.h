/*
 * fork: what the verbs of lc-fork share. A fork is a set of branches from states of one run.
 */
#ifndef FORK_H
#define FORK_H

#include <jansson.h>

#include "err.h"
#include "proc.h"

int verb_plan(int argc, char **argv);
int verb_run(int argc, char **argv);

/* One step a branch has logged: what verification and nothing else needs to keep. */
struct point {
	long step;
	double lr, loss, tokens;
	char batch[72];
};

struct stream {
	struct point *p;
	long n, cap;
	long nonfinite; /* the first step whose loss was not finite, or 0 */
};
void stream_add(struct stream *s,
		const struct point *p); /* a step that goes back replaces what followed */
const struct point *stream_find(const struct stream *s, long step);
void stream_release(struct stream *s);

enum status { WAITING, RUNNING, DONE, KILLED, FAILED, VOID };

struct branch {
	json_t *rec;	       /* the branch record; owned */
	const char *id, *role; /* in rec */
	const char *parent; /* id of the branch whose state it starts from, or NULL: a snapshot */
	long from_step, horizon;
	json_t *actions; /* in rec */
	int looked;	 /* for an end from an earlier run */
	int announced;	 /* its record has been printed */
	enum status status;
	char why[240];
	double wall_s;
	char *dir, *state; /* state: what {state} is filled with; NULL until known */
	struct lc_proc proc;
	struct stream steps;
	long read_at[2]; /* bytes of its stdout and of its metrics file already looked at */
	int segments_made;
};
int branch_init(struct branch *b, json_t *rec, const char *fork_dir,
		struct lc_err *err); /* takes rec */
void branch_release(struct branch *b);

/* Can it be a file name and a word: letters, digits, and . _ - inside? */
int good_name(const char *id);

/* Read what the branch has printed since the last look into steps. */
int branch_read(struct branch *b, struct lc_err *err);

/* Print its step records, each with the branch's id. */
int branch_emit_steps(struct branch *b, struct lc_err *err);
int branch_emit_result(const struct branch *b, struct lc_err *err);

/* Remember how it ended in its directory; load gives 1 when an earlier run of the same fork, with
 * the same command, finished it. */
int branch_save_end(const struct branch *b, const char *command, struct lc_err *err);
int branch_load_end(struct branch *b, const char *command, struct lc_err *err);

/*
 * Truth 6: did the intervention take effect? Compares the branch's stream with reference points
 * (the run's own log, overlaid by the control's stream) and with the branch that starts from the
 * same state and changes nothing (twin; may be NULL). Turns a DONE branch into VOID with the
 * reason.
 */
struct reference {
	struct stream run, control;
};
void verify_branch(struct branch *b, const struct reference *ref, const struct branch *twin);

/* The store, through lc-snap. */
json_t *snapshots_list(const char *store, const char *run,
		       struct lc_err *err); /* array of snapshot records */
int snapshot_restore(const char *store, const char *id, const char *dir, struct lc_err *err);

#endif

/*
 * job: a state that was taken over, and is being saved: STORE/jobs/ID (lc-store(5)).
 *
 * A file of JSON lines: what was taken and where it lies, then what became of it. Its process holds
 * the file's lock (flock) for as long as it lives: whoever gets the lock knows that it is dead. The
 * file goes when the state is in the store, after the bytes that were taken over.
 */
#ifndef LC_SNAP_JOB_H
#define LC_SNAP_JOB_H

#include "snap.h"

enum job_state { JOB_BEGUN, JOB_CAPTURED, JOB_DONE, JOB_FAILED };

struct job {
	char *file, *log;     /* STORE/jobs/ID, and ID.log beside it */
	int fd;		      /* of file, locked; -1: not held */
	char *origin;	      /* the path that was given */
	char *spool;	      /* a private directory; the state lies in it under its own name */
	char *path;	      /* where */
	int moved;	      /* not copied: it is the only one */
	struct lc_manifest m; /* run, step, tags */
	unsigned require;
	int part, parts;
	char *group, *host;
	double time; /* when it was taken; they are saved in this order */
	uint64_t bytes;
	/* what became of it */
	enum job_state state;
	int told; /* somebody has been told of the failure or the kill */
	int code; /* of a failure */
	char *why;
	json_t *record; /* of the snapshot, or the parts, when it is done */
};
void job_release(struct job *j);
char *job_host(void);		       /* the name of this one; the caller's */
json_t *job_line(const struct job *j); /* its first line; new reference */

/* A new one; its first line is durable. path is where the state is to lie in a private directory
 * called dir and "lc-snap-ID", or (dir NULL) STORE/jobs/ID.state. Fills file, fd, spool, path. */
int job_begin(struct job *j, const struct opts *o, const char *dir, struct lc_err *err);

/* Adds a line: {"state":...}. */
int job_captured(struct job *j, struct lc_err *err);
int job_failed(struct job *j, const struct lc_err *why);
int job_told(struct job *j);

/* The state is in the store: says so, and removes the bytes and the job. record is stolen. */
int job_done(struct job *j, json_t *record, struct lc_err *err);

/* Removes the bytes and the job. */
int job_drop(struct job *j, struct lc_err *err);

/* All jobs of a store, oldest first; those whose process is dead are held (alone, or together with
 * others who only look), the others not. */
struct job_list {
	struct job *j;
	size_t n;
};
int jobs_load(const struct opts *o, int alone, struct job_list *list, struct lc_err *err);
void jobs_release(struct job_list *list);

/* Waits until its process has ended, and reads what became of it. */
int job_wait(struct job *j, struct lc_err *err);

/* One line for people: what is kept where, and why it is not in the store. The caller's. */
char *job_words(const struct job *j);
json_t *job_record(const struct job *j); /* new reference */

/* capture.c: the bytes of a tree, taken over before this returns: by rename, or by a copy. */
int capture_move(const struct job *j, struct lc_err *err);
int capture_back(const struct job *j); /* where it came from, if nothing is there by now */
int capture_copy(const struct job *j, const struct tree *t, int clone, struct lc_err *err);
/* Where a copy is to lie: in memory if it fits, else NULL: in the store; *clone: on its file system
 * a copy costs nothing. */
const char *capture_where(const struct opts *o, const struct tree *t, int *clone);

/* save.c: the state at path, under the run, step and tags of o. *record: what is to be printed. */
int save_path(const struct opts *o, const char *path, json_t **record, struct lc_err *err);

/* detach.c: save with --move or --detach: the tree has been walked and named. Prints. */
int save_taken(const struct opts *o, const char *path, struct tree *t, struct lc_err *err);
/* Saves what a job that we hold has taken; the job is gone, or has failed. */
int job_run(struct job *j, const struct opts *o, json_t **record, struct lc_err *err);

/*
 * wait.c: before a save or a restore. jobs_wait waits as long as `most` or more are on their way
 * (of that run and part alone, with run not NULL): 1 when it had to. jobs_name names what has
 * failed or was killed and gives the number of those; with tell, nobody is told again.
 */
int jobs_wait(const struct opts *o, const char *run, int most);
int jobs_name(const struct opts *o, int tell);

#endif

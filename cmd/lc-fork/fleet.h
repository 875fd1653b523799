/*
 * fleet: all branches of one fork: read, given their states, started by an engine, looked after
 * until they end, verified and reported.
 */
#ifndef FLEET_H
#define FLEET_H

#include "branch.h"
#include "runner.h"
#include "verify.h"

struct engine;

struct settings {
	struct launch launch;
	const struct engine *engine;
	const char *dir, *history;
	const char **words; /* passed through to the engine's program */
	int nwords;
	const char *submit, *poll, *cancel; /* templates of the engines cmd and k8s */
	const char *then;		    /* slurm: template of the job after all others */
	const char *image, *claim;	    /* k8s */
	int jobs, keep, quiet, in_order, retries;
	int mute; /* no records on stdout, no verification */
};

struct fleet {
	struct settings *set;
	char *dir;	   /* of the fork, absolute */
	const char *name;  /* of the fork, in a branch record */
	struct branch **b; /* in the order they are printed: a branch, its segments, the next */
	int n, cap;
	struct branch **live; /* those that the engine has */
	int nlive, caplive;
	int first_waiting; /* no branch before this place waits */
	int ended;	   /* some branch has ended since the results were looked at */
	struct lc_keeper keeper;
	int lock;    /* descriptor that holds the directory's lock; 0: none */
	FILE *print; /* standard output, and from the first branch record on dir/evidence.jsonl */
	int log;     /* that file's descriptor; 0: none yet */
	FILE *out; /* where step records go as they come (print); NULL: in the order of the plan */
	struct reference ref;
	int ref_ready;
	struct {
		int batch; /* of submissions */
		double asked_at, alive_at;
		char *known; /* what the engine's program said that it has */
		int then;    /* the job after all others is submitted */
		struct lc_proc proc;
	} job;
};

/* Everything on stdin goes on to stdout untouched; its branch records make the fleet, in dir (or,
 * NULL, one named after the fork). */
int fleet_read(struct fleet *f, const char *dir, struct lc_err *err);
void fleet_release(struct fleet *f); /* what still runs is killed */

/* Open f->print. */
int fleet_open_print(struct fleet *f, struct lc_err *err);

/* Make the directory and take its lock. name: of the fork, for a dir that is NULL. */
int fleet_open_dir(struct fleet *f, const char *dir, const char *name, struct lc_err *err);
/* Put a branch at place `at`. Takes rec. */
int fleet_insert(struct fleet *f, int at, json_t *rec, int announced, struct lc_err *err);
struct branch *fleet_find(const struct fleet *f, const char *id);

/* Restore each snapshot the branches start from, once, read-only, for all that share it; before
 * that, see that the disk has room for them and for what the branches will write. */
int fleet_restore(struct fleet *f, struct lc_err *err);

/* All of it: the history, the states, the engine, the runs. A signal that asks for the end ends it
 * with -1, and then die_of_signal does not return. */
int fleet_carry_out(struct fleet *f, struct lc_err *err);
void fleet_die_of_signal(struct fleet *f);

/* The x_ actions that any branch has, for launch.also. New reference. */
json_t *fleet_own_actions(const struct fleet *f);

/* Run all to their ends; *stop becomes true when a signal asks for the end. */
int fleet_run(struct fleet *f, volatile const int *stop, struct lc_err *err);

/*
 * Queue the segments that read branch `at`, right behind it: "return" to the control's learning
 * rate, and "cool" from it to zero (DESIGN section 8, truth 2), from the state that it wrote at its
 * end. None without that state.
 */
int fleet_add_segments(struct fleet *f, int at, struct lc_err *err);

/* Has branch b a state to start from? 1, 0 not yet (its parent runs), -1 never: it has FAILED. */
int fleet_ready(const struct fleet *f, struct branch *b);

/* The states that an ended branch wrote go, when nothing starts from them any more. */
void fleet_drop_state(struct fleet *f, struct branch *b);

/* Verify and print the results of those that can be judged by now; at the end, of all. */
int fleet_settle(struct fleet *f, int all, struct lc_err *err);

/* One that runs and is already known to do something else is asked to end, as VOID. */
int fleet_look_early(struct fleet *f, struct branch *b, struct lc_err *err);

/* A line on a terminal: what runs, what ended how, the best, the time to go. */
void fleet_progress(const struct fleet *f, double started, int last);

#endif

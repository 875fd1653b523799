/*
 * proc: commands that run in process groups of their own, and never outlive us.
 *
 * A keeper process, forked first, knows every running group; when the program that opened it is
 * gone, even by SIGKILL, the keeper ends them all.
 */
#ifndef LC_PROC_H
#define LC_PROC_H

#include <sys/types.h>

#include "err.h"

struct lc_keeper {
	pid_t pid;
	int fd; /* -1: closed */
};
int lc_keeper_open(struct lc_keeper *k, struct lc_err *err);
void lc_keeper_close(struct lc_keeper *k); /* the groups still known to it are killed */

struct lc_proc {
	pid_t pid;	/* leader, and id, of the group; 0: not running */
	double started; /* lc_now() */
	double term_at; /* when SIGTERM was sent; 0: not yet */
	int status;	/* as wait(2) gives it, once ended */
	int timed_out;
};

/*
 * Run command through sh -c in directory dir, in its own group, stdin from /dev/null, stdout and
 * stderr appended to files. env is a NULL-ended list of "NAME=value" added to the environment.
 */
struct lc_command {
	const char *command, *dir, *out_path, *err_path;
	char *const *env;
};
int lc_proc_start(struct lc_proc *p, struct lc_keeper *k, const struct lc_command *c,
		  struct lc_err *err);

/* Has it ended? 1 yes (what its group left behind is killed), 0 no. timeout_s > 0 bounds its life:
 * SIGTERM, and SIGKILL grace_s later. */
int lc_proc_poll(struct lc_proc *p, struct lc_keeper *k, double timeout_s, double grace_s);

/* Ask the whole group to end; lc_proc_poll sees it through. */
void lc_proc_term(struct lc_proc *p);

/* End the group now, and reap its leader. */
void lc_proc_kill(struct lc_proc *p, struct lc_keeper *k);

/* Kill every process that has this word ("NAME=value") in its environment, as execve(2) gave it. */
void lc_proc_sweep(const char *word);

/* The exit status of an ended command as sh(1) would say it: 128 + N for a signal. */
int lc_proc_status(const struct lc_proc *p);

#endif

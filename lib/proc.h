/*
 * proc: commands that run in process groups of their own, and never outlive us.
 *
 * A keeper process, forked first, knows every running group; when the program that opened it is
 * gone, even by SIGKILL, the keeper ends them all, and with them all that carries their mark in its
 * environment, whatever session it went to. The program itself adopts what its commands orphan
 * (PR_SET_CHILD_SUBREAPER) and ends it with the command; each command dies with the program
 * (PR_SET_PDEATHSIG) even where the keeper was killed too.
 */
#ifndef LC_PROC_H
#define LC_PROC_H

#include <sys/types.h>

#include "err.h"

struct lc_keeper {
	pid_t pid;
	int fd; /* -1: closed */
	struct lc_kept {
		pid_t pid;
		long serial;
	} * run; /* the groups that run */
	int n, cap;
	long serial;   /* of the command started last */
	char mark[64]; /* a variable's name; its value is the command's serial */
};
int lc_keeper_open(struct lc_keeper *k, struct lc_err *err);
void lc_keeper_close(struct lc_keeper *k); /* the groups still known to it are killed */

/* Kill and reap what ended commands left behind in sessions of their own (torchrun's workers,
 * daemons). */
void lc_keeper_tidy(struct lc_keeper *k);

struct lc_proc {
	pid_t pid;	/* leader, and id, of the group; 0: not running */
	double started; /* lc_now() */
	double term_at; /* when SIGTERM was sent; 0: not yet */
	int status;	/* as wait(2) gives it, once ended */
	int timed_out;
};

/*
 * Run command through sh -c, or argv without a shell where it is given, in directory dir, in its
 * own group, with no signal blocked, stdin from /dev/null, stdout and stderr appended to files. env
 * is a NULL-ended list of "NAME=value" added to the environment. nice is added to ours; memory > 0
 * bounds the data of each of its processes, in bytes (RLIMIT_DATA).
 */
struct lc_command {
	const char *command, *dir, *out_path, *err_path;
	char *const *env;
	char *const *argv;
	int nice;
	unsigned long long memory;
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

/* The exit status of an ended command as sh(1) would say it: 128 + N for a signal. */
int lc_proc_status(const struct lc_proc *p);

/* For the two files of this module. */
void lc_keeper_add(struct lc_keeper *k, pid_t pid);
void lc_keeper_remove(struct lc_keeper *k, pid_t pid);

#endif

/* child: see child.h. */
#include "child.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile pid_t child;
static volatile sig_atomic_t signals;

/*
 * Was it sent to the whole group, so that the child has it already? The kernel's is. A program that
 * means the group of a leader names it by the leader, and cannot be told from one that means the
 * leader alone: a leader passes on only the second, so that the trainer is not asked twice to end
 * while it saves its state.
 */
static void pass_on(int sig, siginfo_t *info, void *context)
{
	int saved = errno;

	(void)context;
	if (info->si_code == SI_KERNEL || (getpgrp() == getpid() && signals++ == 0))
		return;
	if (child > 0)
		kill(child, sig);
	errno = saved;
}

/* In the child; ends are the pipe's. */
static void run(char *const *argv, const int ends[2])
{
	close(ends[0]);
	if (ends[1] != STDOUT_FILENO) {
		dup2(ends[1], STDOUT_FILENO);
		close(ends[1]);
	}
	execvp(argv[0], argv);
	lc_warn("run %s: %s", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

int child_start(char *const *argv, struct lc_err *err)
{
	static const int ours[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction act = {.sa_sigaction = pass_on, .sa_flags = SA_SIGINFO | SA_RESTART}, was;
	int ends[2];

	if (pipe(ends) < 0)
		return lc_fail_sys(err, "pipe");
	child = fork();
	if (child < 0)
		return lc_fail_sys(err, "fork");
	if (child == 0)
		run(argv, ends);
	close(ends[1]);
	if (ends[0] != STDIN_FILENO) {
		if (dup2(ends[0], STDIN_FILENO) < 0)
			return lc_fail_sys(err, "dup2");
		close(ends[0]);
	}
	sigemptyset(&act.sa_mask);
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		sigaction(ours[i], NULL, &was);
		if (was.sa_handler != SIG_IGN) /* under nohup */
			sigaction(ours[i], &act, NULL);
	}
	return 0;
}

int child_wait(void)
{
	int status;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return LC_SYS;
	child = 0;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

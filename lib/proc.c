/* proc: see proc.h. */
#include "proc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io.h"

extern char **environ;

/* The child shares our memory until it has become the command (vfork): it calls the kernel, and
 * nothing that changes anything of ours. */
struct child {
	const struct lc_command *c;
	char *const *argv;
	char **env;
	int in, out, errs, keeper;
	pid_t parent;
};

static void child_failed(const char *what)
{
	dprintf(STDERR_FILENO, "%s: %s: %s\n", lc_program(), what, strerror(errno));
	_exit(127);
}

static void set_limits(const struct lc_command *c)
{
	struct rlimit lim = {c->memory, c->memory};

	if (c->memory)
		setrlimit(RLIMIT_DATA, &lim);
	if (c->nice)
		setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + c->nice);
}

static void become(const struct child *ch)
{
	pid_t self = getpid();
	sigset_t none;

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* the keeper knows us before anything runs: a parent killed in between leaves nothing */
	if (ch->keeper >= 0 && write(ch->keeper, &self, sizeof(self)) != sizeof(self))
		_exit(127);
	if (getppid() != ch->parent)
		_exit(127);
	if (ch->in < 0 || ch->out < 0 || ch->errs < 0)
		child_failed(ch->c->out_path);
	if (ch->c->dir && chdir(ch->c->dir) < 0)
		child_failed(ch->c->dir);
	dup2(ch->in, STDIN_FILENO);
	dup2(ch->out, STDOUT_FILENO);
	dup2(ch->errs, STDERR_FILENO);
	set_limits(ch->c);
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execvpe(ch->argv[0], ch->argv, ch->env);
	child_failed(ch->argv[0]);
}

static int same_name(const char *a, const char *b)
{
	size_t n = strcspn(a, "=");

	return strncmp(a, b, n + 1) == 0;
}

/* The environment of a command: ours, and over it its own and the mark. The array is the caller's.
 */
static char **environment(const struct lc_command *c, char *mark)
{
	size_t n = 0, own = 0, have = 0;
	char **all;

	while (environ[have])
		have++;
	while (c->env && c->env[own])
		own++;
	all = lc_xalloc(have + own + 2, sizeof(*all));
	for (size_t i = 0; i < have; i++) {
		int over = 0;
		for (size_t k = 0; k < own && !over; k++)
			over = same_name(c->env[k], environ[i]);
		if (!over)
			all[n++] = environ[i];
	}
	for (size_t k = 0; k < own; k++)
		all[n++] = c->env[k];
	all[n] = mark;
	return all;
}

static void open_files(struct child *ch)
{
	const int how = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC;

	ch->in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ch->errs = open(ch->c->err_path, how, 0666);
	ch->out = open(ch->c->out_path, how, 0666); /* the last: errno tells of it */
}

static void close_files(const struct child *ch)
{
	const int fds[] = {ch->in, ch->out, ch->errs};

	for (int i = 0; i < 3; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

int lc_proc_start(struct lc_proc *p, struct lc_keeper *k, const struct lc_command *c,
		  struct lc_err *err)
{
	char *mark = lc_path("%s=%ld", k->mark, ++k->serial);
	char *const shell[] = {"/bin/sh", "-c", (char *)c->command, NULL};
	struct child ch = {
		c, c->argv ? c->argv : shell, environment(c, mark), -1, -1, -1, k->fd, getpid()};
	int ret = 0;

	memset(p, 0, sizeof(*p));
	open_files(&ch);
	p->pid = vfork();
	if (p->pid == 0)
		become(&ch);
	if (p->pid < 0) {
		p->pid = 0;
		ret = lc_fail_sys(err, "fork");
	} else {
		lc_keeper_add(k, p->pid);
		p->started = lc_now();
	}
	close_files(&ch);
	free(ch.env);
	free(mark);
	return ret;
}

static void ended(struct lc_proc *p, struct lc_keeper *k)
{
	kill(-p->pid, SIGKILL); /* what it left behind in its group */
	lc_keeper_remove(k, p->pid);
	p->pid = 0;
	lc_keeper_tidy(k);
}

int lc_proc_poll(struct lc_proc *p, struct lc_keeper *k, double timeout_s, double grace_s)
{
	pid_t got;

	if (!p->pid)
		return 1;
	got = waitpid(p->pid, &p->status, WNOHANG);
	if (got == p->pid || (got < 0 && errno == ECHILD)) {
		ended(p, k);
		return 1;
	}
	if (timeout_s > 0 && !p->term_at && lc_now() - p->started > timeout_s) {
		p->timed_out = 1;
		lc_proc_term(p);
	}
	if (p->term_at && lc_now() - p->term_at > grace_s)
		kill(-p->pid, SIGKILL);
	return 0;
}

void lc_proc_term(struct lc_proc *p)
{
	if (!p->pid || p->term_at)
		return;
	p->term_at = lc_now();
	kill(-p->pid, SIGTERM);
	kill(-p->pid, SIGCONT);
}

void lc_proc_kill(struct lc_proc *p, struct lc_keeper *k)
{
	if (!p->pid)
		return;
	kill(-p->pid, SIGKILL);
	while (waitpid(p->pid, &p->status, 0) < 0 && errno == EINTR)
		;
	ended(p, k);
}

int lc_proc_status(const struct lc_proc *p)
{
	return WIFSIGNALED(p->status) ? 128 + WTERMSIG(p->status) : WEXITSTATUS(p->status);
}

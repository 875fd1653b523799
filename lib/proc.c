/* proc: see proc.h. */
#include "proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io.h"

#define KEPT 1024 /* groups a keeper can know at once */

/* The keeper reads group ids: +id a group began, -id it ended. At the end of the pipe it kills the
 * rest. */
static void keep(int fd)
{
	pid_t kept[KEPT], msg;
	int n = 0;

	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	while (read(fd, &msg, sizeof(msg)) == sizeof(msg)) {
		if (msg > 0 && n < KEPT)
			kept[n++] = msg;
		for (int i = 0; msg < 0 && i < n; i++)
			if (kept[i] == -msg)
				kept[i--] = kept[--n];
	}
	for (int i = 0; i < n; i++)
		kill(-kept[i], SIGKILL);
	_exit(0);
}

int lc_keeper_open(struct lc_keeper *k, struct lc_err *err)
{
	int fd[2];

	k->fd = -1;
	if (pipe2(fd, O_CLOEXEC) < 0)
		return lc_fail_sys(err, "pipe");
	k->pid = fork();
	if (k->pid < 0) {
		lc_fail_sys(err, "fork");
		close(fd[0]);
		close(fd[1]);
		return -1;
	}
	if (k->pid == 0) {
		setpgid(0, 0);
		close(fd[1]);
		/* a reader of our output must not wait for the keeper */
		close(STDIN_FILENO);
		close(STDOUT_FILENO);
		keep(fd[0]);
	}
	close(fd[0]);
	k->fd = fd[1];
	return 0;
}

void lc_keeper_close(struct lc_keeper *k)
{
	if (k->fd < 0)
		return;
	close(k->fd);
	k->fd = -1;
	while (waitpid(k->pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static void tell(struct lc_keeper *k, pid_t msg)
{
	struct lc_err ignored;

	if (k->fd >= 0)
		lc_write_all(k->fd, &msg, sizeof(msg), "keeper", &ignored);
}

static void child_failed(const char *what)
{
	struct lc_err err;

	lc_fail_sys(&err, "%s", what);
	lc_warn("%s", err.text);
	_exit(127);
}

static void run_child(const struct lc_command *c, int go)
{
	int in = open("/dev/null", O_RDONLY);
	int out = open(c->out_path, O_WRONLY | O_CREAT | O_APPEND, 0666);
	int errs = open(c->err_path, O_WRONLY | O_CREAT | O_APPEND, 0666);
	char byte;

	setpgid(0, 0);
	/* not before the keeper knows us: a parent killed in between must leave nothing behind */
	if (read(go, &byte, 1) != 1)
		_exit(127);
	if (in < 0 || out < 0 || errs < 0)
		child_failed(c->out_path);
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(errs, STDERR_FILENO);
	signal(SIGPIPE, SIG_DFL);
	if (c->dir && chdir(c->dir) < 0)
		child_failed(c->dir);
	for (char *const *e = c->env; e && *e; e++)
		putenv(*e);
	execl("/bin/sh", "sh", "-c", c->command, (char *)NULL);
	child_failed("/bin/sh");
}

int lc_proc_start(struct lc_proc *p, struct lc_keeper *k, const struct lc_command *c,
		  struct lc_err *err)
{
	int go[2];

	memset(p, 0, sizeof(*p));
	if (pipe2(go, O_CLOEXEC) < 0)
		return lc_fail_sys(err, "pipe");
	p->pid = fork();
	if (p->pid < 0) {
		p->pid = 0;
		lc_fail_sys(err, "fork");
		close(go[0]);
		close(go[1]);
		return -1;
	}
	if (p->pid == 0) {
		close(go[1]);
		run_child(c, go[0]);
	}
	setpgid(p->pid, p->pid); /* here too: whichever of us comes first */
	tell(k, p->pid);
	close(go[0]);
	lc_write_all(go[1], "g", 1, "child", NULL);
	close(go[1]);
	p->started = lc_now();
	return 0;
}

static void ended(struct lc_proc *p, struct lc_keeper *k)
{
	kill(-p->pid, SIGKILL); /* what it left behind in its group */
	tell(k, -p->pid);
	p->pid = 0;
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

/* Is word one of the NUL-ended strings of buf? */
static int has_word(const char *buf, size_t len, const char *word)
{
	for (size_t i = 0; i < len; i += strlen(buf + i) + 1)
		if (strcmp(buf + i, word) == 0)
			return 1;
	return 0;
}

void lc_proc_sweep(const char *word)
{
	DIR *proc = opendir("/proc");
	struct dirent *de;
	char *path, *env;
	size_t len;
	int mine;

	while (proc && (de = readdir(proc))) {
		pid_t pid = (pid_t)strtol(de->d_name, NULL, 10);
		if (pid <= 0 || pid == getpid())
			continue;
		path = lc_path("/proc/%ld/environ", (long)pid);
		mine = lc_read_file(path, &env, &len, NULL) == 0;
		free(path);
		if (!mine)
			continue;
		if (has_word(env, len, word))
			kill(pid, SIGKILL);
		free(env);
	}
	if (proc)
		closedir(proc);
}

int lc_proc_status(const struct lc_proc *p)
{
	return WIFSIGNALED(p->status) ? 128 + WTERMSIG(p->status) : WEXITSTATUS(p->status);
}

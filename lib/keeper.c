/* keeper: who ends what a program started, when it cannot. See proc.h. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "io.h"
#include "proc.h"

/* The serial that a process carries under this mark; 0: it carries none. A zombie has none. */
static long serial_of(pid_t pid, const char *mark)
{
	char *path = lc_path("/proc/%ld/environ", (long)pid), *env = NULL;
	size_t len = 0, n = strlen(mark);
	long serial = 0;

	if (lc_read_file(path, &env, &len, NULL) == 0)
		for (size_t i = 0; i < len && !serial; i += strlen(env + i) + 1)
			if (strncmp(env + i, mark, n) == 0 && env[i + n] == '=')
				serial = strtol(env + i + n + 1, NULL, 10);
	free(env);
	free(path);
	return serial;
}

static int runs(const struct lc_keeper *k, long serial)
{
	for (int i = 0; i < k->n; i++)
		if (k->run[i].serial == serial)
			return 1;
	return 0;
}

/* Kill every process of the machine that carries the mark of a command that does not run. How many
 * there were. */
static int kill_marked(const struct lc_keeper *k)
{
	DIR *proc = opendir("/proc");
	struct dirent *de;
	int n = 0;

	while (proc && (de = readdir(proc))) {
		pid_t pid = isdigit((unsigned char)de->d_name[0]) ? atoi(de->d_name) : 0;
		long serial = pid && pid != getpid() ? serial_of(pid, k->mark) : 0;
		n += serial && !runs(k, serial) && kill(pid, SIGKILL) == 0;
	}
	if (proc)
		closedir(proc);
	return n;
}

/* The keeper reads group ids: +id a group began, -id it ended. At the end of the pipe it kills the
 * rest, and again while what forked meanwhile turns up. */
static void keep(int fd, const struct lc_keeper *k)
{
	pid_t *kept = NULL, msg;
	size_t n = 0, cap = 0;

	while (read(fd, &msg, sizeof(msg)) == sizeof(msg)) {
		if (msg > 0 && n == cap) {
			cap = cap ? 2 * cap : 64;
			kept = lc_xrealloc(kept, cap, sizeof(*kept));
		}
		if (msg > 0)
			kept[n++] = msg;
		for (size_t i = 0; msg < 0 && i < n; i++)
			if (kept[i] == -msg)
				kept[i--] = kept[--n];
	}
	for (size_t i = 0; i < n; i++)
		kill(-kept[i], SIGKILL);
	for (int i = 0; i < 100 && kill_marked(k) > 0; i++)
		nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
	_exit(0);
}

static void name_mark(struct lc_keeper *k)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	snprintf(k->mark, sizeof(k->mark), "LC_KEPT_%ld_%lld%09ld", (long)getpid(),
		 (long long)t.tv_sec, t.tv_nsec);
}

static void be_keeper(struct lc_keeper *k, int fd[2])
{
	static const int deaf[] = {SIGINT, SIGTERM, SIGHUP};
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int i = 0; i < 3; i++)
		signal(deaf[i], SIG_IGN);
	setpgid(0, 0);
	close(fd[1]);
	/* a reader of our output must not wait for the keeper */
	close(STDIN_FILENO);
	close(STDOUT_FILENO);
	prctl(PR_SET_NAME, "lc-keeper");
	keep(fd[0], k);
}

int lc_keeper_open(struct lc_keeper *k, struct lc_err *err)
{
	int fd[2];

	memset(k, 0, sizeof(*k));
	k->fd = -1;
	name_mark(k);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (pipe2(fd, O_CLOEXEC) < 0)
		return lc_fail_sys(err, "pipe");
	k->pid = fork();
	if (k->pid < 0) {
		lc_fail_sys(err, "fork");
		close(fd[0]);
		close(fd[1]);
		return -1;
	}
	if (k->pid == 0)
		be_keeper(k, fd);
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
	k->n = 0;
	lc_keeper_tidy(k);
	free(k->run);
	k->run = NULL;
	k->cap = 0;
}

void lc_keeper_add(struct lc_keeper *k, pid_t pid)
{
	if (k->n == k->cap) {
		k->cap = k->cap ? 2 * k->cap : 16;
		k->run = lc_xrealloc(k->run, (size_t)k->cap, sizeof(*k->run));
	}
	k->run[k->n++] = (struct lc_kept){pid, k->serial};
}

void lc_keeper_remove(struct lc_keeper *k, pid_t pid)
{
	pid_t msg = -pid;

	for (int i = 0; i < k->n; i++)
		if (k->run[i].pid == pid)
			k->run[i--] = k->run[--k->n];
	if (k->fd >= 0)
		lc_write_all(k->fd, &msg, sizeof(msg), "keeper", NULL);
}

static int is_leader(const struct lc_keeper *k, pid_t pid)
{
	if (k->fd >= 0 && pid == k->pid)
		return 1;
	for (int i = 0; i < k->n; i++)
		if (k->run[i].pid == pid)
			return 1;
	return 0;
}

/* A child of ours that we did not start: orphaned by a command. 1: it was one of an ended command,
 * and is told to die, or has. */
static int end_orphan(const struct lc_keeper *k, pid_t pid)
{
	long serial = serial_of(pid, k->mark);

	if (serial && !runs(k, serial))
		return kill(pid, SIGKILL) == 0;
	return !serial && waitpid(pid, NULL, WNOHANG) == pid;
}

/* Ids of our children, as text. NULL: this kernel does not list them. */
static char *children(void)
{
	char *path = lc_path("/proc/self/task/%ld/children", (long)getpid()), *text = NULL;
	size_t len;

	if (lc_read_file(path, &text, &len, NULL) < 0)
		text = NULL;
	free(path);
	return text;
}

void lc_keeper_tidy(struct lc_keeper *k)
{
	char *listed = children();

	free(listed);
	if (!listed)
		kill_marked(k);
	/* an orphan's own children come to us only when it is gone: again, until none is left */
	for (int round = 0, found = listed != NULL; found && round < 200; round++) {
		char *text = children(), *p = text, *end;
		if (round)
			nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
		found = 0;
		for (long pid; p && (pid = strtol(p, &end, 10)) > 0 && end != p; p = end)
			if (!is_leader(k, (pid_t)pid))
				found |= end_orphan(k, (pid_t)pid);
		free(text);
	}
}

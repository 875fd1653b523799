/* child: programs that move bytes to and from another store. See remote.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io.h"
#include "remote.h"

#define BLOCK ((size_t)1 << 18)
#define TICK_MS 200
#define WORDS 300

char **child_command(const char *variable, const char *usual, char *const *argv)
{
	const char *command = getenv(variable);
	char **all;
	size_t n = 0, k = 0;

	while (argv[n])
		n++;
	all = lc_xalloc(n + 5, sizeof(*all));
	if (command && *command) {
		all[k++] = lc_path("sh");
		all[k++] = lc_path("-c");
		all[k++] = lc_path("exec %s \"$@\"", command);
	}
	all[k++] = lc_path("%s", usual);
	for (size_t i = 0; i < n; i++)
		all[k++] = lc_path("%s", argv[i]);
	return all;
}

static void run(char *const *argv, int in, int out, int errs)
{
	if (in < 0)
		in = open("/dev/null", O_RDONLY);
	/* it must not outlive us: half a file would go on being sent */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(errs, STDERR_FILENO);
	execvp(argv[0], argv);
	dprintf(STDERR_FILENO, "%s: %s\n", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

/* in -2: a pipe, whose other end is fd[0]; fd[1] is its stdout. */
int child_start(char *const *argv, int in, int fd[2], int *errs, struct lc_err *err)
{
	int to[2] = {-1, -1}, from[2] = {-1, -1};
	pid_t self = getpid(), pid = -1;

	fd[0] = fd[1] = -1;
	*errs = memfd_create("words", MFD_CLOEXEC);
	if (*errs < 0 || (in == -2 && pipe2(to, O_CLOEXEC) < 0) || pipe2(from, O_CLOEXEC) < 0 ||
	    (pid = fork()) < 0) {
		lc_fail_sys(err, "start %s", argv[0]);
		for (int i = 0; i < 2; i++) {
			close(to[i]);
			close(from[i]);
		}
		close(*errs);
		return -1;
	}
	if (pid == 0) {
		if (getppid() != self)
			_exit(127);
		run(argv, in == -2 ? to[0] : in, from[1], *errs);
	}
	close(from[1]);
	if (in == -2)
		close(to[0]);
	fd[0] = to[1];
	fd[1] = from[0];
	return pid;
}

/* The last line that it said; it may hold anything, and is shown on a terminal. */
static void last_words(int fd, char words[WORDS])
{
	off_t end = lseek(fd, 0, SEEK_END), at = end > WORDS - 1 ? end - (WORDS - 1) : 0;
	ssize_t n = pread(fd, words, WORDS - 1, at);
	char *nl;

	words[n > 0 ? n : 0] = '\0';
	for (n = (ssize_t)strlen(words); n > 0 && strchr("\r\n ", words[n - 1]); n--)
		words[n - 1] = '\0';
	nl = strrchr(words, '\n');
	if (nl)
		memmove(words, nl + 1, strlen(nl));
	for (char *p = words; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
}

int child_end(int pid, int errs, const struct remote *r, int *status, struct lc_err *err)
{
	char words[WORDS];
	int st, code;

	while (waitpid(pid, &st, 0) < 0 && errno == EINTR)
		;
	code = WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st);
	last_words(errs, words);
	close(errs);
	if (status && code < 125) {
		*status = code;
		if (code == 0)
			return 0;
	}
	if (code == 0)
		return 0;
	if (!*words)
		snprintf(words, sizeof(words), "ended with status %d", code);
	lc_fail(err, code == LC_DATA && r->ops == &remote_ssh ? LC_DATA : LC_SYS, "%s", words);
	return status && code < 125 ? 0 : -1;
}

int child_run(const struct child *c, struct lc_err *err)
{
	char *buf = lc_xalloc(BLOCK, 1);
	struct lc_err ignored;
	int fd[2], errs, ret = 0, pid = child_start(c->argv, c->in, fd, &errs, err);
	uint64_t got = 0;
	ssize_t n = 1;

	while (pid >= 0 && n != 0) {
		struct pollfd p = {.fd = fd[1], .events = POLLIN};
		if (poll(&p, 1, TICK_MS) > 0) {
			n = read(fd[1], buf, BLOCK);
			if (n < 0 && errno == EINTR)
				continue;
			if (n < 0)
				ret = lc_fail_sys(err, "read from %s", c->argv[0]);
			if (n > 0 && c->s && sink_take(c->s, buf, (size_t)n, err) < 0)
				ret = -1;
			got += n > 0 ? (uint64_t)n : 0;
			if (ret < 0)
				break;
		}
		/* what it reads moves our file's offset too */
		remote_tick(c->r, c->in >= 0 ? (uint64_t)lseek(c->in, 0, SEEK_CUR) : got);
	}
	free(buf);
	if (pid < 0)
		return -1;
	close(fd[1]);
	if (ret < 0)
		kill(pid, SIGTERM);
	if (child_end(pid, errs, c->r, ret < 0 ? NULL : c->status, ret < 0 ? &ignored : err) < 0)
		ret = -1;
	return ret;
}

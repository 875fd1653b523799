/* tool: see tool.h. */
#include "tool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io.h"
#include "json.h"

char *lc_tool_path(const char *name)
{
	char self[4096], *slash, *path;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n > 0) {
		self[n] = '\0';
		slash = strrchr(self, '/');
		path = lc_path("%.*s/%s", (int)(slash - self), self, name);
		if (access(path, X_OK) == 0)
			return path;
		free(path);
	}
	return lc_path("%s", name);
}

/* Start argv with its stdout and stderr on pipes of ours. */
static pid_t start(char *const *argv, int out[2], int errs[2], struct lc_err *err)
{
	char *path;
	pid_t pid;

	if (pipe(out) < 0 || pipe(errs) < 0)
		return lc_fail_sys(err, "pipe");
	pid = fork();
	if (pid < 0)
		return lc_fail_sys(err, "fork");
	if (pid > 0) {
		close(out[1]);
		close(errs[1]);
		return pid;
	}
	dup2(out[1], STDOUT_FILENO);
	dup2(errs[1], STDERR_FILENO);
	for (int i = 0; i < 2; i++) {
		close(out[i]);
		close(errs[i]);
	}
	path = lc_tool_path(argv[0]);
	execvp(path, argv);
	fprintf(stderr, "%s: %s\n", path, strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

static json_t *read_records(int fd, const char *what, struct lc_err *err)
{
	struct lc_lines in = {.fd = fd, .path = what};
	json_t *all = json_array(), *rec;
	char *line;
	size_t len;
	int more;

	while ((more = lc_lines_next(&in, &line, &len, err)) > 0) {
		rec = lc_json_parse(line, len, what, err);
		if (!rec) {
			more = -1;
			break;
		}
		json_array_append_new(all, rec);
	}
	lc_lines_close(&in);
	if (more < 0) {
		json_decref(all);
		return NULL;
	}
	return all;
}

/* The last line of what it said, without a newline. What it says is little: the pipe holds it. */
static void last_words(int fd, char *buf, size_t size)
{
	size_t n = 0;
	ssize_t got;
	char *nl;

	while (n < size - 1 && (got = read(fd, buf + n, size - 1 - n)) > 0)
		n += (size_t)got;
	buf[n] = '\0';
	while (n > 0 && buf[n - 1] == '\n')
		buf[--n] = '\0';
	nl = strrchr(buf, '\n');
	if (nl)
		memmove(buf, nl + 1, strlen(nl));
}

static json_t *run(char *const *argv, int forgive, struct lc_err *err)
{
	int out[2], errs[2], status, code;
	char words[400];
	json_t *all;
	pid_t pid = start(argv, out, errs, err);

	if (pid < 0)
		return NULL;
	all = read_records(out[0], argv[0], err);
	last_words(errs[0], words, sizeof(words));
	close(errs[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	code = WIFEXITED(status) ? WEXITSTATUS(status) : LC_SYS;
	if (all && code == LC_DATA && forgive && json_array_size(all) > 0)
		lc_warn("%s", words);
	else if (all && code != 0) {
		json_decref(all);
		all = NULL;
		lc_fail(err, (enum lc_code)code, "%s", words[0] ? words : argv[0]);
	}
	return all;
}

json_t *lc_tool_records(char *const *argv, struct lc_err *err)
{
	return run(argv, 0, err);
}

json_t *lc_tool_good_records(char *const *argv, struct lc_err *err)
{
	return run(argv, 1, err);
}

/*
 * engine_elsewhere: what engines share whose branches run on other machines: the fork's directory,
 * which all of them see, is the only thing they talk through.
 *
 *	DIR/launch.json       how branches are run        DIR/alive        touched while we live
 *	DIR/run/BRANCH.json   its record, and its state   DIR/jobs/        what was submitted
 *	DIR/BRANCH/           as everywhere
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine.h"
#include "io.h"
#include "json.h"

#define LOOK_S 0.3   /* between two looks at one branch's files */
#define MISSED_S 8.0 /* a directory over a network may be that late */

static int save_launch(const struct fleet *f, struct lc_err *err)
{
	char *path = lc_path("%s/launch.json", f->dir);
	struct launch l = f->set->launch;
	char *store = realpath(l.store, NULL);
	json_t *j;
	int ret;

	l.store = store ? store : l.store;
	j = launch_to_json(&l);
	ret = lc_json_save(path, j, err);
	json_decref(j);
	free(store);
	free(path);
	return ret;
}

/* The first number that no job of this fork has. */
static int next_batch(const struct fleet *f)
{
	for (int k = 1;; k++) {
		char *path = lc_path("%s/jobs/%d", f->dir, k);
		int there = access(path, F_OK) == 0;
		free(path);
		if (!there)
			return k;
	}
}

int elsewhere_open(struct fleet *f, struct lc_err *err)
{
	static const char *const dirs[] = {"run", "jobs"};
	int ret = 0;

	for (int i = 0; i < 2 && ret == 0; i++) {
		char *path = lc_path("%s/%s", f->dir, dirs[i]);
		ret = lc_mkdirs(path, err);
		free(path);
	}
	if (ret < 0)
		return -1;
	f->job.batch = next_batch(f);
	return save_launch(f, err);
}

int elsewhere_room(const struct fleet *f)
{
	(void)f;
	return 1000; /* at once; Slurm's usual limit of an array */
}

int elsewhere_submit(struct fleet *f, struct branch *b, const char *job, struct lc_err *err)
{
	char *path = lc_path("%s/run/%s.json", f->dir, b->id);
	json_t *j = json_pack("{s:O,s:s*}", "record", b->rec, "state", b->state);
	int ret = lc_json_save(path, j, err);

	json_decref(j);
	free(path);
	if (ret < 0)
		return -1;
	b->status = QUEUED;
	b->missing_at = 0;
	b->output_at = lc_now();
	snprintf(b->job, sizeof(b->job), "%s", job);
	if (mkdir(b->dir, 0777) < 0 && access(b->dir, W_OK) < 0)
		return lc_fail_sys(err, "mkdir %s", b->dir);
	return branch_save(b, f->set->launch.tmpl, err);
}

/* A new attempt begins at its own first line: what an earlier one printed is superseded. */
static void begin_again(struct branch *b)
{
	stream_release(&b->steps);
	memset(b->read_at, 0, sizeof(b->read_at));
	memset(b->emit_at, 0, sizeof(b->emit_at));
	b->verify_at = 0;
}

static int changed(struct branch *b)
{
	char *path = lc_path("%s/status.json", b->dir);
	struct stat st;
	int is = stat(path, &st) == 0 && (st.st_mtim.tv_sec != b->status_mtime[0] ||
					  st.st_mtim.tv_nsec != b->status_mtime[1]);

	if (is) {
		b->status_mtime[0] = st.st_mtim.tv_sec;
		b->status_mtime[1] = st.st_mtim.tv_nsec;
		b->output_at = lc_now();
	}
	free(path);
	return is;
}

int elsewhere_look(struct fleet *f, struct branch *b, FILE *out, struct lc_err *err)
{
	long attempt = b->attempt;
	double now = lc_now();
	enum status asked;

	if (now - b->looked_at < LOOK_S)
		return 0;
	b->looked_at = now;
	if (changed(b))
		branch_load(b, f->set->launch.tmpl);
	asked = b->status == QUEUED ? branch_stop_asked(b) : WAITING;
	if (asked) {
		b->status = asked; /* the runner that comes to it finds it ended */
		return branch_save(b, f->set->launch.tmpl, err) < 0 ? -1 : 1;
	}
	if (b->attempt != attempt)
		begin_again(b);
	if (b->status >= RUNNING && branch_read(b, out, err) < 0)
		return -1;
	return b->status >= DONE;
}

void elsewhere_missing(struct fleet *f, struct branch *b)
{
	if (!b->missing_at)
		b->missing_at = lc_now();
	if (lc_now() - b->missing_at < MISSED_S || b->status >= DONE)
		return;
	b->missing_at = 0;
	if (++b->lost > f->set->retries) {
		branch_end(b, FAILED, "%s lost it %d times", f->set->engine->name, b->lost);
		branch_save(b, f->set->launch.tmpl, NULL);
		return;
	}
	b->status = WAITING;
	b->job[0] = '\0';
}

char *elsewhere_list(struct fleet *f, const char *name, struct branch **b, int n,
		     struct lc_err *err)
{
	char *path = lc_path("%s/jobs/%s", f->dir, name), *text = NULL;
	size_t len;
	FILE *m = open_memstream(&text, &len);
	int ret;

	if (!m)
		abort();
	for (int i = 0; i < n; i++)
		fprintf(m, "%s\n", b[i]->id);
	if (fclose(m) == EOF)
		abort();
	ret = lc_put_file(path, text, len, err);
	free(text);
	if (ret == 0)
		return path;
	free(path);
	return NULL;
}

static void child(char *const *argv, int in, int out)
{
	sigset_t none;

	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execvp(argv[0], argv);
	lc_warn("%s: cannot be run", argv[0]);
	_exit(127);
}

/* All that fd gives. The caller's. */
static char *drain(int fd)
{
	size_t n = 0, cap = 4096;
	char *buf = lc_xalloc(cap, 1);
	ssize_t got;

	while ((got = read(fd, buf + n, cap - n - 1)) > 0) {
		n += (size_t)got;
		if (cap - n < 2)
			buf = lc_xrealloc(buf, cap *= 2, 1);
	}
	buf[n] = '\0';
	return buf;
}

int engine_call(char *const *argv, const char *text, char **out, struct lc_err *err)
{
	FILE *in = tmpfile();
	int p[2], status = -1;
	char *said;
	pid_t pid;

	if (!in || pipe2(p, O_CLOEXEC) < 0) {
		if (in)
			fclose(in);
		return lc_fail_sys(err, "run %s", argv[0]);
	}
	fputs(text ? text : "", in);
	rewind(in);
	pid = fork();
	if (pid == 0)
		child(argv, fileno(in), p[1]);
	close(p[1]);
	said = drain(p[0]);
	close(p[0]);
	fclose(in);
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		lc_fail_sys(err, "run %s", argv[0]);
	else if (status)
		lc_fail(err, LC_SYS, "%s ended with status %d", argv[0],
			WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	if (out)
		*out = said;
	else
		free(said);
	return pid < 0 || !WIFEXITED(status) ? -1 : WEXITSTATUS(status);
}

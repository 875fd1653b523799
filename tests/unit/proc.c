/*
 * proc: commands end with everything they started, when asked, when late, and when we are killed.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "io.h"
#include "proc.h"

static char dir[] = "proc.XXXXXX";
static struct lc_keeper keeper;
static char *out, *errs, *mark;

static void begin(void)
{
	struct lc_err err;

	cr_assert(mkdtemp(dir));
	out = lc_path("%s/out", dir);
	errs = lc_path("%s/err", dir);
	mark = lc_path("%s/mark", dir);
	cr_assert_eq(lc_keeper_open(&keeper, &err), 0);
}

static void end(void)
{
	lc_keeper_close(&keeper);
	lc_remove_tree(dir, NULL);
	free(out);
	free(errs);
	free(mark);
}

TestSuite(proc, .init = begin, .fini = end, .timeout = 30);

static void nap(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static void start(struct lc_proc *p, const char *command, char *const *env)
{
	struct lc_command c = {command, NULL, out, errs, env, NULL, 0, 0};
	struct lc_err err = {0};

	cr_assert_eq(lc_proc_start(p, &keeper, &c, &err), 0, "%s", err.text);
}

static void wait_for(struct lc_proc *p, double timeout_s, double grace_s)
{
	while (!lc_proc_poll(p, &keeper, timeout_s, grace_s))
		nap();
}

/* The number in a file, once it is there. */
static pid_t pid_in(const char *path)
{
	char *text = NULL;
	size_t len = 0;
	pid_t pid;

	while (access(path, F_OK) < 0 || lc_read_file(path, &text, &len, NULL) < 0 || len < 2) {
		free(text);
		text = NULL;
		nap();
	}
	pid = atoi(text);
	free(text);
	return pid;
}

/* Gone, or a zombie that its adoptive parent has not looked at yet. */
static int dead(pid_t pid)
{
	char *path = lc_path("/proc/%d/stat", (int)pid), state = 'X';
	FILE *f = fopen(path, "r");

	if (f) {
		if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
			state = 'X';
		fclose(f);
	}
	free(path);
	return state == 'X' || state == 'Z';
}

static int soon_dead(pid_t pid)
{
	for (int i = 0; i < 5000 && !dead(pid); i++)
		nap();
	return dead(pid);
}

Test(proc, status_output_environment)
{
	char *env[] = {"LC_STATE=here", NULL}, *text;
	struct lc_proc p;
	size_t len;

	start(&p, "echo $LC_STATE; cat; echo no >&2; exit 3", env);
	wait_for(&p, 0, 0);
	cr_assert_eq(lc_proc_status(&p), 3);
	cr_assert_eq(lc_read_file(out, &text, &len, NULL), 0);
	cr_assert_str_eq(text, "here\n", "stdin is empty");
	free(text);
	cr_assert_eq(lc_read_file(errs, &text, &len, NULL), 0);
	cr_assert_str_eq(text, "no\n");
	free(text);
	start(&p, "echo again", NULL);
	wait_for(&p, 0, 0);
	cr_assert_eq(lc_read_file(out, &text, &len, NULL), 0);
	cr_assert_str_eq(text, "here\nagain\n", "appended");
	free(text);
}

Test(proc, a_signal_is_128_more)
{
	struct lc_proc p;

	start(&p, "kill -9 $$", NULL);
	wait_for(&p, 0, 0);
	cr_assert_eq(lc_proc_status(&p), 137);
	start(&p, "no-such-command-anywhere", NULL);
	wait_for(&p, 0, 0);
	cr_assert_eq(lc_proc_status(&p), 127);
}

/* The leader ends; what it left in its group ends too. */
Test(proc, what_is_left_behind_is_killed)
{
	struct lc_proc p;
	char *command = lc_path("sleep 61 & echo $! >%s; exit 0", mark);

	start(&p, command, NULL);
	wait_for(&p, 0, 0);
	cr_assert_eq(lc_proc_status(&p), 0);
	cr_assert(soon_dead(pid_in(mark)));
	free(command);
}

Test(proc, a_timeout_is_sigterm_then_sigkill)
{
	struct lc_proc p;
	double t0 = lc_now();

	start(&p, "exec sleep 62", NULL);
	wait_for(&p, 0.1, 20);
	cr_assert(p.timed_out);
	cr_assert_eq(lc_proc_status(&p), 128 + SIGTERM);
	start(&p, "trap '' TERM; while :; do sleep 0.1; done", NULL);
	wait_for(&p, 0.3, 0.2);
	cr_assert(p.timed_out);
	cr_assert_eq(lc_proc_status(&p), 137);
	cr_assert(lc_now() - t0 < 20, "the grace was not waited for in vain");
}

/* A stopped command hears SIGTERM too. */
Test(proc, term_wakes_the_stopped)
{
	struct lc_proc p;
	char *command = lc_path("trap 'exit 9' TERM; echo $$ >%s; kill -STOP $$; sleep 1", mark);

	start(&p, command, NULL);
	pid_in(mark);
	lc_proc_term(&p);
	wait_for(&p, 0, 10);
	cr_assert(lc_proc_status(&p) == 9 || lc_proc_status(&p) == 128 + SIGTERM);
	free(command);
}

Test(proc, kill_is_at_once_and_whole)
{
	struct lc_proc p;
	char *command = lc_path("trap '' TERM; (sleep 63) & echo $! >%s; wait", mark);
	pid_t child;

	start(&p, command, NULL);
	child = pid_in(mark);
	lc_proc_kill(&p, &keeper);
	cr_assert_eq(p.pid, 0);
	cr_assert(soon_dead(child));
	lc_proc_kill(&p, &keeper); /* not running: nothing */
	free(command);
}

/* Closing the keeper ends what still runs. */
Test(proc, keeper_closed)
{
	struct lc_proc p;
	char *command = lc_path("sleep 64 & echo $! >%s; wait", mark);
	pid_t child;

	start(&p, command, NULL);
	child = pid_in(mark);
	lc_keeper_close(&keeper);
	cr_assert(soon_dead(child));
	cr_assert(soon_dead(p.pid));
	free(command);
}

/* The program that opened the keeper is killed by SIGKILL: its commands end. */
Test(proc, opener_killed)
{
	char *command = lc_path("sleep 65 & echo $! >%s; wait", mark);
	pid_t victim = fork(), child;

	cr_assert_neq(victim, -1);
	if (victim == 0) {
		struct lc_keeper k;
		struct lc_proc p;
		struct lc_command c = {command, NULL, out, errs, NULL, NULL, 0, 0};
		if (lc_keeper_open(&k, NULL) < 0 || lc_proc_start(&p, &k, &c, NULL) < 0)
			_exit(1);
		pause();
	}
	child = pid_in(mark);
	cr_assert_not(dead(child));
	kill(victim, SIGKILL);
	waitpid(victim, NULL, 0);
	cr_assert(soon_dead(child));
	free(command);
}

/* A keeper that is told of more groups than run at a time forgets those that ended. */
Test(proc, thousands_one_after_the_other)
{
	struct lc_proc p;
	char *command = lc_path("sleep 66 & echo $! >%s; wait", mark);
	pid_t child;

	for (int i = 0; i < 1200; i++) { /* more than the keeper can know at once */
		start(&p, ":", NULL);
		wait_for(&p, 0, 0);
	}
	start(&p, command, NULL);
	child = pid_in(mark);
	lc_keeper_close(&keeper);
	cr_assert(soon_dead(child));
	free(command);
}

Test(proc, output_that_cannot_be_written)
{
	struct lc_command c = {"exit 0", NULL, "no/such/dir/out", errs, NULL, NULL, 0, 0};
	struct lc_proc p;

	cr_assert_eq(lc_proc_start(&p, &keeper, &c, NULL), 0);
	wait_for(&p, 0, 0);
	cr_assert_eq(lc_proc_status(&p), 127);
}

/* What left for a session of its own, by two forks, is ours again, and ends with its command. */
Test(proc, a_daemon_ends_with_its_command)
{
	char *command = lc_path("setsid sh -c 'sleep 67 & echo $! >%s; wait' & "
				"while ! [ -s %s ]; do sleep 0.01; done; exit 0",
				mark, mark);
	struct lc_proc p;
	pid_t child;

	start(&p, command, NULL);
	child = pid_in(mark);
	wait_for(&p, 0, 0);
	for (int i = 0; i < 5000 && !dead(child); i++) {
		lc_keeper_tidy(&keeper);
		nap();
	}
	cr_assert(dead(child));
	free(command);
}

/* One that left belongs to a command that still runs: another's end is none of its business. */
Test(proc, a_daemon_lives_as_long_as_its_command)
{
	char *command = lc_path("setsid sh -c 'sleep 68 & echo $! >%s; wait' & sleep 69", mark);
	struct lc_proc p, q;
	pid_t child;

	start(&p, command, NULL);
	child = pid_in(mark);
	start(&q, ":", NULL);
	wait_for(&q, 0, 0);
	lc_keeper_tidy(&keeper);
	cr_assert_not(dead(child));
	lc_proc_kill(&p, &keeper);
	for (int i = 0; i < 5000 && !dead(child); i++) {
		lc_keeper_tidy(&keeper);
		nap();
	}
	cr_assert(dead(child));
	free(command);
}

/* The opener and its keeper are killed at once: the kernel ends the command (and so its leader). */
Test(proc, opener_and_keeper_killed)
{
	char *command = lc_path("echo $$ >%s; exec sleep 70", mark);
	pid_t victim = fork(), child;

	cr_assert_neq(victim, -1);
	if (victim == 0) {
		struct lc_keeper k;
		struct lc_proc p;
		struct lc_command c = {command, NULL, out, errs, NULL, NULL, 0, 0};
		if (lc_keeper_open(&k, NULL) < 0 || lc_proc_start(&p, &k, &c, NULL) < 0)
			_exit(1);
		kill(k.pid, SIGKILL);
		pause();
	}
	child = pid_in(mark);
	kill(victim, SIGKILL);
	waitpid(victim, NULL, 0);
	cr_assert(soon_dead(child));
	free(command);
}

Test(proc, words_without_a_shell)
{
	char *argv[] = {"printf", "%s|", "a b", "$HOME", ";", NULL}, *text;
	struct lc_command c = {NULL, NULL, out, errs, NULL, argv, 0, 0};
	struct lc_proc p;
	size_t len;

	cr_assert_eq(lc_proc_start(&p, &keeper, &c, NULL), 0);
	wait_for(&p, 0, 0);
	cr_assert_eq(lc_proc_status(&p), 0);
	cr_assert_eq(lc_read_file(out, &text, &len, NULL), 0);
	cr_assert_str_eq(text, "a b|$HOME|;|");
	free(text);
}

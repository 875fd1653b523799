/*
 * io: files that appear whole or not at all, and lines as real logs have them.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io.h"

static char dir[] = "io-test.XXXXXX";
static struct lc_err err;

static void enter(void)
{
	cr_assert(mkdtemp(dir) && chdir(dir) == 0);
}

static void leave(void)
{
	cr_assert(chdir("..") == 0 && lc_remove_tree(dir, NULL) == 0);
}

TestSuite(io, .init = enter, .fini = leave, .timeout = 30);

static void holds(const char *path, const char *want, size_t n)
{
	char *buf;
	size_t len;

	cr_assert_eq(lc_read_file(path, &buf, &len, &err), 0, "%s", err.text);
	cr_assert(len == n && memcmp(buf, want, n) == 0 && buf[n] == '\0',
		  "%s holds %zu bytes: %.40s", path, len, buf);
	free(buf);
}

static int entries(const char *path)
{
	DIR *d = opendir(path);
	int n = 0;

	for (struct dirent *e; (e = readdir(d));)
		n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	closedir(d);
	return n;
}

static void append(const char *path, const char *text)
{
	FILE *f = fopen(path, "a");

	cr_assert(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

Test(io, files_go_round)
{
	char zeros[200000] = {0};

	cr_assert_eq(lc_write_file("a", "x\0y", 3, &err), 0);
	holds("a", "x\0y", 3);
	cr_assert_eq(lc_write_file("a", "", 0, &err), 0);
	holds("a", "", 0);
	cr_assert_eq(lc_write_file("a", zeros, sizeof(zeros), &err), 0);
	holds("a", zeros, sizeof(zeros));
	cr_assert_eq(entries("."), 1);
}

Test(io, a_file_without_a_size_is_read)
{
	char *buf;
	size_t len;

	cr_assert_eq(lc_read_file("/proc/self/status", &buf, &len, &err), 0);
	cr_assert_gt(len, 100);
	free(buf);
}

Test(io, what_cannot_be_read_or_written_is_told)
{
	char *buf;
	size_t len;

	cr_assert_eq(lc_read_file("nosuch", &buf, &len, &err), -1);
	cr_assert(err.code == LC_SYS && strstr(err.text, "open nosuch: No such file"));
	cr_assert_eq(lc_read_file(".", &buf, &len, &err), -1);
	cr_assert_eq(lc_write_file("nosuch/a", "x", 1, &err), -1);
	cr_assert_eq(err.code, LC_SYS);
	cr_assert_eq(mkdir("d", 0777), 0);
	cr_assert_eq(lc_write_file("d", "x", 1, &err), -1);
	cr_assert_eq(entries("."), 1);
}

Test(io, what_is_no_file_is_written_to_and_stays)
{
	char got[8] = "";
	struct stat st;
	int fd;

	cr_assert_eq(mkfifo("fifo", 0666), 0);
	fd = open("fifo", O_RDONLY | O_NONBLOCK);
	cr_assert_eq(lc_write_file("fifo", "law", 3, &err), 0, "%s", err.text);
	cr_assert(read(fd, got, sizeof(got)) == 3 && strcmp(got, "law") == 0);
	cr_assert(stat("fifo", &st) == 0 && S_ISFIFO(st.st_mode));
	close(fd);
	cr_assert_eq(entries("."), 1);
}

/* A node of our own: were it replaced, the system's /dev/full would not be. */
Test(io, a_full_device_is_a_failed_write_and_stays)
{
	struct stat st;
	int fd = mknod("full", S_IFCHR | 0666, 1 << 8 | 7) == 0 ? open("full", O_WRONLY) : -1;

	if (fd < 0) {
		cr_skip_test("no device node can be made here");
		return;
	}
	close(fd);
	cr_assert_eq(lc_write_file("full", "law", 3, &err), -1);
	cr_assert(err.code == LC_SYS && strstr(err.text, "write full: No space"), "%s", err.text);
	cr_assert(stat("full", &st) == 0 && S_ISCHR(st.st_mode));
	cr_assert_eq(entries("."), 1);
}

Test(io, a_link_stays_and_its_target_is_replaced)
{
	struct stat st;

	cr_assert(mkdir("d", 0777) == 0 && symlink("d/far", "near") == 0 &&
		  symlink("far2", "d/far") == 0);
	for (int i = 0; i < 2; i++) { /* first it leads nowhere */
		cr_assert_eq(lc_write_file("near", i ? "new" : "old", 3, &err), 0, "%s", err.text);
		holds("d/far2", i ? "new" : "old", 3);
	}
	cr_assert(lstat("near", &st) == 0 && S_ISLNK(st.st_mode));
	cr_assert(lstat("d/far", &st) == 0 && S_ISLNK(st.st_mode));
	cr_assert(entries(".") == 2 && entries("d") == 2);
	cr_assert_eq(symlink("ring", "ring"), 0);
	cr_assert_eq(lc_write_file("ring", "x", 1, &err), -1);
	cr_assert(strstr(err.text, "create ring: Too many levels"), "%s", err.text);
}

/* A disk that is full after 64 KiB, as far as this process can tell. */
static void full_disk(void)
{
	struct rlimit small = {65536, 65536};

	signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
}

Test(io, a_failed_write_leaves_the_old_file_and_nothing_else)
{
	static char big[1000000];

	cr_assert_eq(lc_write_file("a", "old", 3, &err), 0);
	full_disk();
	cr_assert_eq(lc_write_file("a", big, sizeof(big), &err), -1);
	cr_assert_eq(err.code, LC_SYS);
	holds("a", "old", 3);
	cr_assert_eq(entries("."), 1);
}

Test(io, a_failed_flush_is_a_failed_write)
{
	struct lc_newfile nf;

	full_disk();
	cr_assert_eq(lc_newfile_open(&nf, "a", &err), 0);
	for (int i = 0; i < 65536 + 10; i++)
		fputc('x', nf.f); /* what is over the limit is still buffered */
	cr_assert_eq(lc_newfile_commit(&nf, &err), -1);
	cr_assert_eq(entries("."), 0);
	lc_newfile_abort(&nf);
}

Test(io, an_aborted_file_was_never_there)
{
	struct lc_newfile nf;

	cr_assert_eq(lc_newfile_open(&nf, "a", &err), 0);
	fputs("half", nf.f);
	lc_newfile_abort(&nf);
	lc_newfile_abort(&nf);
	cr_assert_eq(entries("."), 0);
}

Test(io, a_killed_writer_leaves_the_old_file)
{
	struct lc_newfile nf;
	int status;
	pid_t pid;

	cr_assert_eq(lc_write_file("a", "old", 3, &err), 0);
	pid = fork();
	if (pid == 0) {
		lc_newfile_open(&nf, "a", NULL);
		fputs("half", nf.f);
		fflush(nf.f);
		raise(SIGKILL);
	}
	cr_assert(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
	holds("a", "old", 3);
}

Test(io, write_all_tells_a_full_disk)
{
	int fd = open("/dev/full", O_WRONLY);

	cr_assert_eq(lc_write_all(fd, "x", 1, "records", &err), -1);
	cr_assert_eq(err.code, LC_SYS);
	cr_assert(strstr(err.text, "write records: "));
	close(fd);
}

Test(io, directories)
{
	cr_assert_eq(lc_mkdirs("a/b/c", &err), 0);
	cr_assert_eq(lc_mkdirs("a/b/c/", &err), 0);
	append("a/f", "x");
	cr_assert_eq(lc_mkdirs("a/f/c", &err), -1);
	cr_assert_eq(lc_fsync_parent("a/f", &err), 0);
	cr_assert_eq(lc_fsync_parent("f", &err), 0);
	cr_assert_eq(lc_fsync_dir("nosuch", &err), -1);
}

Test(io, remove_tree_takes_all_but_follows_no_link)
{
	cr_assert_eq(lc_mkdirs("a/ro/x", &err), 0);
	append("a/ro/x/f", "x");
	append("keep", "x");
	cr_assert_eq(symlink("../keep", "a/link"), 0);
	cr_assert_eq(symlink("nosuch", "a/dangling"), 0);
	cr_assert_eq(chmod("a/ro/x", 0555), 0);
	cr_assert_eq(chmod("a/ro", 0555), 0);
	cr_assert_eq(lc_remove_tree("a", &err), 0, "%s", err.text);
	cr_assert_eq(entries("."), 1);
	holds("keep", "x", 1);
	cr_assert_eq(lc_remove_tree("nosuch", &err), 0);
}

/* The next line is want. */
static void next_is(struct lc_lines *ls, const char *want)
{
	char *line;
	size_t len;

	cr_assert_eq(lc_lines_next(ls, &line, &len, &err), 1, "no line where %s was expected",
		     want);
	cr_assert(len == strlen(want) && strcmp(line, want) == 0, "%s, not %s", line, want);
}

static void at_end(struct lc_lines *ls)
{
	char *line;
	size_t len;

	cr_assert_eq(lc_lines_next(ls, &line, &len, &err), 0);
}

Test(io, lines)
{
	struct lc_lines ls;

	append("a", "one\n\ntwo\r\n\r\nthree\rfour\nfi\r\n\nlast");
	cr_assert_eq(lc_lines_open(&ls, "a", 0, &err), 0);
	next_is(&ls, "one");
	next_is(&ls, "");
	next_is(&ls, "two");
	next_is(&ls, "");
	next_is(&ls, "three\rfour");
	next_is(&ls, "fi");
	next_is(&ls, "");
	cr_assert(!ls.torn && ls.line == 7);
	next_is(&ls, "last");
	cr_assert(ls.torn && ls.line == 8);
	at_end(&ls);
	at_end(&ls);
	lc_lines_close(&ls);
}

Test(io, lines_of_nothing)
{
	struct lc_lines ls;

	append("a", "");
	cr_assert_eq(lc_lines_open(&ls, "a", 0, &err), 0);
	at_end(&ls);
	lc_lines_close(&ls);
	cr_assert_eq(lc_lines_open(&ls, "nosuch", 0, &err), -1);
	cr_assert_eq(err.code, LC_SYS);
	cr_assert_eq(lc_lines_open(&ls, ".", 0, &err), 0);
	cr_assert_eq(lc_lines_next(&ls, &(char *){NULL}, &(size_t){0}, &err), -1);
	lc_lines_close(&ls);
}

Test(io, lines_with_nul_bytes)
{
	struct lc_lines ls;
	char *line;
	size_t len;

	cr_assert_eq(lc_write_file("a", "a\0b\n\0\nc\n", 8, &err), 0);
	cr_assert_eq(lc_lines_open(&ls, "a", 0, &err), 0);
	cr_assert(lc_lines_next(&ls, &line, &len, &err) == 1 && len == 3 &&
		  memcmp(line, "a\0b", 4) == 0);
	cr_assert(lc_lines_next(&ls, &line, &len, &err) == 1 && len == 1 && line[0] == '\0');
	next_is(&ls, "c");
	at_end(&ls);
	lc_lines_close(&ls);
}

Test(io, very_long_lines)
{
	size_t n = 3000001;
	char *text = malloc(n + 1), *line;
	struct lc_lines ls;
	size_t len;

	memset(text, 'x', n);
	text[n] = '\n';
	cr_assert_eq(lc_write_file("a", text, n + 1, &err), 0);
	append("a", "next\n");
	cr_assert_eq(lc_lines_open(&ls, "a", 0, &err), 0);
	cr_assert_eq(lc_lines_next(&ls, &line, &len, &err), 1);
	cr_assert(len == n && memcmp(line, text, n) == 0 && line[n] == '\0');
	next_is(&ls, "next");
	at_end(&ls);
	lc_lines_close(&ls);
	free(text);
}

/* A child that does act after 120 ms: while the reader waits. */
static pid_t later(void (*act)(void))
{
	pid_t pid = fork();

	if (pid == 0) {
		usleep(120000);
		act();
		_exit(0);
	}
	return pid;
}

static void finish_line(void)
{
	append("a", "f\nnext\n");
}

Test(io, follow_waits_for_the_rest_of_a_line)
{
	struct lc_lines ls;

	append("a", "one\nhal");
	cr_assert_eq(lc_lines_open(&ls, "a", 1, &err), 0);
	next_is(&ls, "one");
	later(finish_line);
	next_is(&ls, "half");
	cr_assert(!ls.torn);
	next_is(&ls, "next");
	lc_lines_close(&ls);
	wait(NULL);
}

static void cut_and_start_again(void)
{
	FILE *f = fopen("a", "w");

	fputs("new\n", f);
	fclose(f);
}

Test(io, follow_starts_again_when_the_file_is_cut)
{
	struct lc_lines ls;

	append("a", "one\ntwo\nhal");
	cr_assert_eq(lc_lines_open(&ls, "a", 1, &err), 0);
	next_is(&ls, "one");
	next_is(&ls, "two");
	later(cut_and_start_again);
	next_is(&ls, "new"); /* the half line went with its file */
	lc_lines_close(&ls);
	wait(NULL);
}

static void rotate(void)
{
	append("a", "old end\n");
	rename("a", "a.1");
	append("a", "first\nsecond\n");
}

Test(io, follow_goes_over_to_a_rotated_file)
{
	struct lc_lines ls;

	append("a", "one\n");
	cr_assert_eq(lc_lines_open(&ls, "a", 1, &err), 0);
	next_is(&ls, "one");
	later(rotate);
	next_is(&ls, "old end");
	next_is(&ls, "first");
	next_is(&ls, "second");
	lc_lines_close(&ls);
	wait(NULL);
}

Test(io, paths_and_memory)
{
	char *p = lc_path("%s/%d", "a", 5);
	double t = lc_now();

	cr_assert_str_eq(p, "a/5");
	free(p);
	p = lc_xalloc(3, 4);
	cr_assert_arr_eq(p, "\0\0\0\0\0\0\0\0\0\0\0", 12);
	p = lc_xrealloc(p, 100000, 4);
	free(p);
	cr_assert_geq(lc_now(), t);
}

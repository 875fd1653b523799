/*
 * err: what went wrong, and the exit status it deserves.
 *
 * A library function that can fail takes a struct lc_err last, fills it with lc_fail() and
 * returns -1 (or NULL). It neither prints nor exits; programs do, through lc_die().
 */
#ifndef LC_ERR_H
#define LC_ERR_H

#ifdef __cplusplus
#define noreturn [[noreturn]] /* for .cu */
#else
#include <stdnoreturn.h>
#endif

/* Exit statuses, DESIGN section 3. */
enum lc_code {
	LC_OK = 0,
	LC_NO = 1, /* an answer: no alert, not equal, no better future */
	LC_USAGE = 2,
	LC_DATA = 3, /* the input is bad */
	LC_SYS = 4,  /* the system refused */
};

struct lc_err {
	enum lc_code code;
	char text[480]; /* what was being done, then why: "open run.lc: No such file" */
};

/* Fill err (which may be NULL) and return -1: `return lc_fail(err, LC_DATA, "line %lu: ...", n);`
 */
int lc_fail(struct lc_err *err, enum lc_code code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The same with LC_SYS and ": <strerror(errno)>" appended. */
int lc_fail_sys(struct lc_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * For programs only. lc_setup() is the first act of main(): it keeps the program's name, ignores
 * nothing, and lets SIGPIPE end the program quietly. lc_die() prints "<program>: <text>" on stderr
 * and exits with err->code; lc_usage() does the same with status 2 and a hint at --help.
 * lc_finish() is the last act: it closes stdout and turns a failed write into status 4.
 */
void lc_setup(const char *argv0);
void lc_setup_verb(const char *verb); /* that the hint names; kept by reference */
const char *lc_program(void);
void lc_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
noreturn void lc_die(const struct lc_err *err);
noreturn void lc_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* lc_usage for what getopt_long did not take: c is '?' or ':'. opterr is 0 and the short options
 * begin with a colon. */
noreturn void lc_usage_option(int c, char *const *argv);
int lc_finish(int status);

#endif

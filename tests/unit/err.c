/*
 * err: one line, the right status, and stdout that could not be written.
 */
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "err.h"

Test(err, fail_fills_and_is_minus_one)
{
	struct lc_err err;

	cr_assert_eq(lc_fail(&err, LC_DATA, "line %d: %s", 3, "bad"), -1);
	cr_assert_eq(err.code, LC_DATA);
	cr_assert_str_eq(err.text, "line 3: bad");
	cr_assert_eq(lc_fail(NULL, LC_DATA, "x"), -1);
	cr_assert_eq(lc_fail_sys(NULL, "x"), -1);
}

Test(err, the_system_says_why)
{
	struct lc_err err;

	errno = ENOENT;
	cr_assert_eq(lc_fail_sys(&err, "open %s", "run.lc"), -1);
	cr_assert_eq(err.code, LC_SYS);
	cr_assert_str_eq(err.text, "open run.lc: No such file or directory");
}

Test(err, long_text_is_cut)
{
	struct lc_err err;
	char text[2000];

	memset(text, 'x', sizeof(text));
	text[1999] = '\0';
	errno = ENOENT;
	lc_fail_sys(&err, "%s", text);
	cr_assert_eq(strlen(err.text), sizeof(err.text) - 1);
}

static void redirect(void)
{
	cr_redirect_stderr();
}

Test(err, die_says_it_once, .init = redirect, .exit_code = LC_SYS)
{
	struct lc_err err;

	lc_setup("/a/b/lc-x");
	lc_fail(&err, LC_SYS, "open: no");
	lc_die(&err);
}

Test(err, usage_is_two, .init = redirect, .exit_code = LC_USAGE)
{
	lc_setup("lc-x");
	lc_usage("no such verb: %s", "frob");
}

Test(err, warn_is_one_line_with_the_name, .init = redirect)
{
	lc_setup("/a/b/lc-x");
	cr_assert_str_eq(lc_program(), "lc-x");
	lc_warn("%d bad", 2);
	fflush(stderr);
	cr_assert_stderr_eq_str("lc-x: 2 bad\n");
}

Test(err, finish_keeps_the_status)
{
	cr_redirect_stdout();
	puts("data");
	cr_assert_eq(lc_finish(LC_NO), LC_NO);
}

Test(err, finish_tells_a_full_disk, .init = redirect)
{
	cr_assert_not_null(freopen("/dev/full", "w", stdout));
	puts("data");
	cr_assert_eq(lc_finish(LC_OK), LC_SYS);
}

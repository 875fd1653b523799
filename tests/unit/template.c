/*
 * template: what fills a hole stays one word of sh(1), whatever is in it.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "template.h"

static char *const state[] = {"/a b/c", NULL};
static char *const actions[] = {"--lr-scale", "0.5", "--x", "it's", NULL};
static char *const nothing[] = {NULL};
static char *const empty[] = {"", NULL};
static const struct lc_hole holes[] = {
	{"state", state}, {"actions", actions}, {"nothing", nothing},
	{"empty", empty}, {"state_2", state},
};

static void fills(const char *tmpl, const char *want)
{
	struct lc_err err = {0};
	char *got = lc_template_fill(tmpl, holes, 5, &err);

	cr_assert(got, "%s: %s", tmpl, err.text);
	cr_expect_str_eq(got, want);
	free(got);
}

Test(template, holes)
{
	fills("", "");
	fills("train", "train");
	fills("train {state}", "train '/a b/c'");
	fills("'{state}' \"{state}\"", "'/a b/c' \"/a b/c\"");
	fills("'{actions}'", "'--lr-scale 0.5 --x it'\\''s'");
	fills("\"{actions}\"", "\"--lr-scale 0.5 --x it's\"");
	fills("x \"$(f {state})\" {state}", "x \"$(f '/a b/c')\" '/a b/c'");
	fills("x # don't\n{state}", "x # don't\n'/a b/c'");
	fills("\"${HOME}\" {state}", "\"${HOME}\" '/a b/c'");
	fills("{state}{state}", "'/a b/c''/a b/c'");
	fills("x{actions}y", "x--lr-scale 0.5 --x 'it'\\''s'y");
	fills("[{nothing}]", "[]");
	fills("{empty}", "''");
	fills("{state_2}", "'/a b/c'");
}

Test(template, what_is_no_hole)
{
	fills("${state}", "${state}"); /* the shell's own */
	fills("{{state}", "{state}");
	fills("awk '{{print $1}'", "awk '{print $1}'");
	fills("{}", "{}");
	fills("{ state}", "{ state}");
	fills("{State}", "{State}");
	fills("{a,b}", "{a,b}");
	fills("{1}", "{1}");
	fills("{state", "{state");
	fills("{", "{");
	fills("{{", "{");
}

Test(template, an_unknown_hole_is_an_error)
{
	static const char *const bad[] = {"{stat}", "{states}", "a {state} {unheard_of} b", "{x}"};

	for (int i = 0; i < 4; i++) {
		struct lc_err err = {0};
		cr_assert_null(lc_template_fill(bad[i], holes, 5, &err), "%s", bad[i]);
		cr_expect_eq(err.code, LC_USAGE);
	}
}

Test(template, a_place_that_is_not_followed_takes_no_hole)
{
	static const char *const bad[] = {"`f {state}`", "cat <<E\n{state}\nE", "\"${x:-{state}}\"",
					  "\"$(case x in x) {state};; esac)\""};

	for (int i = 0; i < 4; i++) {
		struct lc_err err = {0};
		cr_assert_null(lc_template_fill(bad[i], holes, 5, &err), "%s", bad[i]);
		cr_expect_eq(err.code, LC_USAGE);
	}
}

/* Wherever a hole may stand, the shell reads back what was put in. */
Test(template, values_are_never_shell)
{
	static const char *const places[] = {"printf %s {v}",
					     "printf %s '{v}'",
					     "printf %s \"{v}\"",
					     "x={v}; printf %s \"$x\"",
					     "printf %s \"$(printf %s {v})\"",
					     "printf %s \"$(printf %s '{v}')\"",
					     "printf %s \"$(printf %s \"{v}\")\"",
					     "# it's \"\nprintf %s {v}"};
	char *const v[] = {"a'b\"c $(touch owned) `touch owned` \\ ; touch owned & $HOME", NULL};
	const struct lc_hole hole = {"v", v};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		char *command = lc_template_fill(places[i], &hole, 1, NULL), got[200] = "";
		FILE *p = popen(command, "r");
		cr_assert(p);
		got[fread(got, 1, sizeof(got) - 1, p)] = '\0';
		pclose(p);
		cr_expect_str_eq(got, v[0], "%s: %s", places[i], command);
		free(command);
	}
}

static void words(const char *tmpl, int how, const char *want)
{
	char **argv = NULL, got[300] = "";

	cr_expect_eq(lc_template_words(tmpl, holes, 5, &argv, NULL), how, "%s", tmpl);
	for (char **w = argv; w && *w; w++) {
		strcat(got, *w);
		strcat(got, "|");
	}
	cr_expect_str_eq(got, want, "%s", tmpl);
	if (how == 1)
		lc_template_free(argv);
}

Test(template, words_for_no_shell)
{
	words("train --resume {state} {actions}", 1,
	      "train|--resume|/a b/c|--lr-scale|0.5|--x|it's|");
	words("a 'b  c' \"d e\" f\\ g '' x{state}y", 1, "a|b  c|d e|f g||x/a b/cy|");
	words("a \"{actions}\" {nothing} {empty}", 1, "a|--lr-scale 0.5 --x it's||");
	words("a {{x} {1}", 1, "a|{x}|{1}|");
	words("a; b", 0, "");
	words("a $HOME", 0, "");
	words("a \"$HOME\"", 0, "");
	words("a '$HOME'", 1, "a|$HOME|");
	words("X=1 a", 0, "");
	words("cd x", 0, "");
	words("exec a", 0, "");
	words("a *.c", 0, "");
	words("a 'b", 0, "");
	words("", 0, "");
	words("a {stat}", -1, "");
}

/* Any byte but NUL comes out of the shell as it went in. */
Test(template, the_shell_reads_back_what_was_quoted)
{
	char word[256], got[300], *quoted, *command;
	size_t n;
	FILE *p;

	for (int i = 1; i < 256; i++)
		word[i - 1] = (char)i;
	word[255] = '\0';
	quoted = lc_shell_quote(word);
	command = malloc(strlen(quoted) + 20);
	sprintf(command, "printf %%s %s", quoted);
	p = popen(command, "r");
	n = fread(got, 1, sizeof(got), p);
	pclose(p);
	cr_assert_eq(n, 255);
	cr_assert_arr_eq(got, word, 255);
	free(quoted);
	free(command);
}

Test(template, plain_words_are_left_plain)
{
	static const char *const plain[] = {"0.5", "--lr-scale", "/a/b_c-1.2:3,4@5%6+7=8"};
	static const char *const not_plain[] = {"",  "a b",  "a'b", "$x", "*", "~",
						"#", "a\nb", "{a}", "!",  "ä"};

	for (int i = 0; i < 3; i++) {
		char *q = lc_shell_quote(plain[i]);
		cr_expect_str_eq(q, plain[i]);
		free(q);
	}
	for (int i = 0; i < 11; i++) {
		char *q = lc_shell_quote(not_plain[i]);
		cr_expect_eq(q[0], '\'', "%s is not quoted", not_plain[i]);
		free(q);
	}
}

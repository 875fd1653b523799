/*
 * template: a shell command with {name} holes.
 *
 * A hole is {name} with a lower-case name, not after a $; what fills it is quoted for sh(1), as the
 * place it stands in asks (bare, within '...' or "..."), so a path with a space stays one word and
 * no value is ever read as shell. {{ stands for a brace. An unknown hole is an error: a misspelt
 * one would run the wrong future.
 */
#ifndef LC_TEMPLATE_H
#define LC_TEMPLATE_H

#include "err.h"

struct lc_hole {
	const char *name;
	char *const *words; /* NULL-ended: one word, several (each quoted), or none */
};

/* The command with its holes filled; the caller's. NULL: LC_USAGE. */
char *lc_template_fill(const char *tmpl, const struct lc_hole *holes, int n, struct lc_err *err);

/*
 * The same as words to be executed without a shell: quotes and backslashes as sh(1) has them. 1
 * with *argv, NULL-ended, for lc_template_free; 0: the template asks for a shell ($ ` ; | & < > ( )
 * * ? [ ] # ~ ! a newline, NAME=value or a word of the shell in front); -1: LC_USAGE.
 */
int lc_template_words(const char *tmpl, const struct lc_hole *holes, int n, char ***argv,
		      struct lc_err *err);
void lc_template_free(char **words);

/* One word quoted for sh(1); the caller's. */
char *lc_shell_quote(const char *word);

#endif

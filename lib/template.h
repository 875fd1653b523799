/*
 * template: a shell command with {name} holes.
 *
 * A hole is {name} with a lower-case name, not after a $; what fills it is quoted for sh(1), so a
 * path with a space stays one word. {{ stands for a brace. An unknown hole is an error: a misspelt
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

/* One word quoted for sh(1); the caller's. */
char *lc_shell_quote(const char *word);

#endif

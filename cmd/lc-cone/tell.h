/*
 * tell: what happened, in words: a title and a text each; lists end with a NULL text and are the
 * caller's.
 */
#ifndef LC_TELL_H
#define LC_TELL_H

#include "cone.h"

struct told {
	char *title, *text;
};
void told_release(struct told *t); /* accepts NULL */

/* tellings.c: a list that grows; both take text. */
struct tellings {
	struct told *t;
	size_t n;
};
void tell_add(struct tellings *l, const char *title, char *text);
void tell_lines(struct tellings *l, char *text); /* of lc-collapse explain: "Title: text." each */

/* tell_run.c; a: an alert. */
void tell_run(struct tellings *l, const struct cone *c);
void tell_now(struct tellings *l, const struct cone *c, const json_t *a);

/* tell_fork.c; other: the newest alert is not what the fork is about. */
void tell_tried(struct tellings *l, const struct fork *f, int other);
void tell_chosen(struct tellings *l, const struct fork *f);
void tell_since(struct tellings *l, const struct cone *c, const struct fork *f);

/* The first screen: the run, what broke, when, why, what was tried and chosen, and how it went. */
struct told *tell_first(const struct cone *c);

/* All that lc-collapse explain says of a decision but for the arms; NULL: none is there. */
struct told *tell_decision(const struct fork *f);

/* What to type next: the title says what it shows, the text is a line of a shell. */
struct told *tell_commands(const struct cone *c);

/* The alert that a fork is about, or the newest one (f NULL); NULL: none. */
const json_t *tell_alert(const struct cone *c, const struct fork *f);

#endif

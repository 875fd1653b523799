/*
 * text: pieces of the lines that trainers print.
 */
#ifndef LC_READ_TEXT_H
#define LC_READ_TEXT_H

#include <stddef.h>

#include "read.h"

/* Where we are in a line. */
struct text {
	const char *p, *end;
};

int text_skip(struct text *t, const char *word); /* over this, when it is next: 1 or 0 */
void text_spaces(struct text *t);
int text_step(struct text *t, double *step); /* over a whole number, when it is next: 1 or 0 */

/* The next part up to the separator (which is passed over) or the end, without spaces around it. */
int text_part(struct text *t, char separator, struct text *part);

/* The next word, up to a space; 0 when there is none. */
int text_word(struct text *t, struct text *word);

/* Behind the first place where this stands, or NULL. */
const char *text_find(const struct text *t, const char *word);

/* A part "name: 1.5", "name 1.5 (...)" or "1.5 unit" as a metric of the row. */
void text_metric(struct out *o, const struct text *part);

#endif

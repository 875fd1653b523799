/* tellings: lists of what is told, see tell.h. */
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "tell.h"

#define TITLE 40 /* letters at most; what is longer is no title */

void tell_add(struct tellings *l, const char *title, char *text)
{
	l->t = lc_xrealloc(l->t, l->n + 2, sizeof(*l->t));
	l->t[l->n++] = (struct told){lc_path("%s", title), text};
	l->t[l->n] = (struct told){NULL, NULL};
}

void told_release(struct told *t)
{
	for (struct told *at = t; at && at->text; at++) {
		free(at->title);
		free(at->text);
	}
	free(t);
}

void tell_lines(struct tellings *l, char *text)
{
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *colon = strstr(line, ": ");
		if (!colon || colon - line > TITLE) {
			tell_add(l, "", lc_path("%s", line));
			continue;
		}
		*colon = '\0';
		tell_add(l, line, lc_path("%s", colon + 2));
	}
	free(text);
}

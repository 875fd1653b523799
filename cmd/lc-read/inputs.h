/*
 * inputs: what is to be read: the files named, and what lies in the directories named.
 */
#ifndef LC_READ_INPUTS_H
#define LC_READ_INPUTS_H

#include <stddef.h>

#include "read.h"

struct input {
	char *path;
	const struct format *format; /* NULL: to be found by looking */
	int found;		     /* in a directory: it may be empty, others of it will not be */
	int rereadable;		     /* a regular file, or a directory */
};

struct inputs {
	struct input *in;
	size_t n, cap;
};

/* Add a file, or, for a directory, the files of the log in it: in order, where there are several.
 */
int inputs_add(struct inputs *all, const char *path, const struct format *forced,
	       struct lc_err *err);
void inputs_release(struct inputs *all);

#endif

/*
 * tool: one Lightcone program using another, as a shell user would.
 */
#ifndef LC_TOOL_H
#define LC_TOOL_H

#include <jansson.h>

#include "err.h"

/* The path of another program of ours: beside the running one, else its bare name for PATH. The
 * caller's. */
char *lc_tool_path(const char *name);

/*
 * Run argv (NULL-ended; argv[0] is a name for lc_tool_path) and read the records it prints. Each
 * line is parsed; a new array, or NULL. A non-zero status is an error with that status and its last
 * words.
 */
json_t *lc_tool_records(char *const *argv, struct lc_err *err);

/* The same, but records that came out before or beside a complaint about bad data (status 3) are
 * taken all the same, and the complaint is a warning. */
json_t *lc_tool_good_records(char *const *argv, struct lc_err *err);

#endif

/*
 * jsonline: on which line of a JSON text a value stands, for errors that name it.
 */
#ifndef LC_JSONLINE_H
#define LC_JSONLINE_H

#include <stddef.h>

/*
 * The line, from 1, of the key or element that path leads to: "variables/lr_scale/log",
 * "constraints/2" (elements from 0). Where the path ends early, the line of what it came to. The
 * text is valid JSON.
 */
int lc_json_line(const char *text, size_t len, const char *path);

#endif

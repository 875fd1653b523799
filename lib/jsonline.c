/* jsonline: see jsonline.h. One pass over the text; values that the path does not enter are passed
 * over whole. */
#include "jsonline.h"

#include <stdlib.h>
#include <string.h>

struct scan {
	const char *p, *end;
	int line;
};

static void blanks(struct scan *s)
{
	for (; s->p < s->end && strchr(" \t\r\n,:", *s->p); s->p++)
		s->line += *s->p == '\n';
}

/* Past a string that begins here; its bytes between the quotes. */
static void string(struct scan *s, const char **from, size_t *n)
{
	*from = ++s->p;
	while (s->p < s->end && *s->p != '"')
		s->p += *s->p == '\\' && s->p + 1 < s->end ? 2 : 1;
	*n = (size_t)(s->p - *from);
	if (s->p < s->end)
		s->p++;
}

static void pass_over(struct scan *s)
{
	const char *from;
	size_t n;
	int depth = 0;

	do {
		blanks(s);
		if (s->p >= s->end)
			return;
		if (*s->p == '"') {
			string(s, &from, &n);
		} else if (*s->p == '{' || *s->p == '[') {
			depth++;
			s->p++;
		} else if (*s->p == '}' || *s->p == ']') {
			depth--;
			s->p++;
		} else {
			while (s->p < s->end && !strchr(" \t\r\n,:{}[]\"", *s->p))
				s->p++;
		}
	} while (depth > 0);
}

/* To the value of the next step of the path, when the value here has it: 1. */
static int enter(struct scan *s, const char *name, size_t n)
{
	int object, at = 0;
	const char *key = "";
	size_t len = 0;

	blanks(s);
	if (s->p >= s->end || (*s->p != '{' && *s->p != '['))
		return 0;
	object = *s->p++ == '{';
	for (;; at++) {
		blanks(s);
		if (s->p >= s->end || *s->p == '}' || *s->p == ']')
			return 0;
		if (object && *s->p == '"') {
			string(s, &key, &len);
			if (len == n && memcmp(key, name, n) == 0)
				return 1;
			blanks(s);
		} else if (!object && at == atoi(name)) {
			return 1;
		}
		pass_over(s);
	}
}

int lc_json_line(const char *text, size_t len, const char *path)
{
	struct scan s = {text, text + len, 1};
	int line = 1;

	blanks(&s);
	line = s.line;
	while (*path) {
		size_t n = strcspn(path, "/");
		if (!enter(&s, path, n))
			break;
		line = s.line;
		path += n + (path[n] == '/');
	}
	return line;
}

/* template: see template.h. */
#include "template.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"

static void put_quoted(FILE *f, const char *word)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./,:@%";

	if (*word && word[strspn(word, plain)] == '\0') {
		fputs(word, f);
		return;
	}
	fputc('\'', f);
	for (; *word; word++) {
		if (*word == '\'')
			fputs("'\\''", f);
		else
			fputc(*word, f);
	}
	fputc('\'', f);
}

char *lc_shell_quote(const char *word)
{
	char *buf = NULL;
	size_t len;
	FILE *f = open_memstream(&buf, &len);

	if (!f)
		abort();
	put_quoted(f, word);
	if (fclose(f) == EOF)
		abort();
	return buf;
}

/* The length of "{name}" at p, or 0 when there is no hole. */
static size_t hole_len(const char *p)
{
	size_t n = strspn(p + 1, "abcdefghijklmnopqrstuvwxyz0123456789_");

	return n > 0 && p[n + 1] == '}' && p[1] >= 'a' ? n + 2 : 0;
}

static int put_hole(FILE *f, const char *p, size_t len, const struct lc_hole *holes, int n,
		    struct lc_err *err)
{
	for (int i = 0; i < n; i++) {
		if (strlen(holes[i].name) != len - 2 || memcmp(holes[i].name, p + 1, len - 2) != 0)
			continue;
		for (char *const *w = holes[i].words; *w; w++) {
			if (w != holes[i].words)
				fputc(' ', f);
			put_quoted(f, *w);
		}
		return 0;
	}
	return lc_fail(err, LC_USAGE, "command: nothing fills %.*s ({{ stands for a brace)",
		       (int)len, p);
}

char *lc_template_fill(const char *tmpl, const struct lc_hole *holes, int n, struct lc_err *err)
{
	char *buf = NULL;
	size_t size, len;
	int bad = 0;
	FILE *f = open_memstream(&buf, &size);

	if (!f)
		abort();
	for (const char *p = tmpl; *p && !bad; p++) {
		len = *p == '{' && (p == tmpl || p[-1] != '$') ? hole_len(p) : 0;
		if (len > 0) {
			bad = put_hole(f, p, len, holes, n, err) < 0;
			p += len - 1;
		} else {
			fputc(*p, f);
			p += p[0] == '{' && p[1] == '{';
		}
	}
	if (fclose(f) == EOF)
		abort();
	if (bad) {
		free(buf);
		return NULL;
	}
	return buf;
}

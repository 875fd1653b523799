/*
 * template: any template, any word. What is filled in is balanced: it is taken apart again by
 * sh(1)'s rules for what put_quoted writes, and must be the word that went in.
 */
#include <stdlib.h>
#include <string.h>

#include "template.h"

/* One word as sh(1) reads it, of plain characters, '...' and \'. NULL: it is not one word. */
static char *unquote(const char *s)
{
	char *word = malloc(strlen(s) + 1), *to = word;

	while (*s) {
		if (*s == '\'') {
			for (s++; *s && *s != '\'';)
				*to++ = *s++;
			if (!*s++)
				goto bad;
		} else if (*s == '\\') {
			if (!s[1])
				goto bad;
			*to++ = s[1];
			s += 2;
		} else if (strchr(" \t\n$`\"|&;<>()*?[]#~{}!", *s)) {
			goto bad;
		} else {
			*to++ = *s++;
		}
	}
	*to = '\0';
	return word;
bad:
	free(word);
	return NULL;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	char *text = strndup((const char *)data, len), *split = strchr(text, '\n'), *quoted, *word;
	char *words[] = {split ? split + 1 : text, NULL};
	struct lc_hole hole = {"state", words};
	struct lc_err err;
	char *filled, **argv;

	quoted = lc_shell_quote(words[0]);
	word = unquote(quoted);
	if (!word || strcmp(word, words[0]) != 0)
		abort();
	free(word);
	free(quoted);
	if (split)
		*split = '\0';
	filled = lc_template_fill(text, &hole, 1, &err);
	if (!filled && err.code != LC_USAGE)
		abort();
	free(filled);
	switch (lc_template_words(text, &hole, 1, &argv, &err)) {
	case 1:
		if (!argv[0])
			abort();
		lc_template_free(argv);
		break;
	case -1:
		if (err.code != LC_USAGE)
			abort();
	}
	free(text);
	return 0;
}

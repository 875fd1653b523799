/* text: see text.h. */
#include "text.h"

#include <string.h>

#include "num.h"

int text_skip(struct text *t, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(t->end - t->p) < len || memcmp(t->p, word, len) != 0)
		return 0;
	t->p += len;
	return 1;
}

void text_spaces(struct text *t)
{
	while (t->p < t->end && (*t->p == ' ' || *t->p == '\t'))
		t->p++;
}

int text_step(struct text *t, double *step)
{
	const char *p = t->p;

	*step = 0;
	for (; p < t->end && *p >= '0' && *p <= '9'; p++)
		*step = 10 * *step + (*p - '0');
	if (p == t->p || p - t->p > 15)
		return 0;
	t->p = p;
	return 1;
}

static void trim(struct text *t)
{
	text_spaces(t);
	while (t->end > t->p && (t->end[-1] == ' ' || t->end[-1] == '\t'))
		t->end--;
}

int text_part(struct text *t, char separator, struct text *part)
{
	const char *at;

	if (t->p >= t->end)
		return 0;
	at = memchr(t->p, separator, (size_t)(t->end - t->p));
	*part = (struct text){t->p, at ? at : t->end};
	t->p = at ? at + 1 : t->end;
	trim(part);
	return 1;
}

int text_word(struct text *t, struct text *word)
{
	text_spaces(t);
	if (t->p == t->end)
		return 0;
	word->p = t->p;
	while (t->p < t->end && *t->p != ' ' && *t->p != '\t')
		t->p++;
	word->end = t->p;
	return 1;
}

const char *text_find(const struct text *t, const char *word)
{
	const char *at = memmem(t->p, (size_t)(t->end - t->p), word, strlen(word));

	return at ? at + strlen(word) : NULL;
}

void text_metric(struct out *o, const struct text *part)
{
	const char *colon = memchr(part->p, ':', (size_t)(part->end - part->p));
	struct text rest = *part, name = {part->p, part->p}, word;
	double x;

	if (colon) {
		name.end = colon;
		rest.p = colon + 1;
		if (!text_word(&rest, &word))
			return;
	} else {
		do {
			name.end = rest.p;
			if (!text_word(&rest, &word))
				return;
		} while (lc_num_parse(word.p, (size_t)(word.end - word.p), &x) !=
			 (size_t)(word.end - word.p));
	}
	if (name.end == name.p)
		name = rest;
	trim(&name);
	out_text(o, name.p, (size_t)(name.end - name.p), word.p, (size_t)(word.end - word.p));
}

/* template: see template.h. */
#include "template.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"

#define NESTED 32 /* quotes within $(...) within quotes */

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
static size_t hole_len(const char *tmpl, const char *p)
{
	size_t n;

	if (*p != '{' || (p != tmpl && p[-1] == '$'))
		return 0;
	n = strspn(p + 1, "abcdefghijklmnopqrstuvwxyz0123456789_");
	return n > 0 && p[n + 1] == '}' && p[1] >= 'a' ? n + 2 : 0;
}

static const struct lc_hole *find_hole(const char *p, size_t len, const struct lc_hole *holes,
				       int n, struct lc_err *err)
{
	for (int i = 0; i < n; i++)
		if (strlen(holes[i].name) == len - 2 && memcmp(holes[i].name, p + 1, len - 2) == 0)
			return &holes[i];
	lc_fail(err, LC_USAGE, "command: nothing fills %.*s ({{ stands for a brace)", (int)len, p);
	return NULL;
}

/*
 * Where in sh(1)'s quoting a place is: a stack, whose top is one of
 *	' '  no quotes      '"'  in double quotes      '\''  in single quotes      '('  in $(...)
 */
struct place {
	char in[NESTED];
	int depth;
	int unsure; /* a construct that is not followed here: no hole may come after it */
};

static char top(const struct place *at)
{
	return at->in[at->depth];
}

static void push(struct place *at, char what)
{
	if (at->depth + 1 < NESTED)
		at->in[++at->depth] = what;
	else
		at->unsure = 1;
}

/* Go on by the character at p; returns how many were passed. */
static size_t advance(struct place *at, const char *tmpl, const char *p)
{
	static const char name[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
	char in = top(at);

	if (in == '\'') {
		at->depth -= *p == '\'';
		return 1;
	}
	if (*p == '\\' && p[1])
		return 2;
	if (*p == '`' || (p[0] == '<' && p[1] == '<') || (in == '(' && !strncmp(p, "case", 4)) ||
	    (in != ' ' && p[0] == '$' && p[1] == '{' && p[2 + strspn(p + 2, name)] != '}'))
		at->unsure = 1;
	if (p[0] == '$' && p[1] == '(') {
		push(at, '(');
		return 2;
	}
	if (in == '"') {
		at->depth -= *p == '"';
		return 1;
	}
	if (*p == '"' || *p == '\'')
		push(at, *p);
	else if (*p == '(' && in == '(')
		push(at, '(');
	else if (*p == ')' && in == '(')
		at->depth--;
	else if (*p == '#' && (p == tmpl || strchr(" \t\n;&|(", p[-1])))
		return strcspn(p, "\n") ? strcspn(p, "\n") : 1;
	return 1;
}

/* Inside quotes the words are one text, with what is special there taken from it. */
static void put_inside(FILE *f, const char *word, char quote)
{
	for (; *word; word++) {
		if (quote == '\'' && *word == '\'') {
			fputs("'\\''", f);
			continue;
		}
		if (quote == '"' && strchr("\\\"$`", *word))
			fputc('\\', f);
		fputc(*word, f);
	}
}

static int put_hole(FILE *f, const char *p, size_t len, const struct place *at,
		    const struct lc_hole *holes, int n, struct lc_err *err)
{
	const struct lc_hole *h = find_hole(p, len, holes, n, err);

	if (!h)
		return -1;
	if (at->unsure)
		return lc_fail(err, LC_USAGE,
			       "command: %.*s after `, << or ${...} cannot be quoted safely",
			       (int)len, p);
	for (char *const *w = h->words; *w; w++) {
		if (w != h->words)
			fputc(' ', f);
		if (top(at) == '"' || top(at) == '\'')
			put_inside(f, *w, top(at));
		else
			put_quoted(f, *w);
	}
	return 0;
}

char *lc_template_fill(const char *tmpl, const struct lc_hole *holes, int n, struct lc_err *err)
{
	struct place at = {.in = {' '}};
	char *buf = NULL;
	size_t size, len;
	int bad = 0;
	FILE *f = open_memstream(&buf, &size);

	if (!f)
		abort();
	for (const char *p = tmpl; *p && !bad; p += len) {
		len = hole_len(tmpl, p);
		if (len > 0) {
			bad = put_hole(f, p, len, &at, holes, n, err) < 0;
		} else if (p[0] == '{' && p[1] == '{') {
			fputc('{', f);
			len = 2;
		} else {
			len = advance(&at, tmpl, p);
			fwrite(p, 1, len, f);
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

/* The words of a command line that needs no shell, being made. */
struct words {
	char **w;
	size_t n;
	FILE *f; /* the word at hand, NULL between words */
	char *buf;
	size_t len;
};

static FILE *word_at_hand(struct words *ws)
{
	if (!ws->f && !(ws->f = open_memstream(&ws->buf, &ws->len)))
		abort();
	return ws->f;
}

static void end_word(struct words *ws)
{
	if (!ws->f)
		return;
	if (fclose(ws->f) == EOF)
		abort();
	ws->w = lc_xrealloc(ws->w, ws->n + 2, sizeof(*ws->w));
	ws->w[ws->n++] = ws->buf;
	ws->w[ws->n] = NULL;
	ws->f = NULL;
	ws->buf = NULL;
}

void lc_template_free(char **words)
{
	for (char **w = words; w && *w; w++)
		free(*w);
	free(words);
}

/* Unquoted, the words of a hole are words of the command; quoted, one text. */
static void add_hole(struct words *ws, const struct lc_hole *h, char quote)
{
	for (char *const *w = h->words; *w; w++) {
		if (w != h->words && !quote)
			end_word(ws);
		if (w != h->words && quote)
			fputc(' ', word_at_hand(ws));
		fputs(*w, word_at_hand(ws));
	}
}

/* One character of a template that is no hole. 1: it was taken, into p's word or as a quote;
 * 0: it means something to a shell only. */
static int add_char(struct words *ws, const char **p, char *quote)
{
	char c = **p;

	if (*quote == '\'' ? c == '\'' : c == '"' && *quote) {
		*quote = 0;
	} else if (*quote == '\'') {
		fputc(c, word_at_hand(ws));
	} else if (c == '\\' && (*p)[1] && (!*quote || strchr("\\\"$`\n", (*p)[1]))) {
		if (*++*p != '\n')
			fputc(**p, word_at_hand(ws));
	} else if (strchr("$`", c) || (!*quote && strchr(";|&<>()*?[]#~!\n", c))) {
		return 0;
	} else if (!*quote && (c == ' ' || c == '\t')) {
		end_word(ws);
	} else if (!*quote && (c == '\'' || c == '"')) {
		*quote = c;
		word_at_hand(ws);
	} else {
		fputc(c, word_at_hand(ws));
	}
	return 1;
}

/* A first word that only a shell knows. */
static int is_for_shell(const char *word)
{
	static const char *const known[] = {
		".",	   ":",	    "!",      "{",	  "alias",  "break", "case",	"cd",
		"command", "eval",  "exec",   "exit",	  "export", "for",   "getopts", "hash",
		"if",	   "local", "read",   "readonly", "return", "set",   "shift",	"times",
		"trap",	   "type",  "ulimit", "umask",	  "unset",  "until", "wait",	"while",
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(word, known[i]) == 0)
			return 1;
	return strchr(word, '=') != NULL;
}

int lc_template_words(const char *tmpl, const struct lc_hole *holes, int n, char ***argv,
		      struct lc_err *err)
{
	struct words ws = {0};
	const struct lc_hole *h;
	char quote = 0;
	size_t len;
	int ret = 1;

	for (const char *p = tmpl; *p && ret == 1; p++) {
		len = hole_len(tmpl, p);
		if (len > 0) {
			h = find_hole(p, len, holes, n, err);
			ret = h ? 1 : -1;
			if (h)
				add_hole(&ws, h, quote);
			p += len - 1;
		} else {
			ret = add_char(&ws, &p, &quote);
			p += p[0] == '{' && p[1] == '{';
		}
	}
	end_word(&ws);
	if (ret == 1 && (quote || !ws.n || is_for_shell(ws.w[0])))
		ret = 0; /* or nonsense: the shell will say so */
	if (ret == 1)
		*argv = ws.w;
	else
		lc_template_free(ws.w);
	return ret;
}

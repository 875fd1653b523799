/*
 * hf: one JSON document, not lines: trainer_state.json of Hugging Face's Trainer, whose log_history
 * holds an object for each time it logged; or an array of such objects.
 *
 * Read from the stream: one object is held at a time, whatever the size of the document. The last
 * object of a finished run sums it up, and its train_loss is a mean over all of it: passed over.
 */
#include <string.h>

#include "read.h"
#include "scan.h"

#define OBJECT_MAX ((ssize_t)16 << 20)
#define LOOK_MAX ((ssize_t)1 << 16)

/* The next byte that is no space or comma, not taken: -1 at the end, -2 on an error. */
static int next_byte(struct source *in, struct lc_err *err)
{
	for (;;) {
		ssize_t have = source_need(in, 1, err);

		if (have <= 0)
			return have < 0 ? -2 : -1;
		if (!memchr(" \t\r\n,:", *source_at(in), 6))
			return *source_at(in);
		source_take(in, 1);
	}
}

/* Where we are in a value: its length so far, whether in a string, how many brackets are open. */
struct extent {
	size_t len;
	int quoted, escaped, depth;
};

/* One byte more: 1 when the value ends with it. A bare word ends before a byte that is none of it,
 * which is not counted. */
static int extend(struct extent *x, unsigned char c)
{
	if (x->quoted) {
		x->len++;
		x->quoted = c != '"' || x->escaped;
		x->escaped = c == '\\' && !x->escaped;
		return !x->quoted && x->depth == 0;
	}
	if (x->depth == 0 && x->len > 0 && memchr(",]} \t\r\n:", c, 8))
		return 1;
	x->len++;
	x->quoted = c == '"';
	x->depth += (c == '{' || c == '[') - (c == '}' || c == ']');
	return x->depth == 0 && (c == '}' || c == ']');
}

/* The window to the end of the value that starts there: its length, 0 when it breaks off, -1. */
static ssize_t whole_value(struct source *in, struct lc_err *err)
{
	struct extent x = {0};
	size_t seen = 0;

	while (seen < (size_t)OBJECT_MAX) {
		ssize_t have = source_need(in, seen + 1, err);

		if (have < 0)
			return -1;
		if ((size_t)have == seen)
			return 0;
		for (; seen < (size_t)have; seen++)
			if (extend(&x, source_at(in)[seen]))
				return (ssize_t)x.len;
	}
	return 0;
}

/* Pass over a value of any size: 1, 0 when it breaks off, -1. */
static int skip_value(struct source *in, struct lc_err *err)
{
	struct extent x = {0};

	for (;;) {
		ssize_t have = source_need(in, 1, err);
		size_t before = x.len;
		int ended;

		if (have <= 0)
			return (int)have;
		ended = extend(&x, *source_at(in));
		source_take(in, x.len - before);
		if (ended)
			return 1;
	}
}

static int broken_off(struct reader *r, struct lc_err *err)
{
	return r->in->restarted ? 0 : reader_bad(r, "byte", r->in->at, "document broken off", err);
}

static int one_object(struct reader *r, const char *text, size_t len, struct lc_err *err)
{
	int is;

	if (memmem(text, len, "\"train_runtime\"", 15))
		return 0;
	is = json_object_row(r->out, text, len, err);
	if (is < 0 && err->code == LC_DATA) {
		struct lc_err why = *err;

		return reader_bad(r, "byte", r->in->at, why.text, err);
	}
	return is < 0 ? -1 : 0;
}

/* Behind the [ of an array of objects. 1 behind its ], 0 when it broke off, -1. */
static int read_array(struct reader *r, struct lc_err *err)
{
	for (;;) {
		int c = next_byte(r->in, err);
		ssize_t len;

		if (c < 0)
			return c == -2 ? -1 : 0;
		if (c == ']' || c == '}') {
			source_take(r->in, 1);
			return 1;
		}
		if (c != '{') {
			int more = skip_value(r->in, err);

			if (more <= 0)
				return more;
			continue;
		}
		len = whole_value(r->in, err);
		if (len <= 0)
			return (int)len;
		if (one_object(r, (const char *)source_at(r->in), (size_t)len, err) < 0)
			return -1;
		source_take(r->in, (size_t)len);
	}
}

/* The value of a member: log_history is read, others are passed over. */
static int read_member(struct reader *r, struct lc_err *err)
{
	ssize_t len = whole_value(r->in, err);
	int is_history, c;

	if (len <= 0)
		return (int)len;
	is_history = len == 13 && memcmp(source_at(r->in), "\"log_history\"", 13) == 0;
	source_take(r->in, (size_t)len);
	c = next_byte(r->in, err);
	if (c < 0)
		return c == -2 ? -1 : 0;
	if (!is_history || c != '[')
		return skip_value(r->in, err);
	source_take(r->in, 1);
	return read_array(r, err);
}

/* Behind the document: nothing that matters, or, of a followed file, the next document. */
static int pass_rest(struct source *in, struct lc_err *err)
{
	ssize_t have;

	while ((have = source_need(in, 1, err)) > 0)
		source_take(in, (size_t)have);
	return (int)have;
}

static int run(struct reader *r, struct lc_err *err)
{
	int c = next_byte(r->in, err), more = 1;

	if (c < 0)
		return c == -2 ? -1 : broken_off(r, err);
	source_take(r->in, 1);
	if (c == '[')
		more = read_array(r, err);
	while (more > 0 && c == '{') {
		int next = next_byte(r->in, err);

		if (next == '}')
			return pass_rest(r->in, err);
		if (next == -2)
			return -1;
		more = next < 0 ? 0 : read_member(r, err);
	}
	if (more == 0)
		return broken_off(r, err);
	return more < 0 ? -1 : pass_rest(r->in, err);
}

static int ends_in_brace(const char *line, const char *end)
{
	while (end > line && strchr(" \t\r", end[-1]))
		end--;
	return end > line + 1 && end[-1] == '}';
}

/*
 * A document, and no lines: an array of objects, or an object that does not end on its first line
 * (or is a whole log on it) and has a log_history. Looks at 64 KiB, or as far as an object at the
 * margin reaches, so that a configuration at the top of a log does not make us wait.
 */
static int looks(struct source *in, struct lc_err *err)
{
	ssize_t have = 1;
	size_t n = 0;

	while (have > 0 && n < (size_t)LOOK_MAX) {
		const char *p, *nl;

		have = source_need(in, n + 1, err);
		if (have < 0)
			return -1;
		if ((size_t)have == n)
			break;
		n = (size_t)have;
		p = (const char *)source_at(in);
		nl = memchr(p, '\n', n);
		if (*p != '{' && *p != '[')
			return 0;
		if (memmem(p, n, "\"log_history\"", 13))
			return *p == '{';
		for (size_t i = 1; *p == '[' && i < n; i++)
			if (!strchr(" \t\r\n", p[i]))
				return p[i] == '{';
		if (*p == '{' && nl && ends_in_brace(p, nl))
			return 0;
		if (memmem(p, n, "\n}", 2))
			return 0;
	}
	return 0;
}

const struct format format_hf = {
	"hf", "Hugging Face trainer_state.json, or a JSON array of objects", NULL, run, looks};

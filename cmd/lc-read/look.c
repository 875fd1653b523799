/*
 * look: which format is it? Containers are known by how they begin. Text is known by its first line
 * that some format takes: logs open with banners, configurations, even their own source code.
 */
#include <stdlib.h>
#include <string.h>

#include "read.h"

/* The plainest patterns last: pairs takes what others would read better. */
const struct format *const formats[] = {
	&format_wandb, &format_tensorboard, &format_hf,	    &format_json,	&format_megatron,
	&format_llmc,  &format_nanogpt,	    &format_modded, &format_torchtitan, &format_csv,
	&format_pairs, &format_mlflow,	    NULL,
};

int reader_bad(struct reader *r, const char *where, unsigned long long at, const char *why,
	       struct lc_err *err)
{
	if (r->strict)
		return lc_fail(err, LC_DATA, "%s %s %llu: %.300s", r->path, where, at, why);
	if (r->bad++ == 0 && !r->quiet)
		lc_warn("%s %s %llu: %s (passed over)", r->path, where, at, why);
	return 0;
}

/* What the line is bad for is the line's; anything else ends the reading. */
static int bad_line(struct reader *r, struct lc_err *err)
{
	struct lc_err why = *err;

	if (why.code != LC_DATA)
		return -1;
	return reader_bad(r, "line", r->in->line, why.text, err);
}

/* Which format takes the line? */
static const struct format *line_format(struct reader *r, char *line, size_t len, int *taken,
					struct lc_err *err)
{
	for (int i = 0; formats[i]; i++) {
		if (!formats[i]->line)
			continue;
		*taken = formats[i]->line(r, line, len, err);
		if (*taken)
			return *taken > 0 ? formats[i] : NULL;
		free(r->state);
		r->state = NULL;
	}
	return NULL;
}

/* A last line without an end may be half a line, and half a number looks like a whole one. Only an
 * object shows that it is whole. */
static int is_half(const struct reader *r, const struct format *f, const char *line, size_t len)
{
	if (!r->in->torn)
		return 0;
	while (*line == ' ' && len > 0)
		line++, len--;
	return *line != '{' || (line[len - 1] != '}' && f && f != &format_json);
}

/*
 * Lines of format f, or of the first format that takes one.
 */
static int run_lines(struct reader *r, const struct format *f, struct lc_err *err)
{
	int more, taken;
	char *line;
	size_t len;

	while ((more = source_line(r->in, &line, &len, err)) > 0) {
		if (len == 0)
			continue;
		if (is_half(r, f, line, len)) {
			if (f && reader_bad(r, "line", r->in->line, "has no end", err) < 0)
				return -1;
			continue;
		}
		taken = 0;
		if (f)
			taken = f->line(r, line, len, err);
		else
			f = line_format(r, line, len, &taken, err);
		if (taken < 0 && bad_line(r, err) < 0)
			return -1;
	}
	return more;
}

static int run_one(struct reader *r, const struct format *f, struct lc_err *err)
{
	for (int i = 0; !f && formats[i]; i++) {
		int is = formats[i]->looks ? formats[i]->looks(r->in, err) : 0;

		if (is < 0)
			return -1;
		if (is)
			f = formats[i];
	}
	return f && f->run ? f->run(r, err) : run_lines(r, f, err);
}

int reader_run(struct reader *r, const struct format *f, struct lc_err *err)
{
	int ret;

	do {
		ret = run_one(r, f, err);
		free(r->state);
		r->state = NULL;
		if (ret == 0)
			ret = out_flush(r->out, err);
		if (ret == 0 && r->in && r->in->broken)
			ret = reader_bad(r, "byte", r->in->at, "the compressed data breaks off",
					 err);
	} while (ret == 0 && r->in && r->in->restarted && source_again(r->in, err) == 0);
	return ret;
}

/*
 * lc-proxy predict: a filter. Every line goes through untouched; after each branch record comes its
 * forecast.
 *
 * Lines are taken in batches, so that thousands of branches share the processors; a batch ends at
 * its size or at the end of the input.
 */
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "json.h"
#include "proxy.h"

enum { BATCH = 1024 };

struct line {
	char *text;
	size_t len;
	int torn, asks; /* asks: 1 + index of its forecast, 0 for none */
};

struct batch {
	int n, nask;
	struct line line[BATCH];
	struct lc_forecast ask[BATCH];
};

/* Take one line; a branch record becomes a question. */
static void add_line(struct lc_forecaster *fc, struct batch *b, const char *text, size_t len,
		     unsigned long number, int torn)
{
	struct line *l = &b->line[b->n++];
	struct lc_err err, why;
	char what[64];
	json_t *rec;
	int is;

	*l = (struct line){lc_xalloc(len + 1, 1), len, torn, 0};
	memcpy(l->text, text, len);
	/* other records, step lines with a bare NaN among them, are not ours to judge */
	if (!strstr(l->text, "\"branch\"") && text[strspn(text, " \t")] == '{' &&
	    text[len - 1] == '}')
		return;
	if (!text[strspn(text, " \t")])
		return;
	snprintf(what, sizeof(what), "branches line %lu", number);
	rec = lc_json_parse(text, len, what, &err);
	if (!rec && strstr(l->text, "\"type\"") == NULL &&
	    lc_step_parse(text, len, NULL, &(struct lc_step){0}, &why) == 1)
		return;
	if (!rec)
		lc_die(&err);
	is = json_is_object(rec) ? lc_record_is(rec, "branch", 1, &why) : 0;
	if (is > 0)
		is = lc_forecast_ask(fc, rec, &b->ask[b->nask], &why) < 0 ? -1 : 1;
	if (is < 0) {
		lc_fail(&err, LC_DATA, "%s: %.400s", what, why.text);
		lc_die(&err);
	}
	if (is)
		l->asks = ++b->nask;
	json_decref(rec);
}

static int flush_batch(struct lc_forecaster *fc, struct batch *b, struct lc_pool *pool)
{
	lc_forecast_run(fc, b->ask, b->nask, pool);
	for (int i = 0; i < b->n; i++) {
		struct line *l = &b->line[i];
		fwrite(l->text, 1, l->len, stdout);
		if (!l->torn || l->asks)
			putchar('\n');
		if (l->asks)
			lc_forecast_print(fc, &b->ask[l->asks - 1], stdout);
		free(l->text);
	}
	b->n = b->nask = 0;
	return fflush(stdout) == EOF || ferror(stdout) ? -1 : 0;
}

static void filter(struct lc_forecaster *fc, struct lc_pool *pool)
{
	struct batch *b = lc_xalloc(1, sizeof(*b));
	struct lc_lines lines;
	struct lc_err err;
	char *text;
	size_t len;
	int got;

	if (lc_lines_open(&lines, "-", 0, &err) < 0)
		lc_die(&err);
	while ((got = lc_lines_next(&lines, &text, &len, &err)) > 0) {
		add_line(fc, b, text, len, lines.line, lines.torn);
		if (b->n == BATCH && flush_batch(fc, b, pool) < 0)
			break;
	}
	if (got < 0)
		lc_die(&err);
	flush_batch(fc, b, pool);
	lc_lines_close(&lines);
	free(b);
}

int cmd_predict(const struct options *o)
{
	struct lc_pool *pool = lc_pool_open(lc_cpu_count());
	struct lc_forecaster *fc;
	struct lc_schedule plan;
	struct lc_law law;

	for (int i = 0; i < o->nhistory; i++)
		if (strcmp(o->history[i], "-") == 0)
			lc_usage("-H -: stdin holds the branches");
	get_law(o, &law, &plan);
	fc = lc_forecaster_open(&law, &plan, o->points);
	filter(fc, pool);
	if (lc_forecaster_held(fc) && !o->quiet)
		lc_warn("no plan given: the last logged lr is held (--plan FILE)");
	lc_forecaster_close(fc);
	lc_law_release(&law);
	lc_pool_close(pool);
	return LC_OK;
}

/*
 * lc-proxy predict: a filter. Every line goes through untouched; after each branch record comes its
 * forecast.
 *
 * Lines are taken in batches, and all is shared out over the processors: reading, the roll-out,
 * and writing. A batch ends at its size or at the end of the input.
 */
#include <stdlib.h>
#include <string.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "device.h"
#include "io.h"
#include "json.h"
#include "proxy.h"

enum { BATCH = 1024, CHUNK = 32, CHUNKS = BATCH / CHUNK };

struct line {
	char *text;
	size_t len;
	unsigned long number;
	int torn, asks, bad; /* asks: it has a forecast; bad: err says why */
};

struct batch {
	struct lc_forecaster *fc;
	int n;
	struct line line[BATCH];
	struct lc_forecast ask[BATCH]; /* of those lines that ask, in their order */
	struct lc_err err[BATCH];
	int first[BATCH]; /* line -> its forecast */
	char *out[CHUNKS];
	size_t len[CHUNKS];
};

/* A branch record becomes a question. 1, 0 for another line, or -1. */
static int read_line(const struct batch *b, const struct line *l, struct lc_forecast *ask,
		     struct lc_err *err)
{
	struct lc_err why;
	char what[64];
	json_t *rec;
	int is;

	/* other records, step lines with a bare NaN among them, are not ours to judge */
	if (!strstr(l->text, "\"branch\"") && l->text[strspn(l->text, " \t")] == '{' &&
	    l->text[l->len - 1] == '}')
		return 0;
	if (!l->text[strspn(l->text, " \t")])
		return 0;
	snprintf(what, sizeof(what), "branches line %lu", l->number);
	rec = lc_json_parse(l->text, l->len, what, err);
	if (!rec && strstr(l->text, "\"type\"") == NULL &&
	    lc_step_parse(l->text, l->len, NULL, &(struct lc_step){0}, &why) == 1)
		return 0;
	if (!rec)
		return -1;
	is = json_is_object(rec) ? lc_record_is(rec, "branch", 1, &why) : 0;
	if (is > 0)
		is = lc_forecast_ask(b->fc, rec, ask, &why) < 0 ? -1 : 1;
	json_decref(rec);
	return is < 0 ? lc_fail(err, LC_DATA, "%s: %.400s", what, why.text) : is;
}

static void read_chunk(void *ctx, int i)
{
	struct batch *b = ctx;

	for (int k = i * CHUNK; k < b->n && k < (i + 1) * CHUNK; k++) {
		int is = read_line(b, &b->line[k], &b->ask[k], &b->err[k]);
		b->line[k].bad = is < 0;
		b->line[k].asks = is > 0;
	}
}

static void write_chunk(void *ctx, int i)
{
	struct batch *b = ctx;
	FILE *out = open_memstream(&b->out[i], &b->len[i]);

	for (int k = i * CHUNK; out && k < b->n && k < (i + 1) * CHUNK; k++) {
		const struct line *l = &b->line[k];
		fwrite(l->text, 1, l->len, out);
		if (!l->torn || l->asks)
			putc('\n', out);
		if (l->asks)
			lc_forecast_print(b->fc, &b->ask[b->first[k]], out);
	}
	if (!out || fclose(out) == EOF)
		b->out[i] = NULL;
}

/* Questions together, in the order of their lines; how many. The first bad line is the end. */
static int gather(struct batch *b)
{
	int n = 0;

	for (int k = 0; k < b->n; k++) {
		if (b->line[k].bad)
			lc_die(&b->err[k]);
		b->first[k] = n;
		if (b->line[k].asks && n++ != k)
			b->ask[n - 1] = b->ask[k];
	}
	return n;
}

static int flush_batch(struct batch *b, struct lc_pool *pool)
{
	int chunks = (b->n + CHUNK - 1) / CHUNK, asks;
	struct lc_err err;

	lc_pool_run(pool, chunks, read_chunk, b);
	asks = gather(b);
	lc_forecast_run(b->fc, b->ask, asks, pool);
	for (int k = 0; k < asks; k++)
		if (lc_forecast_check(&b->ask[k], &err) < 0)
			lc_die(&err);
	lc_pool_run(pool, chunks, write_chunk, b);
	for (int i = 0; i < chunks; i++) {
		if (!b->out[i]) {
			lc_fail(&err, LC_SYS, "forecasts: out of memory");
			lc_die(&err);
		}
		fwrite(b->out[i], 1, b->len[i], stdout);
		free(b->out[i]);
	}
	for (int k = 0; k < b->n; k++)
		free(b->line[k].text);
	b->n = 0;
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

	b->fc = fc;
	if (lc_lines_open(&lines, "-", 0, &err) < 0)
		lc_die(&err);
	while ((got = lc_lines_next(&lines, &text, &len, &err)) > 0) {
		struct line *l = &b->line[b->n++];
		*l = (struct line){lc_xalloc(len + 1, 1), len, lines.line, lines.torn, 0, 0};
		memcpy(l->text, text, len);
		if (b->n == BATCH && flush_batch(b, pool) < 0)
			break;
	}
	if (got < 0)
		lc_die(&err);
	flush_batch(b, pool);
	lc_lines_close(&lines);
	free(b);
}

/* Our own products give the same and need no 3 ms to open: a BLAS where LC_BLAS asks for one. */
static lc_sgemm_fn *asked_blas(void)
{
	const char *want = getenv("LC_BLAS");
	lc_sgemm_fn *fn;
	struct lc_err err;

	if (!want || !*want)
		return NULL;
	fn = lc_blas_open(&err);
	if (!fn && err.code)
		lc_die(&err);
	return fn;
}

/* What a batch frees the next one takes: two page faults in three were for memory given back. */
static void keep_memory(void)
{
#ifdef __GLIBC__
	mallopt(M_MMAP_THRESHOLD, 64 << 20);
	mallopt(M_TRIM_THRESHOLD, 1 << 30);
	mallopt(M_TOP_PAD, 1 << 20);
#endif
}

int cmd_predict(const struct options *o)
{
	struct lc_pool *pool;
	struct lc_forecaster *fc;
	struct lc_schedule plan;
	struct lc_device dev;
	struct lc_law law;
	struct lc_err err;
	int device;

	for (int i = 0; i < o->nhistory; i++)
		if (strcmp(o->history[i], "-") == 0)
			lc_usage("-H -: stdin holds the branches");
	keep_memory();
	/* opening a device takes longer than most forecasts: only where LC_DEVICE asks for it */
	device = lc_device_open(0, &dev, &err);
	if (device < 0)
		lc_die(&err);
	get_law(o, &law, &plan);
	law.mix.sgemm = asked_blas();
	pool = lc_pool_open(lc_cpu_count());
	fc = lc_forecaster_open(&law, &plan, o->points);
	if (o->to_end)
		lc_forecaster_to_end(fc);
	if (device)
		lc_forecaster_device(fc, &dev);
	filter(fc, pool);
	if (lc_forecaster_refused(fc) && !o->quiet)
		lc_warn("%s: the processor did it", lc_forecaster_refused(fc));
	if (lc_forecaster_held(fc) && !o->quiet)
		lc_warn("no plan given: the last logged lr is held (--plan FILE)");
	lc_forecaster_close(fc);
	lc_law_release(&law);
	lc_pool_close(pool);
	return LC_OK;
}

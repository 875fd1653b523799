/* branch_read: what a branch prints, taken into its stream and passed on as its records. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "branch.h"
#include "io.h"
#include "json.h"
#include "record.h"

static const char *const stream_files[2] = {"stdout.jsonl", "metrics.jsonl"};

static void take(struct branch *b, const struct lc_step *st)
{
	struct point p = {st->step, st->v[LC_LR], st->v[LC_LOSS], st->v[LC_TOKENS],
			  stream_hash(st->batch)};

	if (lc_step_has(st, LC_LOSS))
		stream_add(&b->steps, &p);
}

/* A line as the trainer wrote it, made a strict record of this branch. */
static json_t *step_record(struct branch *b, const struct lc_step *st, const char *line, size_t len)
{
	json_t *rec = json_loadb(line, len, 0, NULL);

	if (rec) {
		stream_note(&b->steps, rec, st->step);
	} else { /* bare NaN and the like */
		rec = json_pack("{s:I}", "step", (json_int_t)st->step);
		for (int m = 0; m < LC_METRICS; m++)
			if (lc_step_has(st, m))
				json_object_set_new(rec, lc_metric_name(m), lc_json_num(st->v[m]));
		if (st->batch[0])
			json_object_set_new(rec, "batch", json_string(st->batch));
	}
	json_object_set(rec, "fork", json_object_get(b->rec, "fork"));
	json_object_set_new(rec, "branch", json_string(b->id));
	return rec;
}

static int emit(struct branch *b, const struct lc_step *st, const char *line, size_t len, FILE *out,
		struct lc_err *err)
{
	json_t *rec;
	char *text;
	int ok;

	if (st->step <= b->from_step || st->step > b->from_step + b->horizon)
		return 0;
	rec = step_record(b, st, line, len);
	text = lc_json_text(rec);
	ok = fputs(text, out) != EOF && putc('\n', out) != EOF;
	free(text);
	json_decref(rec);
	return ok ? 0 : lc_fail_sys(err, "write a record");
}

/* The lines of one file from *at on; a line without its end only when no more will come. */
static int read_file(struct branch *b, int which, long *at, int keep, FILE *out, struct lc_err *err)
{
	char *path = lc_path("%s/%s", b->dir, stream_files[which]), *line;
	struct lc_lines in;
	struct lc_step st;
	size_t len;
	int more = 0;

	if (access(path, F_OK) < 0 || lc_lines_open(&in, path, 0, err) < 0) {
		free(path);
		return 0; /* it has printed nothing yet */
	}
	lseek(in.fd, *at, SEEK_SET);
	while ((more = lc_lines_next(&in, &line, &len, err)) > 0) {
		if (in.torn && b->status < DONE)
			break;
		*at += (long)(in.start - (size_t)(line - in.buf));
		if (lc_step_parse(line, len, NULL, &st, NULL) != 1)
			continue;
		if (keep)
			take(b, &st);
		if (out && (more = emit(b, &st, line, len, out, err)) < 0)
			break;
	}
	lc_lines_close(&in);
	free(path);
	return more < 0 ? -1 : 0;
}

int branch_read(struct branch *b, FILE *out, struct lc_err *err)
{
	for (int i = 0; i < 2; i++) {
		if (read_file(b, i, &b->read_at[i], 1, out, err) < 0)
			return -1;
		if (out)
			b->emit_at[i] = b->read_at[i];
	}
	return out && fflush(out) == EOF ? lc_fail_sys(err, "write a record") : 0;
}

int branch_emit(struct branch *b, FILE *out, struct lc_err *err)
{
	for (int i = 0; i < 2; i++)
		if (read_file(b, i, &b->emit_at[i], 0, out, err) < 0)
			return -1;
	return fflush(out) == EOF ? lc_fail_sys(err, "write a record") : 0;
}

/* branch: one future on disk: what it was told, what it printed, how it ended. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fork.h"
#include "hash.h"
#include "io.h"
#include "json.h"
#include "record.h"

static const char *const status_names[] = {"waiting", "running", "done",
					   "killed",  "failed",	 "void"};

void stream_add(struct stream *s, const struct point *p)
{
	while (s->n > 0 && s->p[s->n - 1].step >= p->step)
		s->n--;
	if (s->n == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 256;
		s->p = lc_xrealloc(s->p, (size_t)s->cap, sizeof(*s->p));
	}
	s->p[s->n++] = *p;
	if (!isfinite(p->loss) && !s->nonfinite)
		s->nonfinite = p->step;
}

const struct point *stream_find(const struct stream *s, long step)
{
	long lo = 0, hi = s->n;

	while (lo < hi) {
		long mid = (lo + hi) / 2;
		if (s->p[mid].step < step)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < s->n && s->p[lo].step == step ? &s->p[lo] : NULL;
}

void stream_release(struct stream *s)
{
	free(s->p);
	memset(s, 0, sizeof(*s));
}

int good_name(const char *id)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	return *id && *id != '.' && *id != '-' && strlen(id) < 60 &&
	       id[strspn(id, letters)] == '\0';
}

int branch_init(struct branch *b, json_t *rec, const char *fork_dir, struct lc_err *err)
{
	json_t *from = json_object_get(rec, "from");
	struct lc_id id;

	memset(b, 0, sizeof(*b));
	b->rec = rec;
	b->id = lc_json_get_str(rec, "branch", "");
	b->role = lc_json_get_str(rec, "role", "arm");
	b->parent = lc_json_get_str(from, "branch", NULL);
	b->from_step = lc_json_get_int(from, "step", -1);
	b->horizon = lc_json_get_int(rec, "horizon", 0);
	b->actions = json_object_get(rec, "actions");
	if (!good_name(b->id))
		return lc_fail(err, LC_DATA, "branch \"%.40s\": not a name", b->id);
	if (b->from_step < 0 || b->horizon < 1)
		return lc_fail(err, LC_DATA, "branch %s: wants from.step and a horizon", b->id);
	if (!b->parent && lc_id_parse(lc_json_get_str(from, "snapshot", ""), &id) < 0)
		return lc_fail(err, LC_DATA, "branch %s: from names no snapshot and no branch",
			       b->id);
	b->dir = lc_path("%s/%s", fork_dir, b->id);
	return 0;
}

void branch_release(struct branch *b)
{
	json_decref(b->rec);
	free(b->dir);
	free(b->state);
	stream_release(&b->steps);
	memset(b, 0, sizeof(*b));
}

static void take_line(struct branch *b, const char *line, size_t len)
{
	struct lc_step st;
	struct point p = {0};

	if (lc_step_parse(line, len, NULL, &st, NULL) != 1 || !lc_step_has(&st, LC_LOSS))
		return;
	p.step = st.step;
	p.loss = st.v[LC_LOSS];
	p.lr = st.v[LC_LR];
	p.tokens = st.v[LC_TOKENS];
	memcpy(p.batch, st.batch, sizeof(p.batch));
	stream_add(&b->steps, &p);
}

static const char *const stream_files[2] = {"stdout.jsonl", "metrics.jsonl"};

/* Only whole lines are looked at, from where the last look ended. */
static int read_file(struct branch *b, int which, struct lc_err *err)
{
	char *path = lc_path("%s/%s", b->dir, stream_files[which]), *line;
	struct lc_lines in;
	size_t len;
	int more;

	if (access(path, F_OK) < 0 || lc_lines_open(&in, path, 0, err) < 0) {
		free(path);
		return 0; /* it has printed nothing yet */
	}
	lseek(in.fd, b->read_at[which], SEEK_SET);
	while ((more = lc_lines_next(&in, &line, &len, err)) > 0 && !in.torn) {
		take_line(b, line, len);
		b->read_at[which] += (long)(in.start - (size_t)(line - in.buf));
	}
	lc_lines_close(&in);
	free(path);
	return more < 0 ? -1 : 0;
}

int branch_read(struct branch *b, struct lc_err *err)
{
	return read_file(b, 0, err) < 0 ? -1 : read_file(b, 1, err);
}

/* A line as the trainer wrote it, made a strict record of this branch; NULL: not a step of it. */
static json_t *step_record(const struct branch *b, const char *line, size_t len)
{
	struct lc_step st;
	json_t *rec;

	if (lc_step_parse(line, len, NULL, &st, NULL) != 1 || st.step <= b->from_step ||
	    st.step > b->from_step + b->horizon)
		return NULL;
	rec = json_loadb(line, len, 0, NULL);
	if (!rec) { /* bare NaN and the like */
		rec = json_pack("{s:I}", "step", (json_int_t)st.step);
		for (int m = 0; m < LC_METRICS; m++)
			if (lc_step_has(&st, m))
				json_object_set_new(rec, lc_metric_name(m), lc_json_num(st.v[m]));
		if (st.batch[0])
			json_object_set_new(rec, "batch", json_string(st.batch));
	}
	json_object_set_new(rec, "fork", json_incref(json_object_get(b->rec, "fork")));
	json_object_set_new(rec, "branch", json_string(b->id));
	return rec;
}

static int emit_file(const struct branch *b, const char *name, struct lc_err *err)
{
	char *path = lc_path("%s/%s", b->dir, name), *line;
	struct lc_lines in;
	json_t *rec;
	size_t len;
	int more = 0;

	if (access(path, F_OK) == 0 && (more = lc_lines_open(&in, path, 0, err)) == 0) {
		while ((more = lc_lines_next(&in, &line, &len, err)) > 0) {
			rec = step_record(b, line, len);
			more = rec ? lc_json_emit(stdout, rec, err) : 0;
			json_decref(rec);
			if (more < 0)
				break;
		}
		lc_lines_close(&in);
	}
	free(path);
	return more < 0 ? -1 : 0;
}

int branch_emit_steps(struct branch *b, struct lc_err *err)
{
	return emit_file(b, stream_files[0], err) < 0 ? -1 : emit_file(b, stream_files[1], err);
}

static json_t *result_record(const struct branch *b)
{
	json_t *rec = lc_record_new("result", 1);

	json_object_set_new(rec, "fork", json_incref(json_object_get(b->rec, "fork")));
	json_object_set_new(rec, "branch", json_string(b->id));
	json_object_set_new(rec, "status", json_string(status_names[b->status]));
	if (b->why[0])
		json_object_set_new(rec, "why", json_string(b->why));
	json_object_set_new(rec, "steps", json_integer(b->steps.n));
	json_object_set_new(rec, "wall_s", lc_json_num(round(1000 * b->wall_s) / 1000));
	return rec;
}

int branch_emit_result(const struct branch *b, struct lc_err *err)
{
	json_t *rec = result_record(b);
	int ret = lc_json_emit(stdout, rec, err);

	json_decref(rec);
	return ret;
}

/* Record and command go in too: a fork planned or run anew under an old name must not find old
 * ends. */
int branch_save_end(const struct branch *b, const char *command, struct lc_err *err)
{
	json_t *end = json_pack("{s:o,s:O,s:s}", "result", result_record(b), "branch", b->rec,
				"command", command);
	char *path = lc_path("%s/end.json", b->dir);
	int ret = lc_json_save(path, end, err);

	json_decref(end);
	free(path);
	return ret;
}

/* The same text: a whole real is an integer once it has been read back, and json_equal tells these
 * apart. */
static int same_record(const json_t *a, const json_t *b)
{
	char *x = a ? lc_json_text(a) : NULL, *y = lc_json_text(b);
	int same = x && strcmp(x, y) == 0;

	free(x);
	free(y);
	return same;
}

int branch_load_end(struct branch *b, const char *command, struct lc_err *err)
{
	char *path = lc_path("%s/end.json", b->dir);
	json_t *end = access(path, F_OK) == 0 ? lc_json_load(path, NULL) : NULL, *result;
	int known = 0;

	free(path);
	if (end && same_record(json_object_get(end, "branch"), b->rec) &&
	    strcmp(lc_json_get_str(end, "command", ""), command) == 0) {
		result = json_object_get(end, "result");
		for (int s = DONE; s <= VOID; s++)
			if (strcmp(lc_json_get_str(result, "status", ""), status_names[s]) == 0)
				b->status = s;
		snprintf(b->why, sizeof(b->why), "%s", lc_json_get_str(result, "why", ""));
		b->wall_s = lc_json_get_num(result, "wall_s", 0);
		known = b->status >= DONE && branch_read(b, err) == 0;
	}
	json_decref(end);
	return known;
}

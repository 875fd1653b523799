/* out: see out.h. */
#include "out.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "json.h"
#include "scan.h"

#define USEFUL (~(1u << LC_TOKENS | 1u << LC_WALL_S))

void out_init(struct out *o, FILE *to, const struct lc_names *names, int all)
{
	memset(o, 0, sizeof(*o));
	o->to = to;
	o->names = names;
	o->all = all;
	out_start(o, OUT_STREAM);
}

void out_release(struct out *o)
{
	free(o->row.more);
	free(o->rewinds);
	memset(o, 0, sizeof(*o));
}

void out_start(struct out *o, enum out_mode mode)
{
	o->mode = mode;
	o->rows = o->records = 0;
	o->next_rewind = 0;
	o->open = 0;
	o->anchor = -1;
	o->last = -1;
	o->t0 = NAN;
}

void out_begin(struct out *o)
{
	struct row *r = &o->row;

	r->step = 0;
	r->has_step = r->other_type = 0;
	r->version = 0;
	r->has = 0;
	memset(r->rank, 0, sizeof(r->rank));
	r->batch[0] = r->run[0] = r->branch[0] = '\0';
	r->more_len = 0;
}

void out_step(struct out *o, double step)
{
	if (step >= 0 && step <= 9007199254740992.0 && step == floor(step)) {
		o->row.step = (long)step;
		o->row.has_step = 1;
	} else {
		o->row.has_step = 0;
	}
}

int out_has(const struct out *o, enum lc_metric m)
{
	return o->row.has >> m & 1;
}

/* Append to the other metrics of the row. */
static void add_more(struct row *r, const char *s, size_t len)
{
	if (r->more_len + len > r->more_cap) {
		r->more_cap = 2 * (r->more_len + len);
		r->more = lc_xrealloc(r->more, r->more_cap, 1);
	}
	memcpy(r->more + r->more_len, s, len);
	r->more_len += len;
}

/* A name as a JSON string; bytes that are no UTF-8 become question marks. */
static void add_name(struct row *r, const char *name, size_t len)
{
	json_t *s = json_stringn(name, len);
	char copy[OUT_NAME], *text;

	if (!s) {
		size_t n = len < sizeof(copy) ? len : sizeof(copy);

		for (size_t i = 0; i < n; i++)
			copy[i] = (char)(name[i] & 0x80 ? '?' : name[i]);
		s = json_stringn(copy, n);
	}
	text = lc_json_text(s);
	add_more(r, text, strlen(text));
	free(text);
	json_decref(s);
}

/* The metric whose ,"name": stands at the end of the others, from start on: drop an older value of
 * it. No number, nor "nan", has a comma. */
static void drop_older(struct row *r, size_t start)
{
	size_t len = r->more_len - start;
	char *old = memmem(r->more, start, r->more + start, len), *end;

	if (!old)
		return;
	end = memchr(old + len, ',', (size_t)(r->more + r->more_len - old) - len);
	memmove(old, end, (size_t)(r->more + r->more_len - end));
	r->more_len -= (size_t)(end - old);
}

/* A name that a known one has in the records would be there twice. */
static int is_taken(const char *name, size_t len)
{
	static const char *const others[] = {"step", "type", "v", "batch", "run", "branch"};

	for (int m = 0; m < LC_METRICS; m++) {
		const char *known = lc_metric_name((enum lc_metric)m);

		if (strlen(known) == len && memcmp(known, name, len) == 0)
			return 1;
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strlen(others[i]) == len && memcmp(others[i], name, len) == 0)
			return 1;
	return 0;
}

/* Remember a name that nothing is known of: the first few of them. */
static void note_unknown(struct out *o, const char *name, size_t len)
{
	size_t n = strlen(o->unknown);
	char item[64];

	if (len == 0 || len > 40 || n + len + 3 > 160)
		return;
	snprintf(item, sizeof(item), "%.*s", (int)len, name);
	if (strstr(o->unknown, item))
		return;
	snprintf(o->unknown + n, sizeof(o->unknown) - n, "%s%s", n ? ", " : "", item);
}

/* A metric of a name that is not known. */
static void set_other(struct out *o, const char *name, size_t len, const char *num)
{
	struct row *r = &o->row;
	size_t start;

	note_unknown(o, name, len);
	if (!o->all || is_taken(name, len))
		return;
	start = r->more_len;
	add_more(r, ",", 1);
	add_name(r, name, len);
	add_more(r, ":", 1);
	drop_older(r, start);
	add_more(r, num, strlen(num));
}

/* The number, as JSON text, under its name. */
static void set(struct out *o, const char *name, size_t len, const char *num, double x)
{
	struct row *r = &o->row;
	int rank, key = lc_names_key(o->names, name, len, &rank);

	if (key == LC_KEY_NONE) {
		set_other(o, name, len, num);
		return;
	}
	if (rank < r->rank[key])
		return;
	r->rank[key] = (short)rank;
	if (key == LC_KEY_STEP)
		out_step(o, x);
	if (key >= LC_METRICS)
		return;
	strcpy(r->v[key], num);
	r->has |= 1u << key;
}

void out_double(struct out *o, const char *name, size_t len, double x)
{
	char num[LC_NUM_LEN];

	set(o, name, len, lc_num(num, x), x);
}

void out_float(struct out *o, const char *name, size_t len, float x)
{
	char num[LC_NUM_LEN];

	set(o, name, len, lc_num_f32(num, x), (double)x);
}

void out_time(struct out *o, double time)
{
	if (isnan(o->t0))
		o->t0 = time;
	if (time >= o->t0)
		out_double(o, "wall_s", 6, round(1000 * (time - o->t0)) / 1000);
}

int out_text(struct out *o, const char *name, size_t len, const char *num, size_t num_len)
{
	char copy[OUT_NUM];

	if (!num_shorten(num, num_len, copy))
		return 0;
	set(o, name, len, copy, strtod(copy, NULL));
	return 1;
}

static void put_string(const struct lc_value *v, char *out, size_t cap)
{
	out[0] = '\0';
	if (v->kind != LC_VALUE_OTHER)
		lc_text_copy(&v->text, out, cap);
}

/* The number in a value, as text: 1, or 0 when there is none. */
static int value_text(const struct lc_value *v, char num[OUT_NUM], double *x)
{
	if (!lc_value_num(v, x))
		return 0;
	if (v->kind != LC_VALUE_NUM || !num_shorten(v->text.s, v->text.len, num))
		lc_num(num, *x);
	return 1;
}

void out_value(struct out *o, const char *name, size_t len, const struct lc_value *v)
{
	struct row *r = &o->row;
	int rank, key = lc_names_key(o->names, name, len, &rank);
	char num[OUT_NUM];
	double x = 0;

	if (key != LC_KEY_NONE && rank < r->rank[key])
		return;
	if (key != LC_KEY_NONE)
		r->rank[key] = (short)rank;
	switch (key) {
	case LC_KEY_NONE:
		if (value_text(v, num, &x))
			set_other(o, name, len, num);
		return;
	case LC_KEY_STEP: out_step(o, lc_value_num(v, &x) ? x : -1); return;
	case LC_KEY_BATCH: put_string(v, r->batch, sizeof(r->batch)); return;
	case LC_KEY_RUN: put_string(v, r->run, sizeof(r->run)); return;
	case LC_KEY_BRANCH: put_string(v, r->branch, sizeof(r->branch)); return;
	case LC_KEY_TYPE:
		r->other_type = v->kind != LC_VALUE_STR || v->text.len != 4 ||
				memcmp(v->text.s, "step", 4) != 0;
		return;
	case LC_KEY_V: r->version = lc_value_num(v, &x) ? x : 0; return;
	default:
		r->has &= ~(1u << key);
		if (o->mode == OUT_SURVEY ? lc_value_num(v, &x) : value_text(v, r->v[key], &x))
			r->has |= 1u << key;
	}
}

/* Keep of the rewinds seen those that no later one goes as far back as. */
static void push_rewind(struct out *o, long to)
{
	while (o->nrewinds > 0 && o->rewinds[o->nrewinds - 1].to >= to)
		o->nrewinds--;
	if (o->nrewinds == o->rewinds_cap) {
		o->rewinds_cap = o->rewinds_cap ? 2 * o->rewinds_cap : 16;
		o->rewinds = lc_xrealloc(o->rewinds, o->rewinds_cap, sizeof(*o->rewinds));
	}
	o->rewinds[o->nrewinds++] = (struct rewind){o->rows, to};
}

/* Did the run go back to this row's step? *from is where it was. */
static int goes_back(struct out *o, long *from)
{
	static const enum lc_metric anchors[] = {LC_LOSS, LC_GRAD_NORM, LC_LR};
	int back = 0;

	for (size_t i = 0; i < sizeof(anchors) / sizeof(anchors[0]); i++) {
		int m = anchors[i];

		if (out_has(o, anchors[i]) && (o->anchor < 0 || m < o->anchor)) {
			o->anchor = m;
			o->last = -1;
		}
	}
	if (o->anchor >= 0 && out_has(o, (enum lc_metric)o->anchor)) {
		*from = o->last;
		back = o->row.step < o->last;
		o->last = o->row.step;
	}
	return back;
}

/* In a replay: is the row superseded by a later rewind? */
static int is_superseded(struct out *o)
{
	while (o->next_rewind < o->nrewinds && o->rewinds[o->next_rewind].row <= o->rows)
		o->next_rewind++;
	return o->next_rewind < o->nrewinds && o->row.step >= o->rewinds[o->next_rewind].to;
}

static void put_string_member(FILE *f, const char *name, const char *value)
{
	json_t *s;
	char *text;

	if (!value[0] || !(s = json_string(value)))
		return;
	text = lc_json_text(s);
	fprintf(f, ",\"%s\":%s", name, text);
	free(text);
	json_decref(s);
}

/* Append a short text of known bounds. */
static char *append(char *p, const char *s)
{
	size_t len = strlen(s);

	memcpy(p, s, len);
	return p + len;
}

static int write_row(const struct row *r, FILE *to, struct lc_err *err)
{
	char line[LC_METRICS * (OUT_NUM + 24) + 40], *p = append(line, "{\"step\":");
	char digits[24], *d = digits + sizeof(digits);
	unsigned long step = (unsigned long)r->step;

	*--d = '\0';
	do
		*--d = (char)('0' + step % 10);
	while ((step /= 10) > 0);
	p = append(p, d);
	for (int m = 0; m < LC_METRICS; m++) {
		if (!(r->has >> m & 1))
			continue;
		p = append(append(append(p, ",\""), lc_metric_name((enum lc_metric)m)), "\":");
		p = append(p, r->v[m]);
	}
	fwrite_unlocked(line, 1, (size_t)(p - line), to);
	put_string_member(to, "batch", r->batch);
	put_string_member(to, "run", r->run);
	put_string_member(to, "branch", r->branch);
	if (r->more_len)
		fwrite_unlocked(r->more, 1, r->more_len, to);
	fwrite_unlocked("}\n", 1, 2, to);
	return ferror_unlocked(to) ? lc_fail_sys(err, "write") : 0;
}

int out_end(struct out *o, struct lc_err *err)
{
	long from = -1;
	int back;

	o->open = 0;
	if (!o->row.has_step || (!(o->row.has & USEFUL) && o->row.more_len == 0))
		return 0;
	back = goes_back(o, &from);
	if (o->mode == OUT_SURVEY && back)
		push_rewind(o, o->row.step);
	if (o->mode == OUT_STREAM || (o->mode == OUT_REPLAY && !is_superseded(o))) {
		if (back)
			fprintf(o->to, "{\"type\":\"rewind\",\"v\":1,\"from\":%ld,\"to\":%ld}\n",
				from, o->row.step);
		if (write_row(&o->row, o->to, err) < 0)
			return -1;
	}
	o->rows++;
	o->records++;
	return 1;
}

int out_at(struct out *o, double step, struct lc_err *err)
{
	if (o->open && o->row.has_step && (double)o->row.step == step)
		return 0;
	if (out_flush(o, err) < 0)
		return -1;
	out_begin(o);
	out_step(o, step);
	o->open = 1;
	return 0;
}

int out_flush(struct out *o, struct lc_err *err)
{
	return o->open && out_end(o, err) < 0 ? -1 : 0;
}

int out_line(struct out *o, const char *line, size_t len, struct lc_err *err)
{
	o->records++;
	if (o->mode == OUT_SURVEY)
		return 0;
	fwrite(line, 1, len, o->to);
	putc('\n', o->to);
	return ferror(o->to) ? lc_fail_sys(err, "write") : 0;
}

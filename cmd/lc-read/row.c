/*
 * row: the metrics of one step, by the names that a log has for them; see out.h. Numbers are kept
 * as the text that is written.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "json.h"
#include "num.h"
#include "out.h"
#include "scan.h"

void out_begin(struct out *o)
{
	struct row *r = &o->row;

	r->step = 0;
	r->has_step = r->other_type = 0;
	r->version = 0;
	r->has = 0;
	r->nth = 0;
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

/* A name as a JSON string; bytes that are no UTF-8, and NULs, become question marks. */
static void add_name(struct row *r, const char *name, size_t len)
{
	json_t *s = memchr(name, '\0', len) ? NULL : json_stringn(name, len);
	char copy[OUT_NAME], *text;

	if (!s) {
		size_t n = len < sizeof(copy) ? len : sizeof(copy);

		for (size_t i = 0; i < n; i++)
			copy[i] = (char)(name[i] & 0x80 || !name[i] ? '?' : name[i]);
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
	r->v_len[key] = (unsigned char)strlen(num);
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
	double x;

	if (num_len == 0 || lc_num_parse(num, num_len, &x) != num_len)
		return 0;
	num_shorten(num, num_len, x, copy);
	set(o, name, len, copy, x);
	return 1;
}

static void put_string(const struct lc_value *v, char *out, size_t cap)
{
	out[0] = '\0';
	if (v->kind != LC_VALUE_OTHER)
		lc_text_copy(&v->text, out, cap);
}

/* The number in a value, as text: its length, or 0 when there is none. */
static size_t value_text(const struct lc_value *v, char num[OUT_NUM], double *x)
{
	if (!lc_value_num(v, x))
		return 0;
	if (v->kind == LC_VALUE_NUM)
		return num_shorten(v->text.s, v->text.len, *x, num);
	return strlen(lc_num(num, *x));
}

/* What the name of the next member means: most often what it meant in the last row. */
static int recall_key(struct out *o, const char *name, size_t len, int *rank)
{
	struct recall *k = &o->recall[o->row.nth++ % RECALLED];

	if (k->len == len && memcmp(k->name, name, len) == 0) {
		*rank = k->rank;
		return k->key;
	}
	if (len > sizeof(k->name))
		return lc_names_key(o->names, name, len, rank);
	k->key = (short)lc_names_key(o->names, name, len, rank);
	k->rank = (short)*rank;
	memcpy(k->name, name, len);
	k->len = (unsigned char)len;
	return k->key;
}

void out_value(struct out *o, const char *name, size_t len, const struct lc_value *v)
{
	struct row *r = &o->row;
	int rank = 0, key = recall_key(o, name, len, &rank);
	char num[OUT_NUM];
	double x = 0;
	size_t n;

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
		n = o->mode == OUT_SURVEY ? (size_t)lc_value_num(v, &x)
					  : value_text(v, r->v[key], &x);
		r->v_len[key] = (unsigned char)n;
		if (n > 0)
			r->has |= 1u << key;
	}
}

/* out: steps that go back, and what is written; see out.h. row.c fills the rows. */
#include "out.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "json.h"

#define USEFUL (~(1u << LC_TOKENS | 1u << LC_WALL_S))

void out_init(struct out *o, FILE *to, const struct lc_names *names, int all)
{
	memset(o, 0, sizeof(*o));
	o->to = to;
	o->names = names;
	o->all = all;
	for (int i = 0; i < RECALLED; i++)
		o->recall[i].key = LC_KEY_NONE; /* of the empty name */
	for (int m = 0; m < LC_METRICS; m++)
		o->head[m].len = (size_t)snprintf(o->head[m].text, sizeof(o->head[m].text),
						  ",\"%s\":", lc_metric_name((enum lc_metric)m));
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
	o->counted = o->from;
	o->t0 = NAN;
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

static int write_row(const struct out *o, struct lc_err *err)
{
	const struct row *r = &o->row;
	FILE *to = o->to;
	char line[LC_METRICS * (OUT_NUM + 24) + 64], *p = stpcpy(line, "{\"step\":");
	char digits[24], *d = digits + sizeof(digits);
	unsigned long step = (unsigned long)r->step;

	*--d = '\0';
	do
		*--d = (char)('0' + step % 10);
	while ((step /= 10) > 0);
	p = stpcpy(p, d);
	for (int m = 0; m < LC_METRICS; m++) {
		if (!(r->has >> m & 1))
			continue;
		memcpy(p, o->head[m].text, sizeof(o->head[m].text)); /* all of it: no call */
		p += o->head[m].len;
		memcpy(p, r->v[m], OUT_NUM);
		p += r->v_len[m];
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
		if (write_row(o, err) < 0)
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

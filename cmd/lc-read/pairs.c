/*
 * pairs: lines that have a step and metrics as names with values, in whatever order and dress:
 *
 *	[titan] 2026-02-24 19:46:17,508 - root - INFO - step:  4  loss:  7.62585  grad_norm: 26.6250
 *tps: 10,050 epoch 1 | step 100/2000 | loss 2.345 | lr=1e-4
 *	{'step': 100, 'loss': 2.345}
 *	{'loss': 2.345, 'learning_rate': 1e-4, 'epoch': 0.01}	with --every
 *
 * torchtitan is the first of these, with what is its own: every rank may print the same line, and
 * "validate step" has the held-out loss.
 */
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "num.h"
#include "text.h"

static int is_alpha(char c)
{
	return ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_';
}

static int is_name(char c)
{
	return is_alpha(c) || (c >= '0' && c <= '9') || c == '/' || c == '.' || c == '-';
}

static int is_one_of(char c, const char *set)
{
	return c && strchr(set, c) != NULL;
}

/* The next name: letters first. */
static int next_name(struct text *t, struct text *name)
{
	while (t->p < t->end && !is_alpha(*t->p))
		if (!is_name(*t->p++))
			continue;
		else
			while (t->p < t->end && is_name(*t->p))
				t->p++;
	if (t->p == t->end)
		return 0;
	name->p = t->p;
	while (t->p < t->end && is_name(*t->p))
		t->p++;
	name->end = t->p;
	return 1;
}

/* The number behind a name, when it is one as a whole. A name that is not known wants a colon or an
 * equals sign; a step may be followed by how many there are. */
static int value_after(struct text *t, int known, int is_step, struct text *num)
{
	const char *start = t->p, *after;
	int sign = 0;
	double x;

	while (t->p < t->end && is_one_of(*t->p, " \t'\":=")) {
		if (is_one_of(*t->p, ":=") && sign++)
			break;
		t->p++;
	}
	if (is_step && t->p < t->end && *t->p == '[')
		t->p++;
	num->p = t->p;
	num->end = t->p + lc_num_parse(t->p, (size_t)(t->end - t->p), &x);
	after = num->end;
	if (num->p == start || num->end == num->p || (!sign && !known)) {
		t->p = start;
		return 0;
	}
	t->p = after;
	if (after == t->end || (is_step && *after == '/'))
		return 1;
	if (*after == ',' && after + 1 < t->end && after[1] >= '0' && after[1] <= '9')
		return 0; /* thousands */
	return is_one_of(*after, " \t,;|)]}'\"") || (is_step && *after == ':');
}

/* All pairs of the line into the row. as_val: its loss is the held-out one. */
static void read_pairs(struct out *o, struct text t, int as_val)
{
	struct text name, num;
	int rank;

	out_begin(o);
	while (next_name(&t, &name)) {
		size_t len = (size_t)(name.end - name.p);
		int key = lc_names_key(o->names, name.p, len, &rank);

		if (!value_after(&t, key != LC_KEY_NONE, key == LC_KEY_STEP, &num))
			continue;
		if (as_val && key == LC_LOSS)
			out_text(o, "val_loss", 8, num.p, (size_t)(num.end - num.p));
		else
			out_text(o, name.p, len, num.p, (size_t)(num.end - num.p));
	}
}

static int end_row(struct reader *r, struct lc_err *err)
{
	if (!out_has(r->out, LC_LOSS) && !out_has(r->out, LC_VAL_LOSS) &&
	    !out_has(r->out, LC_GRAD_NORM))
		return 0;
	return out_end(r->out, err);
}

/* A line that names no step, as the Trainer prints them: losses are counted, a held-out one belongs
 * to the loss before. */
static void count_step(struct out *o)
{
	if (o->row.has_step || o->every == 0)
		return;
	if (out_has(o, LC_LOSS))
		o->counted += o->every;
	if (o->counted > 0)
		out_step(o, (double)o->counted);
}

static int pairs_line(struct reader *r, const char *s, size_t len, struct lc_err *err)
{
	if (memmem(s, len, "'train_runtime'", 15)) /* the Trainer's sum of it all */
		return 0;
	read_pairs(r->out, (struct text){s, s + len}, 0);
	count_step(r->out);
	return end_row(r, err);
}

/* Which line of a torchtitan log is another rank's: it is marked so, or is there once more. */
struct titan {
	char rank[16];
	long step, val_step;
};

static int is_repeated(struct reader *r, const struct text *t, int as_val)
{
	struct titan *st = r->state;
	long step = r->out->row.step, *last;
	const char *close = memchr(t->p, ']', (size_t)(t->end - t->p));
	size_t n = close ? (size_t)(close - t->p) : 0;
	char rank[16] = "";

	if (memcmp(t->p, "[rank", 5) == 0 && n < sizeof(rank))
		memcpy(rank, t->p, n);
	if (!st) {
		r->state = st = lc_xalloc(1, sizeof(*st));
		st->step = st->val_step = -1;
		strcpy(st->rank, rank);
	}
	last = as_val ? &st->val_step : &st->step;
	if (strcmp(st->rank, rank) != 0 || *last == step)
		return 1;
	*last = step;
	return 0;
}

static int titan_line(struct reader *r, const char *s, size_t len, struct lc_err *err)
{
	struct text t = {s, s + len}, all = t;
	const char *step = text_find(&t, "step: ");
	int as_val;

	if (!step || len < 12 || (step - 6 > s && !is_one_of(step[-7], " ]")))
		return 0;
	t.p = step;
	if (!text_find(&t, " loss: "))
		return 0;
	t.p = step - 6;
	as_val = t.p - s >= 9 && memcmp(t.p - 9, "validate ", 9) == 0;
	read_pairs(r->out, t, as_val);
	if (!r->out->row.has_step)
		return 0;
	return is_repeated(r, &all, as_val) ? 1 : end_row(r, err);
}

const struct format format_torchtitan = {"torchtitan", "lines of torchtitan", titan_line, NULL,
					 NULL};
const struct format format_pairs = {"pairs",
				    "any lines with a step and metrics, as in step=10 loss=2.3",
				    pairs_line, NULL, NULL};

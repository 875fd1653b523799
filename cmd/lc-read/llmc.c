/*
 * llmc: llm.c's stdout and its main.log.
 *
 *	step    1/19560 | loss 11.009 (+nanz)| norm 15.37 (+nanz)| lr 8.57e-07 | 3994.72 ms | ...
 *	val loss 10.9
 *	s:0 tel:11.0092
 *	s:0 trl:11.0091 lr:0.000001 norm:15.37
 *
 * stdout counts updates from 1. main.log has the step's index: its trl lines are one update
 *further, its tel and eval lines are not. A val loss on stdout belongs to the updates done so far;
 *before the first step line that is known only from that line.
 */
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "num.h"
#include "text.h"

struct llmc {
	double step;   /* updates done, or -1 */
	char held[32]; /* a val loss that waits for its step */
};

static struct llmc *state(struct reader *r)
{
	if (!r->state) {
		struct llmc *st = lc_xalloc(1, sizeof(*st));

		st->step = -1;
		r->state = st;
	}
	return r->state;
}

static int put_val(struct reader *r, double step, const char *s, size_t len, struct lc_err *err)
{
	out_begin(r->out);
	out_step(r->out, step);
	out_text(r->out, "val_loss", 8, s, len);
	return out_end(r->out, err);
}

static int val_line(struct reader *r, struct text *t, struct lc_err *err)
{
	struct llmc *st;
	struct text word;
	double x;
	size_t len;

	if (!text_word(t, &word) || t->p != t->end)
		return 0;
	len = (size_t)(word.end - word.p);
	if (len >= sizeof(st->held) || lc_num_parse(word.p, len, &x) != len)
		return 0;
	st = state(r);
	if (st->step >= 0)
		return put_val(r, st->step, word.p, len, err);
	memcpy(st->held, word.p, len);
	st->held[len] = '\0';
	return 1;
}

/* The names of stdout's fields are the common ones, but for the gradient norm. */
static void stdout_field(struct out *o, const struct text *part)
{
	struct text t = *part, word;

	if (text_skip(&t, "norm ") && text_word(&t, &word))
		out_text(o, "grad_norm", 9, word.p, (size_t)(word.end - word.p));
	else
		text_metric(o, part);
}

static int step_line(struct reader *r, struct text *t, struct lc_err *err)
{
	struct llmc *st;
	struct text part;
	double step;

	text_spaces(t);
	if (!text_step(t, &step) || !text_skip(t, "/"))
		return 0;
	text_part(t, '|', &part);
	if (t->p == t->end)
		return 0;
	st = state(r);
	if (st->held[0] && put_val(r, step - 1, st->held, strlen(st->held), err) < 0)
		return -1;
	st->held[0] = '\0';
	st->step = step;
	out_begin(r->out);
	out_step(r->out, step);
	while (text_part(t, '|', &part))
		stdout_field(r->out, &part);
	return out_end(r->out, err);
}

static int main_log_line(struct reader *r, struct text *t, struct lc_err *err)
{
	static const struct {
		const char *key, *name;
	} keys[] = {{"trl:", "loss"},
		    {"tel:", "val_loss"},
		    {"lr:", "lr"},
		    {"norm:", "grad_norm"},
		    {"eval:", "hellaswag"}};
	struct text word;
	double step;
	int known = 0;

	if (!text_step(t, &step))
		return 0;
	out_begin(r->out);
	out_step(r->out, step + (text_find(t, " trl:") != NULL));
	while (text_word(t, &word))
		for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
			if (text_skip(&word, keys[i].key)) {
				known = 1;
				out_text(r->out, keys[i].name, strlen(keys[i].name), word.p,
					 (size_t)(word.end - word.p));
				break;
			}
	return out_end(r->out, err) < 0 ? -1 : known;
}

static int line(struct reader *r, const char *s, size_t len, struct lc_err *err)
{
	struct text t = {s, s + len};

	if (text_skip(&t, "step "))
		return step_line(r, &t, err);
	if (text_skip(&t, "s:"))
		return main_log_line(r, &t, err);
	if (text_skip(&t, "val loss "))
		return val_line(r, &t, err);
	if (r->state && text_skip(&t, "+---")) /* a run starts, at a step not known yet */
		state(r)->step = -1;
	return 0;
}

const struct format format_llmc = {"llmc", "llm.c's stdout, and its main.log", line, NULL, NULL};

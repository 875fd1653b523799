/*
 * megatron: lines of Megatron-LM and its kin.
 *
 *	 iteration 10/ 100 | ... | learning rate: 1.0E-05 | lm loss: 2.19E+00 | grad norm: 1.2 | ...
 *	 validation loss at iteration 10 | lm loss value: 2.9E+00 | lm loss PPL: 1.8E+01 |
 *
 * A loss that is not above 0, NaN among them, is not printed at all. So a line without one says
 *nan, unless the update was skipped by the loss scaler, which leaves nothing to print either.
 */
#include <string.h>

#include "num.h"
#include "text.h"

/* The value of a field, or absent. */
static double field(const struct text *line, const char *name, double absent)
{
	struct text t = {text_find(line, name), line->end};
	double x;

	if (!t.p)
		return absent;
	text_spaces(&t);
	return lc_num_parse(t.p, (size_t)(t.end - t.p), &x) ? x : absent;
}

/* On a whole line: was there a loss to print? */
static int loss_is_missing(const struct text *line)
{
	double skipped = field(line, "number of skipped iterations:", -1);
	double nans = field(line, "number of nan iterations:", 0);

	return skipped == 0 || (skipped > 0 && nans > 0);
}

static int validation(struct reader *r, struct text *t, struct lc_err *err)
{
	int is_test = text_find(t, "on test set") != NULL;
	struct text part;
	double step, x;

	text_spaces(t);
	if (!text_step(t, &step))
		return 0;
	out_begin(r->out);
	out_step(r->out, step);
	while (text_part(t, '|', &part)) {
		const char *value = text_find(&part, "lm loss value:");
		struct text v = {value, part.end};

		if (!value)
			continue;
		text_spaces(&v);
		if (lc_num_parse(v.p, (size_t)(v.end - v.p), &x))
			out_text(r->out, is_test ? "test_loss" : "val_loss", is_test ? 9 : 8, v.p,
				 (size_t)(v.end - v.p));
	}
	return out_end(r->out, err);
}

static int line(struct reader *r, const char *s, size_t len, struct lc_err *err)
{
	struct text t = {s, s + len}, part, all = t;
	const char *p = text_find(&t, "validation loss at iteration ");
	double step;

	if (p)
		return validation(r, &(struct text){p, t.end}, err);
	t.p = text_find(&t, "iteration ");
	if (!t.p)
		return 0;
	text_spaces(&t);
	if (!text_step(&t, &step) || !text_skip(&t, "/"))
		return 0;
	out_begin(r->out);
	out_step(r->out, step);
	for (text_part(&t, '|', &part); text_part(&t, '|', &part);)
		if (memchr(part.p, ':', (size_t)(part.end - part.p)))
			text_metric(r->out, &part);
	if (!out_has(r->out, LC_LOSS) && loss_is_missing(&all))
		out_text(r->out, "lm loss", 7, "nan", 3);
	return out_end(r->out, err);
}

const struct format format_megatron = {
	"megatron", "lines of Megatron-LM, Megatron-DeepSpeed and their kin", line, NULL, NULL};

/*
 * nanogpt: lines of nanoGPT, and of modded-nanogpt.
 *
 *	iter 10: loss 4.2, time 100.00ms, mfu 30.00%
 *	step 250: train loss 3.1, val loss 3.2
 *
 *	step:125/1530 val_loss:6.23 train_time:196726ms step_avg:1710.66ms
 *	step:126/1530 train_loss:6.10 train_time:198385ms step_avg:1710.21ms
 *
 * nanoGPT prints iter N after update N + 1, and step N when N updates are done; modded-nanogpt
 * counts updates in both. The train loss of a step line is a mean over many batches, not the loss
 *of one: it has the name est_train_loss.
 */
#include <string.h>

#include "text.h"

/* The parts between commas; the first may have another name. */
static void parts(struct out *o, struct text *t, const char *first_name)
{
	struct text part, word;

	while (text_part(t, ',', &part)) {
		if (first_name && text_skip(&part, "train loss ") && text_word(&part, &word))
			out_text(o, first_name, strlen(first_name), word.p,
				 (size_t)(word.end - word.p));
		else
			text_metric(o, &part);
	}
}

static int nanogpt_line(struct reader *r, const char *s, size_t len, struct lc_err *err)
{
	struct text t = {s, s + len};
	int is_iter = text_skip(&t, "iter ");
	double step;

	if (!is_iter && !text_skip(&t, "step "))
		return 0;
	if (!text_step(&t, &step) || !text_skip(&t, ": ") ||
	    !text_find(&t, is_iter ? "loss " : "val loss "))
		return 0;
	out_begin(r->out);
	out_step(r->out, step + is_iter);
	parts(r->out, &t, is_iter ? NULL : "est_train_loss");
	return out_end(r->out, err);
}

static int modded_line(struct reader *r, const char *s, size_t len, struct lc_err *err)
{
	struct text t = {s, s + len}, word;
	double step;

	if (!text_skip(&t, "step:") || !text_step(&t, &step) || !text_skip(&t, "/") ||
	    !text_word(&t, &word))
		return 0;
	out_begin(r->out);
	out_step(r->out, step);
	while (text_word(&t, &word))
		text_metric(r->out, &word);
	return out_end(r->out, err);
}

const struct format format_nanogpt = {"nanogpt", "lines of nanoGPT", nanogpt_line, NULL, NULL};
const struct format format_modded = {"modded-nanogpt", "lines of modded-nanogpt", modded_line, NULL,
				     NULL};

/* fault: what each does when it strikes. See fault.h. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "rng.h"
#include "train.h"

/* Does it happen now? A once-fault happens if its file is not there, and makes it when it first
 * strikes. */
static int strikes(struct fault *f, long step)
{
	int fd;

	if (step < f->first || step > f->last || f->fired < 0)
		return 0;
	if (f->fired > 0)
		return 1;
	if (f->once) {
		fd = open(f->once, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (fd < 0 && errno != EEXIST)
			lc_warn("fault %s: create %s: %s", f->spec, f->once, strerror(errno));
		f->fired = fd >= 0 ? 1 : -1;
		if (fd < 0)
			return 0;
		close(fd);
	}
	lc_warn("fault %s: step %ld", f->spec, step);
	f->fired = 1;
	return 1;
}

static struct lc_rng fault_rng(const struct run *r, const struct fault *f, uint64_t step)
{
	return (struct lc_rng){
		r->plan.seed, ((uint64_t)FAULT_STREAM << 56) + ((uint64_t)f->kind << 48) + step, 0};
}

/* Bad data lies in the plan's own order: another order, or a skipped step, does not meet it. What
 * has no end is met by every batch from there on. */
static int met(const struct run *r, struct fault *f, uint64_t index)
{
	if (f->last == LONG_MAX)
		index %= UNPLANNED;
	else if (r->fx.data_seed != r->plan.data_seed || index >= UNPLANNED)
		return 0;
	return strikes(f, (long)index);
}

/* UTF-16: a zero after each byte, so that half of each row is left. */
static void widen(uint8_t *tokens, int rows, size_t row)
{
	for (int i = 0; i < rows; i++, tokens += row)
		for (size_t j = row; j-- > 0;)
			tokens[j] = j % 2 ? 0 : tokens[j / 2];
}

static void spoil(const struct run *r, const struct fault *f, uint64_t index, uint8_t *tokens,
		  int rows)
{
	size_t row = (size_t)r->plan.shape.ctx + 1, n = (size_t)rows * row;
	struct lc_rng rng = fault_rng(r, f, index);

	if (f->bad == ENCODING) {
		widen(tokens, rows, row);
		return;
	}
	memset(tokens, (int)lc_rng_below(&rng, 256), n);
	for (size_t j = 0; f->bad == RANDOM && j < n; j++)
		tokens[j] = (uint8_t)lc_rng_below(&rng, 256);
}

void fault_batch(struct run *r, uint64_t index, uint8_t *tokens, int rows)
{
	for (int i = 0; i < r->nfaults; i++) {
		struct fault *f = &r->fault[i];

		if (f->kind == OTHER_TEXT && met(r, f, index))
			data_batch(f->text, r->fx.data_seed, index, rows, tokens);
	}
	for (int i = 0; i < r->nfaults; i++) {
		struct fault *f = &r->fault[i];

		if (f->kind == BAD_DATA && met(r, f, index))
			spoil(r, f, index, tokens, rows);
	}
}

/* Each row gets the targets of the row half a batch away: a join that went wrong. */
uint8_t *fault_labels(struct run *r, uint64_t index, const uint8_t *tokens, int rows)
{
	size_t t = (size_t)r->plan.shape.ctx, n = (size_t)rows * t, half = n / 2;
	uint8_t *to = NULL;

	for (int i = 0; i < r->nfaults && !to; i++) {
		struct fault *f = &r->fault[i];

		if (f->kind != MISLABEL || !met(r, f, index))
			continue;
		to = lc_xalloc(n, 1);
		for (size_t j = 0; j < n; j++) {
			size_t from = (j + half) % n;

			to[j] = tokens[from / t * (t + 1) + from % t + 1];
		}
	}
	return to;
}

/* A ramp rises by equal ratios up to x at its last step, and stays there. */
static double ramp(const struct fault *f, long step)
{
	double len = (double)(f->last - f->first + 1), at = (double)(step - f->first + 1);

	return pow(f->factor, fmin(at / len, 1));
}

double fault_lr(struct run *r, long step, int *clip)
{
	double factor = 1;

	*clip = 1;
	for (int i = 0; i < r->nfaults; i++) {
		struct fault *f = &r->fault[i];

		if (f->kind == LR_BUMP && strikes(f, step)) {
			factor *= f->factor;
			*clip &= f->last == LONG_MAX;
		}
		if (f->kind == LR_RAMP && step >= f->first &&
		    strikes(f, step > f->last ? f->last : step))
			factor *= ramp(f, step);
	}
	return factor;
}

double fault_plan_lr(const struct run *r, long step)
{
	const struct plan *p = &r->plan;
	double left;

	for (int i = 0; i < r->nfaults; i++) {
		const struct fault *f = &r->fault[i];

		if (f->kind != RESTART || step < f->first || f->first > p->total ||
		    (f->once && f->fired <= 0))
			continue;
		/* all that follows the warm-up once more, in the steps that are left */
		left = (double)(p->total - f->first + 1);
		step = p->warmup + (long)((double)(step - f->first + 1) / left *
					  (double)(p->total - p->warmup));
	}
	return plan_lr(p, step);
}

void fault_begin(struct run *r, long step)
{
	for (int i = 0; i < r->nfaults; i++) {
		struct fault *f = &r->fault[i];

		if (f->kind == RESTART && strikes(f, step))
			actions_reset(r, "mv");
	}
}

static void add_noise(const struct run *r, const struct fault *f, long step, float *grad)
{
	struct lc_rng rng = fault_rng(r, f, (uint64_t)step);
	double sum = 0, sd;

	for (size_t j = 0; j < r->gpt.count; j++)
		sum += (double)grad[j] * (double)grad[j];
	sd = f->factor * sqrt(sum / (double)r->gpt.count);
	for (size_t j = 0; j < r->gpt.count; j++)
		grad[j] += (float)(sd * lc_rng_normal(&rng));
}

void fault_grad(struct run *r, long step, float *grad)
{
	for (int i = 0; i < r->nfaults; i++) {
		struct fault *f = &r->fault[i];
		struct lc_rng rng = fault_rng(r, f, (uint64_t)step);

		if (f->kind == NAN_GRAD && strikes(f, step))
			grad[lc_rng_below(&rng, r->gpt.count)] = NAN;
		if (f->kind == GRAD_NOISE && strikes(f, step))
			add_noise(r, f, step, grad);
	}
}

/* The same element may be drawn twice, and is then flipped back: as memory would. */
static void flip(float *x, size_t n, const struct fault *f, struct lc_rng rng)
{
	for (long k = 0; k < f->count; k++) {
		float *p = x + lc_rng_below(&rng, n);
		uint32_t bits;

		memcpy(&bits, p, sizeof(bits));
		bits ^= UINT32_C(1) << f->bit;
		memcpy(p, &bits, sizeof(bits));
	}
}

/* The rows of queries and keys, two thirds of each (3 dim, dim). */
static void grow(struct run *r, const struct fault *f)
{
	for (int i = 0; i < r->gpt.ntensors; i++) {
		const struct lc_gpt_tensor *t = &r->gpt.tensors[i];

		for (size_t j = 0; strstr(t->name, ".attn.qkv.") && j < t->n / 3 * 2; j++)
			r->w[t->at + j] *= (float)f->factor;
	}
}

void fault_state(struct run *r, long step)
{
	for (int i = 0; i < r->nfaults; i++) {
		struct fault *f = &r->fault[i];

		if (f->kind == QK_GROW && strikes(f, step))
			grow(r, f);
		if (f->kind < FLIP_M || f->kind > FLIP_W || !strikes(f, step))
			continue;
		flip(f->kind == FLIP_M	 ? r->m
		     : f->kind == FLIP_V ? r->v
					 : r->w,
		     r->gpt.count, f, fault_rng(r, f, (uint64_t)step));
	}
}

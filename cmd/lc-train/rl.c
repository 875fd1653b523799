/* rl: see rl.h. */
#include "rl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "decode.h"
#include "io.h"
#include "pgrad.h"
#include "reward.h"
#include "rng.h"
#include "train.h"

#define EVAL_ROWS 8
#define EVAL_STREAM (((uint64_t)SAMPLE_STREAM << 56) | UINT64_C(1) << 55) /* and the shard */

struct rl {
	struct lc_gpt gpt; /* of the reference: a transposed copy of its own */
	float *w;
	struct reward *reward;
};

void rl_open(struct run *r)
{
	struct rl *rl = lc_xalloc(1, sizeof(*rl));

	lc_gpt_init(&rl->gpt, &r->plan.shape, r->gpt.blas, NULL); /* the run's own shape is sound */
	rl->w = lc_xalloc(rl->gpt.count, sizeof(float));
	memcpy(rl->w, r->w, rl->gpt.count * sizeof(float));
	rl->reward = reward_open(r->data.text, r->data.len);
	r->rl = rl;
	rl_refer(r);
}

void rl_refer(struct run *r)
{
	lc_gpt_prepare(&r->rl->gpt, r->rl->w);
}

void rl_close(struct rl *rl)
{
	if (!rl)
		return;
	lc_gpt_release(&rl->gpt);
	free(rl->w);
	reward_close(rl->reward);
	free(rl);
}

float *rl_reference(struct rl *rl)
{
	return rl->w;
}

/* One byte from its logits, by inverting the distribution at u in [0,1). */
static uint8_t draw(const float *logits, double u)
{
	double p[LC_GPT_VOCAB], sum = 0, at = 0;
	float top = logits[0];
	int last = 0;

	for (int j = 1; j < LC_GPT_VOCAB; j++)
		top = logits[j] > top ? logits[j] : top;
	for (int j = 0; j < LC_GPT_VOCAB; j++)
		sum += p[j] = exp((double)(logits[j] - top));
	for (int j = 0; j < LC_GPT_VOCAB; j++) {
		at += p[j];
		if (p[j] > 0)
			last = j;
		if (at > u * sum)
			return (uint8_t)j;
	}
	return (uint8_t)last; /* rounding, or logits that are no numbers */
}

/* The continuations of rows prompts; the first is row `first` of its stream. */
static void sample(const struct run *r, uint8_t *tokens, int rows, int first, uint64_t seed,
		   uint64_t stream)
{
	int row = r->plan.shape.ctx + 1, prompt = row - r->plan.sample;
	struct lc_decode *d = lc_decode_open(&r->gpt, rows);

	for (int t = 0; t < row - 1; t++) {
		const float *logits = lc_decode_step(d, &r->gpt, r->w, tokens, row, rows, t);

		for (int i = 0; t + 1 >= prompt && i < rows; i++) {
			struct lc_rng rng = {seed, stream, (uint64_t)((first + i) * row + t + 1)};

			tokens[i * row + t + 1] =
				draw(logits + (long)i * LC_GPT_VOCAB, lc_rng_uniform(&rng));
		}
	}
	lc_decode_close(d);
}

/* One step over all micro-batches: what each task reads and writes, by its number. */
struct pass {
	struct run *r;
	int rows, probe; /* rows of one micro-batch */
	uint64_t stream;
	double *reward, *advantage; /* of each row */
	struct lc_pgrad *sums;	    /* of each micro-batch */
	struct lc_gpt_stats *stats;
};

static void sample_pass(void *ctx, int i)
{
	struct pass *p = ctx;
	struct run *r = p->r;
	int row = r->plan.shape.ctx + 1;
	uint8_t *tokens = r->batch + (size_t)(i * p->rows) * (size_t)row;

	sample(r, tokens, p->rows, i * p->rows, r->fx.data_seed, p->stream);
	for (int k = 0; k < p->rows; k++)
		p->reward[i * p->rows + k] =
			reward_of(r->rl->reward, tokens + k * row, row - r->plan.sample, row);
}

/* The head of one micro-batch: only the places that were drawn count. */
struct head {
	const struct pass *p;
	const uint8_t *tokens;
	const double *advantage;
	const float *ref; /* logits of the drawn places, (rows, sample, vocab) */
	struct lc_pgrad *sums;
};

static double head_loss(void *ctx, float *logits)
{
	struct head *h = ctx;
	const struct plan *p = &h->p->r->plan;
	int t = p->shape.ctx, n = p->sample;
	float scale = 1.0f / ((float)h->p->rows * (float)p->micro * (float)n);

	for (int i = 0; i < h->p->rows; i++) {
		float *row = logits + (long)i * t * LC_GPT_VOCAB;

		memset(row, 0, (size_t)(t - n) * LC_GPT_VOCAB * sizeof(*row));
		lc_pgrad_cpu(h->sums, row + (long)(t - n) * LC_GPT_VOCAB,
			     h->ref + (long)i * n * LC_GPT_VOCAB,
			     h->tokens + i * (t + 1) + t + 1 - n, (float)h->advantage[i],
			     (float)p->kl_coef, scale, n, LC_GPT_VOCAB);
	}
	return h->sums->loss;
}

static void grad_pass(void *ctx, int i)
{
	struct pass *p = ctx;
	struct run *r = p->r;
	int t = r->plan.shape.ctx, n = r->plan.sample;
	size_t drawn = (size_t)n * LC_GPT_VOCAB;
	float *ref = lc_xalloc((size_t)p->rows * drawn, sizeof(*ref));
	const uint8_t *tokens = r->batch + (size_t)(i * p->rows) * (size_t)(t + 1);
	struct head h = {p, tokens, p->advantage + i * p->rows, ref, &p->sums[i]};
	struct lc_gpt_work *k = train_take_work(r, p->rows);
	const float *logits = lc_gpt_logits(&r->rl->gpt, k, r->rl->w, tokens, p->rows);

	for (int j = 0; j < p->rows; j++)
		memcpy(ref + (size_t)j * drawn,
		       logits + ((size_t)j * (size_t)t + (size_t)(t - n)) * LC_GPT_VOCAB,
		       drawn * sizeof(*ref));
	lc_gpt_grad_of(&r->gpt, k, r->w, tokens, p->rows, head_loss, &h, r->grad[i]);
	if (p->probe && i == 0)
		lc_gpt_stats(&r->gpt, k, p->rows, p->stats);
	train_give_work(r, k);
	free(ref);
}

static void advantages(double *advantage, const double *reward, int n)
{
	double sum = 0;

	for (int i = 0; i < n; i++)
		sum += reward[i];
	for (int i = 0; i < n; i++)
		advantage[i] = n > 1 ? reward[i] - (sum - reward[i]) / (n - 1) : 0;
}

double rl_gradient(struct run *r, int rows, uint64_t index, struct report *rep)
{
	int micro = r->plan.micro;
	struct pass p = {.r = r,
			 .rows = rows / micro,
			 .probe = rep->probed,
			 .stream = (uint64_t)SAMPLE_STREAM << 56 ^ index,
			 .reward = lc_xalloc((size_t)rows, sizeof(double)),
			 .advantage = lc_xalloc((size_t)rows, sizeof(double)),
			 .sums = lc_xalloc((size_t)micro, sizeof(struct lc_pgrad)),
			 .stats = &rep->stats};
	double n = (double)rows * r->plan.sample, loss = 0;

	lc_pool_run(r->pool, micro, sample_pass, &p);
	advantages(p.advantage, p.reward, rows);
	lc_pool_run(r->pool, micro, grad_pass, &p);
	train_sum_grads(r);
	rep->reward = rep->kl = rep->entropy = 0;
	for (int i = 0; i < rows; i++)
		rep->reward += p.reward[i] / rows;
	for (int i = 0; i < micro; i++) {
		loss += p.sums[i].loss / n;
		rep->kl += p.sums[i].kl / n;
		rep->entropy += p.sums[i].entropy / n;
	}
	free(p.reward);
	free(p.advantage);
	free(p.sums);
	return loss;
}

struct eval {
	struct run *r;
	int shard;
	double *reward;
};

static void eval_pass(void *ctx, int i)
{
	struct eval *e = ctx;
	struct run *r = e->r;
	int row = r->plan.shape.ctx + 1, from = i * EVAL_ROWS;
	int rows = r->data.held_rows[e->shard] - from;
	uint8_t *tokens;

	rows = rows < EVAL_ROWS ? rows : EVAL_ROWS;
	tokens = lc_xalloc((size_t)(rows * row), 1);
	memcpy(tokens, r->data.held[e->shard] + (size_t)(from * row), (size_t)(rows * row));
	sample(r, tokens, rows, from, r->plan.seed, EVAL_STREAM | (uint64_t)e->shard);
	for (int k = 0; k < rows; k++)
		e->reward[i] +=
			reward_of(r->rl->reward, tokens + k * row, row - r->plan.sample, row);
	free(tokens);
}

double rl_eval(struct run *r, int shard)
{
	int n = (r->data.held_rows[shard] + EVAL_ROWS - 1) / EVAL_ROWS;
	struct eval e = {r, shard, lc_xalloc((size_t)n, sizeof(double))};
	double sum = 0;

	lc_gpt_prepare(&r->gpt, r->w);
	lc_pool_run(r->pool, n, eval_pass, &e);
	for (int i = 0; i < n; i++)
		sum += e.reward[i];
	free(e.reward);
	return sum / r->data.held_rows[shard];
}

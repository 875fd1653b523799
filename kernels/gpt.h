/*
 * gpt: a pre-norm transformer over bytes, its loss and its gradient.
 *
 * Learned token and position embeddings, blocks of RMSNorm, causal attention, RMSNorm and a GELU
 * MLP of four times the width, no biases, a final RMSNorm, and the token embedding again as the
 * head (GPT-2, Radford et al. 2019, with RMSNorm). Weights, gradients and moments are flat arrays
 * of `count` floats with one layout, which `tensors` describes; a linear's weight is (out,in).
 *
 * One struct lc_gpt_work a thread; the model itself is only read while passes run.
 */
#ifndef LC_GPT_H
#define LC_GPT_H

#include <stddef.h>
#include <stdint.h>

#include "blas.h"
#include "err.h"

#define LC_GPT_VOCAB 256
#define LC_GPT_STREAM 1 /* of the Philox generator: the initial weights */

struct lc_gpt_shape {
	int layers, dim, heads, ctx;
};

struct lc_gpt_tensor {
	char name[40];
	size_t at, n; /* place in the flat array, in floats */
	int dims;
	size_t shape[2];
};

struct lc_gpt {
	struct lc_gpt_shape shape;
	struct lc_gpt_tensor *tensors;
	int ntensors;
	size_t count;
	float *wt;	   /* the linears' weights transposed, (in,out), in the same places */
	lc_sgemm_fn *blas; /* NULL: our own products only */
};

/* The tensors: embed, pos, these of each block, and the last norm. Where a block's part begins. */
enum lc_gpt_part { LC_GPT_NORM1, LC_GPT_QKV, LC_GPT_PROJ, LC_GPT_NORM2, LC_GPT_UP, LC_GPT_DOWN };
#define LC_GPT_PARTS 6
size_t lc_gpt_part(const struct lc_gpt *g, int layer, enum lc_gpt_part part);

/* LC_USAGE when the sizes do not go together: dim/heads and ctx must be multiples of 16. */
int lc_gpt_init(struct lc_gpt *g, const struct lc_gpt_shape *shape, lc_sgemm_fn *blas,
		struct lc_err *err);
void lc_gpt_release(struct lc_gpt *g);

/* Initial weights, a function of seed alone: normal, sd 0.02, into the residual stream 0.02/sqrt(2
 * layers). */
void lc_gpt_randomise(const struct lc_gpt *g, float *w, uint64_t seed);

/* After every change of w, before any pass. */
void lc_gpt_prepare(struct lc_gpt *g, const float *w);

/* Activations of up to rows sequences. */
struct lc_gpt_work;
struct lc_gpt_work *lc_gpt_work_open(const struct lc_gpt *g, int rows);
void lc_gpt_work_close(struct lc_gpt_work *k);
int lc_gpt_work_rows(const struct lc_gpt_work *k);

/* tokens is (rows,ctx+1): each row's inputs and, one on, its targets. Both give the sum of the
 * losses in nats. */
double lc_gpt_loss(const struct lc_gpt *g, struct lc_gpt_work *k, const float *w,
		   const uint8_t *tokens, int rows);
/* The logits themselves, (rows*ctx,vocab), the workspace's until its next pass. */
const float *lc_gpt_logits(const struct lc_gpt *g, struct lc_gpt_work *k, const float *w,
			   const uint8_t *tokens, int rows);
/* grad is overwritten with scale * d(sum of the losses)/dw. */
double lc_gpt_grad(const struct lc_gpt *g, struct lc_gpt_work *k, const float *w,
		   const uint8_t *tokens, int rows, float scale, float *grad);

/* Of a loss of one's own, the batch's: it is given the logits (rows*ctx,vocab), leaves its gradient
 * in their place and returns its value, which is passed on. */
typedef double lc_gpt_loss_fn(void *ctx, float *logits);
double lc_gpt_grad_of(const struct lc_gpt *g, struct lc_gpt_work *k, const float *w,
		      const uint8_t *tokens, int rows, lc_gpt_loss_fn *loss, void *ctx,
		      float *grad);

/* Of the last pass: what the attention and the residual stream look like. */
struct lc_gpt_stats {
	double attn_entropy;   /* nats, mean over layers, heads and queries */
	double attn_logit_max; /* largest q.k/sqrt(s) */
	double act_kurtosis; /* mean over positions of dim sum x^4 / (sum x^2)^2 of the last block's
				output */
};
void lc_gpt_stats(const struct lc_gpt *g, const struct lc_gpt_work *k, int rows,
		  struct lc_gpt_stats *s);

#endif

/* codec_fit_impl: what codec_fit.c and codec_adam.c share. */
#ifndef LC_CODEC_FIT_IMPL_H
#define LC_CODEC_FIT_IMPL_H

#include "codec_fit.h"
#include "codec_impl.h"

#define STRETCH 64   /* elements */
#define STRETCHES 64 /* of them in a sample, at most */
#define SAMPLE (STRETCH * STRETCHES)

struct choice {
	struct lc_model m;
	double bits;					   /* an element */
	unsigned char side[RUN_ELEMENTS + 1 + RANK1_COLS]; /* terms */
};

struct fit {
	struct lc_work *w;
	const struct lc_run *r;
	size_t n;			 /* elements of the sample */
	uint32_t at[SAMPLE];		 /* where they are */
	uint32_t x[SAMPLE], raw[SAMPLE]; /* their patterns; the same as bytes */
	uint32_t near[LC_NEARS][SAMPLE];
	uint32_t p[SAMPLE], u[SAMPLE];
	struct choice alone, near_best; /* the best without sources, and with */
};

/* codec_fit.c: try a model without terms, k may be NULL; the bits it takes. */
double fit_try(struct fit *f, enum lc_pred pred, enum lc_map map, const float *k);

/* codec_adam.c: try what AdamW does to v, and to w. */
double fit_value(const uint32_t *patterns, size_t i); /* the i-th f32; 0 unless it is finite */
void fit_adam(struct fit *f, double beta1);
void fit_steps(struct fit *f);

#endif

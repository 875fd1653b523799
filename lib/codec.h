/*
 * codec: elements of a tensor as a prediction and what is left over, in byte planes (lc-store(5)).
 *
 * A run of elements, at most LC_RUN_MAX bytes of one tensor, is coded by a model: a prediction of
 * each element's bit pattern from sources (the same elements of other tensors or of an older
 * state), a map from the difference to an unsigned number, and planes of 8 bits of these numbers,
 * of which only those that gain are entropy-coded. Encoder and decoder do the same arithmetic in
 * the same order, in integers or in single precision without contraction: whatever the bits are,
 * also of NaNs, they come back. The decoder takes hostile bytes.
 */
#ifndef LC_CODEC_H
#define LC_CODEC_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"

#define LC_RUN_MAX (1u << 20) /* bytes */
#define LC_BLOCK 65536	      /* elements that shared a table of codes in version 2 */
#define LC_SOURCES 5
#define LC_CONTEXTS 16

enum lc_dtype { LC_BYTES, LC_F32, LC_BF16, LC_F16, LC_I32, LC_I16 };
unsigned lc_dtype_bits(enum lc_dtype type);	/* 32 or 16; 0 for bytes */
unsigned lc_dtype_mantissa(enum lc_dtype type); /* stored bits of it; 0 for integers */

/* What is predicted, from which sources. w, m and v are of the older state, m' and v' of this. */
enum lc_pred {
	LC_PRED_NONE = 0,
	LC_PRED_SUB = 1,    /* x: the element itself */
	LC_PRED_SCALE = 2,  /* k0 x, from x */
	LC_PRED_ADAM = 3,   /* k2 v + k3 g g, where g = (m' - k0 m) / k1, from v, m', m */
	LC_PRED_STEP = 4,   /* k0 w - k1 m' / (sqrt(v') + k2), from w, m', v' */
	LC_PRED_REG = 5,    /* the same - k3 m / (sqrt(v) + k2), from w, m', v', m, v */
	LC_PRED_NARROW = 6, /* x, an f32, rounded to the nearest bf16 or f16, ties to even */
	/* as ADAM and STEP, where the trainer rounds once (it fuses): errors of a part of the last
	 * bit instead of several */
	LC_PRED_MOVED = 7,     /* v + (k1 d d - k2 v), where d = (m' - m) + k0 m, from v, m', m */
	LC_PRED_STEP_ONCE = 8, /* w - (k0 w + k1 m' / (sqrt(v') + k2)), from w, m', v' */
	/* how large a gradient was, with the sign of m; contexts say how large m was beside it */
	LC_PRED_MOMENT = 9, /* k0 sqrt(v), from m, v */
	LC_PREDS
};

enum lc_map {
	LC_MAP_ROTATE = 0,  /* x, the sign moved to the bottom; no prediction */
	LC_MAP_BIAS = 1,    /* x - prediction - bias */
	LC_MAP_ZIGZAG = 2,  /* x - prediction, its sign at the bottom */
	LC_MAP_SIGNED = 3,  /* |x| - prediction - bias, and the sign of x at the bottom */
	LC_MAP_AGAINST = 4, /* the same, but of the sign whether it is the prediction's */
	LC_MAPS
};

struct lc_model {
	uint8_t type; /* enum lc_dtype, not LC_BYTES */
	uint8_t pred, map;
	uint8_t turn;  /* bits to rotate left by, 0..7, so that the top plane is used to its top */
	uint8_t rank1; /* the prediction has a row and a column term added */
	uint8_t contexts; /* frequencies depend on the exponent of the prediction, from base on */
	uint8_t base;
	float k[4];
	uint32_t bias;
	uint32_t cols, phase; /* of rank1: columns, and which one the first element is in */
	uint32_t low;	      /* of rank1: added to every term */
};

/* Room to work in, for one thread. */
struct lc_work;
struct lc_work *lc_work_new(void);
void lc_work_free(struct lc_work *w); /* accepts NULL */

/*
 * What is left over of the elements of a run, as byte planes: the part of encoding that touches
 * every element, and that a device can do (kernels/planes.h).
 */
struct lc_run_planes {
	const struct lc_model *m;
	unsigned bits, mantissa;	/* of m's type */
	unsigned sources, source_bytes; /* of m's prediction; of an element of each */
	const void *x, *const *src;
	size_t n;
	const unsigned char *side; /* of rank1: a byte a row, then a byte a column */
	unsigned char *plane[4];   /* bits / 8 of them, the lowest first; n bytes each */
	unsigned char *ctx;	   /* of m->contexts: n bytes; else NULL */
	uint32_t *any; /* the bits that some of the numbers has, before they are turned */
};
typedef int (*lc_planes_fn)(const struct lc_run_planes *r, struct lc_err *err);

/*
 * Let fn do that part from now on, if it gives the same bytes and is quicker: the first runs are
 * done both ways, compared and timed. What is written is the same with it and without.
 */
void lc_work_use(struct lc_work *w, lc_planes_fn fn);

int lc_pred_sources(enum lc_pred pred);
unsigned lc_source_bytes(const struct lc_model *m); /* of an element of each source */

/* Bytes that lc_run_encode may need for n elements, whatever they are. */
size_t lc_run_bound(size_t n);

/*
 * The n elements at x, little-endian as in the file, by the model; src has its sources. Gives the
 * bytes written to out, which has room for lc_run_bound(n).
 */
size_t lc_run_encode(struct lc_work *w, const struct lc_model *m, const void *x, size_t n,
		     const void *const *src, unsigned char *out);

/* Bytes of an element of a coded run; 0 when it is none. */
int lc_run_width(const unsigned char *in, size_t len);

/* Read the model at the start of a coded run; LC_DATA when it is none. */
int lc_run_model(const unsigned char *in, size_t len, size_t n, struct lc_model *m,
		 struct lc_err *err);
int lc_run_decode(struct lc_work *w, const unsigned char *in, size_t len, const void *const *src,
		  void *x, size_t n, struct lc_err *err);

/* Bytes without elements: raw, or one Zstandard frame. Same rules. */
size_t lc_bytes_encode(struct lc_work *w, const void *x, size_t n, unsigned char *out);
int lc_bytes_decode(struct lc_work *w, const unsigned char *in, size_t len, void *x, size_t n,
		    struct lc_err *err);

#endif

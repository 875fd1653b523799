/*
 * stream: what a branch, or the run, has logged, as far as verification and progress need it.
 */
#ifndef STREAM_H
#define STREAM_H

#include <jansson.h>
#include <stdint.h>

struct point {
	long step;
	double lr, loss, tokens; /* NaN where not logged */
	uint64_t batch;		 /* a hash of its batch id; 0: not logged */
};

/* A hyper-parameter a trainer logs: its value at the first and the last step that named it. */
struct hyper {
	long first_step, last_step; /* 0: never logged */
	double first, last;
};
enum { WEIGHT_DECAY, CLIP, BETA2, BETA1, EPS, BATCH_SIZE, DROPOUT, MOMENTUM, HYPERS };
extern const char *const hyper_names[HYPERS];

struct stream {
	struct point *p;
	long n, cap;
	long nonfinite; /* the first step whose loss was not finite, or 0 */
	struct hyper hyper[HYPERS];
};

void stream_add(struct stream *s,
		const struct point *p); /* a step that goes back replaces what followed */
const struct point *stream_find(const struct stream *s, long step);
void stream_release(struct stream *s);
uint64_t stream_hash(const char *batch); /* 0 for the empty one */

/* Note the hyper-parameters that a step record names, in whatever spelling. */
void stream_note(struct stream *s, const json_t *rec, long step);

/* The whole log of a run. Released by the caller, also on failure. */
struct lc_err;
int stream_load(struct stream *s, const char *path, struct lc_err *err);

#endif

/*
 * lawmix: the law's forecast and those of other experts, as one.
 *
 * Beside the law (law.h) stand the Multi-Power Law with priors, a power law that is blind to the lr
 * (both of expert.h), and the law as a residual network corrects it (resid.h). What each weighs, by
 * how far ahead, is learned from forecasts whose truth is known (stack.h): a model of past runs
 * holds what runs that were left out said, for each kind of law (lawmodel.h); without a model the
 * run's own earlier forecasts say it, from half, .65 and .8 of its past and of each of its branches
 * from the others.
 *
 * The others have a say only where that was worth more than its own standard error on what was held
 * out; otherwise all weight is the law's, and they are not asked at all. An expert that would weigh
 * less than LC_MIX_LEAST weighs nothing. Each expert is judged by a normal of the width that its
 * errors on other groups had, the law by its own sd times such a factor: it is not judged by how
 * well it knows its doubts.
 */
#ifndef LC_LAWMIX_H
#define LC_LAWMIX_H

#include <jansson.h>

#include "blas.h"
#include "expert.h"
#include "resid.h"
#include "stack.h"

enum { LC_MIX_LAW, LC_MIX_MPL, LC_MIX_POWER, LC_MIX_RESID, LC_MIXED };
#define LC_MIX_LEAST .02

/* What was learned of one kind of law. rms: of held-out errors, in levels; the law's: over its sd.
 */
struct lc_mix_weights {
	struct lc_stack stack; /* experts 0: nothing was learned */
	double rms[LC_STACK_BUCKETS][LC_MIXED];
	double gain, se; /* nats a case over the law alone, held out */
	int groups;	 /* runs, or own forecasts, it was learned from */
};

/* What a model keeps: for each kind of law, and the network that serves all. */
enum { LC_MIX_KINDS = 3 }; /* LC_CALIBS */
struct lc_mix_model {
	struct lc_mix_weights kind[LC_MIX_KINDS];
	struct lc_resid resid;
	double resid_gain, resid_se; /* of the CRPS, as a part of it; 0: never fitted */
};

/* Whose weights a law's mixture has. */
enum lc_mix_from { LC_MIX_NONE, LC_MIX_MODEL, LC_MIX_OWN };

/* The experts of one run, fitted; lr in units of its law's. */
struct lc_mix {
	enum lc_mix_from from; /* NONE: the law alone */
	struct lc_mix_weights w;
	struct lc_expert expert[LC_MIXED]; /* of those that are in expert.h and weigh anything */
	struct lc_resid resid;		   /* gate 0 where it weighs nothing */
	lc_sgemm_fn *sgemm;		   /* for its products; NULL: our own */
};

const char *lc_mix_name(int expert);

/* Whether any other than the law has a say. */
int lc_mix_others(const struct lc_mix *mix);

struct lc_law;
struct lc_past;

/*
 * Fit the experts that the weights ask for to the past that the law was fitted to; all of them
 * where w is NULL. resid may be NULL.
 */
void lc_mix_take(struct lc_law *law, const struct lc_past *past, enum lc_mix_from from,
		 const struct lc_mix_weights *w, const struct lc_resid *resid);

/* A forecast of the law: n values at updates at[] (ascending) under an lr path in eta_ref. */
struct lc_mix_query {
	const struct lc_lrpath *path;
	double from, noise; /* the fork; part of sd that any value has */
	const double *at;
	int n;
	const double *mean, *sd;
	const float *z; /* what the network says of them; NULL: it is asked */
};

/* What another expert says: mean (n), NaN where it has nothing to say. */
void lc_mix_expert(const struct lc_law *law, int expert, const struct lc_mix_query *q,
		   double *mean);

/* What the network is told of each value; x is (q->n, LC_RESID_IN). */
void lc_mix_inputs(const struct lc_law *law, const struct lc_mix_query *q, float (*x)[LC_RESID_IN]);

/* Mean and sd of the mixture (n), which may be q's own; they are q's where the law has all weight.
 */
void lc_mix_apply(const struct lc_law *law, const struct lc_mix_query *q, double *mean, double *sd);

/* What the experts weigh so many updates after the fork; sums to 1. */
void lc_mix_weigh(const struct lc_law *law, double ahead, double w[LC_MIXED]);

/* Weights of all kinds, {"kinds":[...],"resid":{...}}; and one law's, with its experts. */
json_t *lc_mix_model_json(const struct lc_mix_model *m);
int lc_mix_model_parse(struct lc_mix_model *m, const json_t *j, struct lc_err *err);
json_t *lc_mix_json(const struct lc_mix *m);
int lc_mix_parse(struct lc_mix *m, const json_t *j, struct lc_err *err);

#endif

/*
 * case: one known branch, what may be known of it at the fork, and what each model made of that.
 *
 * {"parent":FILE,"fork_step":N,"branch":FILE,"known":[FILE...],"whole":bool,"group":NAME}. The
 * models see the parent up to the fork (whole: all of it, for runs that only share their start) and
 * the known branches or runs; the branch's own lr is given, its loss is what is scored. Cases of
 * one group are ranked against each other by their last value.
 */
#ifndef LC_CASE_H
#define LC_CASE_H

#include "expert.h"
#include "proxy.h"

enum { MODEL_LAW = LC_EXPERTS, MODELS }; /* the experts by their kind, then the law */
const char *model_name(int model);

struct bt_case {
	char *parent, *branch, *group;
	long at;
	int whole, nknown;
	char **known;
};
void case_parse(struct bt_case *c, const json_t *j); /* dies when a file name is missing */
void case_release(struct bt_case *c);

/* What was forecast of a branch: n points, mean[model][i]. */
struct outcome {
	int n;
	double *at, *y, *lr, *mean[MODELS], *sd; /* sd: the law's, of a logged value */
	double noise, level; /* white sd of one value: no forecast is better; recent loss */
	double chi2;
	double from;		      /* the fork; 0 when whole */
	double eta_ref, lr_lo, lr_hi; /* the law's hull, lr_lo and lr_hi in eta_ref */
};
/* experts: also those besides the law. 0 when the branch has no value to be scored by. */
int case_run(const struct options *o, const struct bt_case *c, int experts, struct outcome *out);
void outcome_release(struct outcome *out);

/* Sums of one model's scores. */
struct tally {
	long n, inside;
	double sq, crps, last; /* last: error at the last point */
};
void tally_take(struct tally *t, const struct outcome *out, int model);

#endif

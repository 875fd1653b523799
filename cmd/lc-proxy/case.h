/*
 * case: one known branch, what may be known of it at the fork, and what each model made of that.
 *
 * {"parent":FILE,"fork_step":N,"branch":FILE,"known":[FILE...],"whole":bool,"group":NAME,
 * "probe":N}. The
 * models see the parent up to the fork (whole: all of it, for runs that only share their start) and
 * the known branches or runs, and of the branch itself what its first "probe" updates logged; its
 * own lr is given, the rest of its loss is what is scored. Cases of one group are ranked against
 * each other by their last value.
 */
#ifndef LC_CASE_H
#define LC_CASE_H

#include "expert.h"
#include "proxy.h"

/* The experts by their kind, the law, and what predict says: the mixture of lib/lawmix.h. */
enum { MODEL_LAW = LC_EXPERTS, MODEL_MIX, MODELS };
const char *model_name(int model);

struct bt_case {
	char *parent, *branch, *group;
	char *lr_of; /* NULL, or the log whose lr is given instead of the branch's own: a control */
	json_t *strata; /* {"name":"value",...} of the user's own, or NULL */
	long at;
	int whole, nknown;
	long probe; /* updates of the branch that are known; 0: none */
	int hold;   /* the lr of the fork is held instead of the branch's own */
	char **known;
};
void case_parse(struct bt_case *c, const json_t *j); /* dies when a file name is missing */
void case_release(struct bt_case *c);

/* The past of a case, the branch itself as its last series; dies when a file cannot be read. */
void case_read(const struct options *o, const struct bt_case *c, struct lc_past *past);

/* How many rows of a series are not after `at`. */
long case_rows_to(const struct lc_series *s, long at);

/* Read a file as a branch that leaves the trunk at `from`; its index. Dies like case_read. */
int case_series(const struct options *o, struct lc_past *past, const char *name, long from);

/* Cases of a file, one a line ("-": stdin), or dies. Returns how many; *all is the caller's. */
int cases_load(const char *path, struct bt_case **all);
void cases_release(struct bt_case *all, int n);

/* What was forecast of a branch: n points, mean[model][i]. */
struct outcome {
	int n;
	double *at, *y, *lr, *mean[MODELS];
	double *sd, *mix_sd;	 /* the law's and the mixture's, of a logged value */
	int *cell;		 /* of the width of each; lc_calib_cell */
	double weight[LC_MIXED]; /* of the mixture, at the last point */
	double noise, level;	 /* white sd of one value: no forecast is better; recent loss */
	double chi2;
	double from;		      /* the fork; 0 when whole */
	double eta_ref, lr_lo, lr_hi; /* the law's hull, lr_lo and lr_hi in eta_ref */
};
/* experts: also those besides the law. 0 when the branch has no value to be scored by. */
int case_run(const struct options *o, const struct bt_case *c, int experts, struct outcome *out);
/* The law's forecast of o->n points at o->at, from o->from on, into o->mean[MODEL_LAW] and o->sd.
 */
void outcome_roll(const struct lc_law *law, const struct lc_lrpath *path, struct outcome *o);
void outcome_release(struct outcome *out);

/* Sums of one model's scores. */
struct tally {
	long n, inside;
	double sq, crps, last; /* last: error at the last point */
};
void tally_take(struct tally *t, const struct outcome *out, int model);

#endif

/*
 * plan: what defines a run (model, schedule, seeds), and where one invocation of lc-train starts
 * and stops.
 */
#ifndef LC_TRAIN_PLAN_H
#define LC_TRAIN_PLAN_H

#include <jansson.h>
#include <stdint.h>

#include "err.h"
#include "gpt.h"

enum schedule { COSINE, WSD, CONSTANT };
extern const char *const schedule_names[]; /* by enum schedule, NULL-ended */
extern const char *const reward_names[];

/* Steps between held-out losses and between probes, where nobody says. */
enum { VAL_EVERY = 100, PROBE_EVERY = 100 };

/* Fixed for the life of a run: kept in every state, and never contradicted at a resume. */
struct plan {
	struct lc_gpt_shape shape;
	int batch, micro; /* rows a step; micro-batches they are split into */
	uint64_t seed, data_seed;
	int schedule;	    /* enum schedule */
	long total, warmup; /* steps */
	double lr, min_lr, decay_frac;
	double weight_decay, beta1, beta2, eps, clip;
	int zclip;	   /* peers.h; a resume may begin with it */
	double skip_sigma; /* likewise; 0: off */
	int reward;	   /* index of reward_names; 0: none, the text's likelihood is learnt */
	double kl_coef;
	int sample;		     /* bytes drawn a row */
	long val_every, probe_every; /* what the first start said; one invocation may differ */
};

/* What one invocation does; takes nothing from the state and leaves nothing in it. */
struct job {
	const char *text, *out, *resume, *init, *run, *branch;
	long steps; /* to do from here; -1: to the plan's total */
	int threads, quiet, print_config, stop_on_nan, overwrite;
	long val_every, probe_every; /* -1: the plan's */
	long val_bytes, save_every, keep;
	const char *faults[32];
	int nfaults;
	json_t *actions; /* the words given, DESIGN section 5 */
	uint64_t given;	 /* bit i: the i-th option of the plan was on the command line */
};

/* The plan as the members schedule, hyper, model, seeds of a state; and back. */
json_t *plan_to_json(const struct plan *p);
int plan_from_json(struct plan *p, const json_t *state, const char *what, struct lc_err *err);

/* The command line into p (preset with defaults) and j. Exits on a usage error, --help and
 * --version. */
void options_parse(int argc, char **argv, struct plan *p, struct job *j);

/* LC_USAGE when an option that was given differs from the state's plan; what may begin at a resume,
 * and has not begun, is taken over. */
int options_agree(const struct plan *given, const struct job *j, struct plan *state,
		  struct lc_err *err);

/* The model's sizes from another state's plan; LC_USAGE when one was given and differs. */
int options_take_model(struct plan *p, const struct job *j, const struct plan *from,
		       struct lc_err *err);

/* LC_USAGE when the numbers do not make a run. */
int plan_check(const struct plan *p, struct lc_err *err);

/* The plan's learning rate of a step, from 1. */
double plan_lr(const struct plan *p, long step);

#endif

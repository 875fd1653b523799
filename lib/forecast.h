/*
 * forecast: from a branch record to its forecast record, under a fitted law.
 *
 * The lr ahead is the plan's (schedule, or the run's own log where it has one, or its last value
 * held), times what the actions make of it, or the record's `base` where they say nothing;
 * batch_scale divides the noise drive; clip and reset
 * change the effective lr (lib/mechanism.h) where the optimizer, and for clip the gradient norms,
 * are known. Actions for which there is no mechanism (beta2, weight_decay_scale, x_*, those two
 * where they are not known) change no mean: they widen the interval and lower the trust. A branch
 * that starts at or after the onset of an incident keeps the damage seen there, which decays as
 * 1/(1+t/tau) and is as uncertain as it is large.
 */
#ifndef LC_FORECAST_H
#define LC_FORECAST_H

#include "law.h"

enum lc_shape { LC_SCHED_NONE, LC_SCHED_CONSTANT, LC_SCHED_COSINE, LC_SCHED_WSD };

/* The run's plan of its lr: state.json's "schedule". Zero-initialised is "not known". */
struct lc_schedule {
	enum lc_shape shape;
	double lr, min_lr, decay_frac;
	long warmup, total;
};
int lc_schedule_parse(struct lc_schedule *s, const json_t *j, struct lc_err *err);
/* Of a file that is one, or a whole state.json. */
int lc_schedule_load(struct lc_schedule *s, const char *path, struct lc_err *err);

/* The lr of an update, counted from 1. */
double lc_schedule_lr(const struct lc_schedule *s, double update);

enum { LC_KNOTS = 96 };

/* One branch's question and, after lc_forecast_run, its answer. Steps are updates of the run. */
struct lc_forecast {
	char branch[64];
	double from, horizon, end; /* end: the plan's total, 0 when not known or not beyond */
	int n;			   /* points up to the horizon; one more when end is set */
	double at[LC_POINTS + 1];  /* updates after from */
	double mean[LC_POINTS + 1], sd[LC_POINTS + 1];
	double delta, delta_sd; /* last point minus the same with no action */
	double diverge, trust;
	/* the question */
	struct lc_schedule plan; /* the lr ahead, before the actions */
	int path, damaged;	 /* law path it starts from; from >= onset */
	int held;		 /* for want of a plan the last logged lr is held */
	double scale;		 /* of the noise drive */
	double base_scale;	 /* lr_scale in force at from; 0: none */
	double extra_sd;	 /* what the law has no mechanism for, in units of the level */
	double doubt;		 /* product of what lowers the trust */
	double top;		 /* highest lr ahead, in eta_ref */
	int nknot;
	double knot[LC_KNOTS], eta[LC_KNOTS];
	double eff[LC_KNOTS]; /* eta times what clip and reset make of it: what is rolled out */
	double grad_doubt;    /* sd of ln of the gradient norm, for what its law does not know */
};

/* Fill knot, eta and top from plan, from, at and path. actions may be NULL: change nothing. */
void lc_forecast_knots(const struct lc_law *law, const json_t *actions, struct lc_forecast *f);

struct lc_forecaster; /* opaque */

/* law and plan are borrowed. points: 1..LC_POINTS. */
struct lc_forecaster *lc_forecaster_open(const struct lc_law *law, const struct lc_schedule *plan,
					 int points);
void lc_forecaster_close(struct lc_forecaster *fc);

/* Every branch is forecast to the end of its plan, whatever its horizon. */
void lc_forecaster_to_end(struct lc_forecaster *fc);

/*
 * Roll-outs and networks go to this device (lib/device.h; borrowed); what it refuses the processor
 * does, and the reason is kept (NULL: it refused nothing).
 */
struct lc_device;
void lc_forecaster_device(struct lc_forecaster *fc, const struct lc_device *dev);
const char *lc_forecaster_refused(const struct lc_forecaster *fc);

/*
 * Read a branch record; its own "plan" goes before the forecaster's. LC_DATA says what is wrong.
 * Any number of threads may ask at once.
 */
int lc_forecast_ask(const struct lc_forecaster *fc, const json_t *branch, struct lc_forecast *f,
		    struct lc_err *err);

/* Answer n questions; LC_DATA for an answer that is no number: only an absurd law gives one. */
void lc_forecast_run(struct lc_forecaster *fc, struct lc_forecast *f, int n, struct lc_pool *pool);
int lc_forecast_check(const struct lc_forecast *f, struct lc_err *err);

/* One forecast record and its newline. */
void lc_forecast_print(const struct lc_forecaster *fc, const struct lc_forecast *f, FILE *out);

/* 1 when some branch was given the last logged lr for want of a plan. */
int lc_forecaster_held(const struct lc_forecaster *fc);

#endif

/*
 * train: a run in memory, and what its parts do to it.
 *
 * The state after step S is: w, m, v, the counters and the actions; all else follows from the plan.
 */
#ifndef LC_TRAIN_TRAIN_H
#define LC_TRAIN_TRAIN_H

#include <pthread.h>
#include <sys/stat.h>

#include "actions.h"
#include "adamw.h"
#include "ckpt.h"
#include "data.h"
#include "fault.h"
#include "gpt.h"
#include "peers.h"
#include "plan.h"
#include "pool.h"
#include "rl.h"

#define UNPLANNED (UINT64_C(1) << 40) /* batches from here on stand in for skipped ones only */

/* Philox streams, by what the numbers are for; all but the first in the top byte, a step or an
 * index below. */
enum { INIT_STREAM = LC_GPT_STREAM, BATCH_STREAM, JITTER_STREAM, RESEED_STREAM };
enum { FAULT_STREAM = RESEED_STREAM + 1, SAMPLE_STREAM };

struct run {
	struct plan plan;
	struct job job;
	struct data data;
	struct lc_gpt gpt;
	struct lc_pool *pool;
	float *w, *m, *v;	   /* gpt.count floats each */
	long step, tokens;	   /* updates done; bytes learnt from */
	long m_updates, v_updates; /* since the last reset: what bias correction counts */
	json_t *init;		   /* whose weights it began with; NULL: drawn */
	json_t *actions;	   /* sticky, as in DESIGN section 5 */
	/* the steps after which lr_tail, lr_warmup and lr_for set in; the scale after the last */
	long tail_start, warm_start, hold_start;
	double hold_back;
	struct effects fx;
	struct peers peers;
	struct rl *rl; /* with a reward */
	struct fault fault[32];
	int nfaults;
	struct stat control; /* of the control file read last */
	double began, shown; /* seconds: when the loop began, when progress was last shown */
	long began_step;
	/* scratch */
	float **grad; /* micro + 1 flat gradients: of each micro-batch, and their sum */
	struct lc_gpt_work **work; /* stack of idle workspaces, one a thread */
	int idle;
	pthread_mutex_t lock;
	uint8_t *batch;
	int batch_rows; /* room in batch */
};

/* What one step found out; NaN where it was not asked. */
struct report {
	long step, tokens;
	double loss, grad_norm, lr, wall_s;
	double reward, kl, entropy; /* with a reward */
	double held[2];		    /* val and test: loss, or reward */
	double gvar, update_ratio, align;
	struct lc_gpt_stats stats;
	double clip; /* what ZClip cut the norm to; 0: it did not */
	int skipped, probed, validated;
	char batch[17];
};

/* step.c: one update; the report but for the held-out losses. */
void train_step(struct run *r, int probe, struct report *rep);
/* grad[0] to grad[micro-1] added up, in their order, in grad[micro]. */
void train_sum_grads(struct run *r);
/* An idle workspace; whose it was before does not show in the results. */
struct lc_gpt_work *train_take_work(struct run *r, int rows);
void train_give_work(struct run *r, struct lc_gpt_work *k);
int train_open(struct run *r, struct lc_err *err); /* allocates; plan and data are set */
void train_close(struct run *r);
/* eval.c: mean loss of shard 0 (A, val) or 1 (B, test). */
double train_eval(struct run *r, int shard);

/* probe.c */
double probe_norm(const float *x, size_t n);
double probe_noise(const struct run *r, const struct lc_adamw *o);
double probe_alignment(const struct run *r, const float *g);

/* control.c: changes asked for in $LC_CONTROL, at most one look a step. */
void control_poll(struct run *r);

/* progress.c: a line on stderr, where that is a terminal and the records go elsewhere. */
void progress_begin(struct run *r);
void progress_show(struct run *r, const struct report *rep, long end);

#endif

/* eval: the held-out losses. See train.h. */
#include <stdlib.h>

#include "io.h"
#include "train.h"

#define EVAL_ROWS 8 /* of a task: fixed, so that bits do not depend on the threads */

struct eval {
	struct run *r;
	int shard;
	double *loss;
};

static void eval_task(void *ctx, int i)
{
	struct eval *e = ctx;
	struct run *r = e->r;
	int rows = r->data.held_rows[e->shard] - i * EVAL_ROWS;
	struct lc_gpt_work *k = train_take_work(r, EVAL_ROWS);

	rows = rows < EVAL_ROWS ? rows : EVAL_ROWS;
	e->loss[i] = lc_gpt_loss(&r->gpt, k, r->w,
				 r->data.held[e->shard] +
					 (size_t)(i * EVAL_ROWS) * (size_t)(r->plan.shape.ctx + 1),
				 rows);
	train_give_work(r, k);
}

double train_eval(struct run *r, int shard)
{
	int n = (r->data.held_rows[shard] + EVAL_ROWS - 1) / EVAL_ROWS;
	struct eval e = {r, shard, lc_xalloc((size_t)n, sizeof(double))};
	double sum = 0;

	lc_gpt_prepare(&r->gpt, r->w);
	lc_pool_run(r->pool, n, eval_task, &e);
	for (int i = 0; i < n; i++)
		sum += e.loss[i];
	free(e.loss);
	return sum / ((double)r->data.held_rows[shard] * r->plan.shape.ctx);
}

/* step: one update of the weights. See train.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adamw.h"
#include "io.h"
#include "rng.h"
#include "train.h"

#define UNPLANNED                                                                                  \
	(UINT64_C(1) << 40) /* batches from here on are used only in place of skipped ones */
#define EVAL_ROWS 8	    /* of a task: fixed, so that bits do not depend on the threads */

int train_open(struct run *r, struct lc_err *err)
{
	size_t n = r->gpt.count;

	r->w = lc_xalloc(n, sizeof(float));
	r->m = lc_xalloc(n, sizeof(float));
	r->v = lc_xalloc(n, sizeof(float));
	r->grad = lc_xalloc((size_t)r->plan.micro + 1, sizeof(*r->grad));
	for (int i = 0; i <= r->plan.micro; i++)
		r->grad[i] = lc_xalloc(n, sizeof(float));
	r->work = lc_xalloc((size_t)r->job.threads, sizeof(*r->work));
	r->idle = r->job.threads;
	pthread_mutex_init(&r->lock, NULL);
	r->pool = lc_pool_open(r->job.threads);
	return r->pool ? 0 : lc_fail_sys(err, "start %d threads", r->job.threads);
}

void train_close(struct run *r)
{
	lc_pool_close(r->pool);
	for (int i = 0; r->work && i < r->job.threads; i++)
		lc_gpt_work_close(r->work[i]);
	for (int i = 0; r->grad && i <= r->plan.micro; i++)
		free(r->grad[i]);
	free(r->work);
	free(r->grad);
	free(r->batch);
	free(r->w);
	free(r->m);
	free(r->v);
	for (int i = 0; i < r->nfaults; i++) {
		free(r->fault[i].spec);
		free(r->fault[i].once);
	}
	json_decref(r->actions);
	json_decref(r->job.actions);
	data_close(&r->data);
	lc_gpt_release(&r->gpt);
}

/* An idle workspace; whose it was before does not show in the results. */
static struct lc_gpt_work *take_work(struct run *r, int rows)
{
	struct lc_gpt_work *k;

	pthread_mutex_lock(&r->lock);
	k = r->work[--r->idle];
	r->work[r->idle] = NULL;
	pthread_mutex_unlock(&r->lock);
	if (!k || lc_gpt_work_rows(k) < rows) {
		lc_gpt_work_close(k);
		k = lc_gpt_work_open(&r->gpt, rows);
	}
	return k;
}

static void give_work(struct run *r, struct lc_gpt_work *k)
{
	pthread_mutex_lock(&r->lock);
	r->work[r->idle++] = k;
	pthread_mutex_unlock(&r->lock);
}

/* One gradient: micro-batch i of rows rows each, in r->batch. */
struct pass {
	struct run *r;
	int rows, probe;
	double *loss;
	struct lc_gpt_stats *stats;
};

static void micro_pass(void *ctx, int i)
{
	struct pass *p = ctx;
	struct run *r = p->r;
	struct lc_gpt_work *k = take_work(r, p->rows);
	float scale = 1.0f / ((float)p->rows * (float)r->plan.micro * (float)r->plan.shape.ctx);
	const uint8_t *tokens = r->batch + (size_t)(i * p->rows) * (size_t)(r->plan.shape.ctx + 1);

	p->loss[i] = lc_gpt_grad(&r->gpt, k, r->w, tokens, p->rows, scale, r->grad[i]);
	if (p->probe && i == 0)
		lc_gpt_stats(&r->gpt, k, p->rows, p->stats);
	give_work(r, k);
}

/* The gradient of the whole batch in grad[micro], added up in the order of the micro-batches. Its
 * mean loss. */
static double gradient(struct run *r, int rows, int probe, struct report *rep)
{
	int micro = r->plan.micro;
	double *loss = lc_xalloc((size_t)micro, sizeof(*loss)), sum = 0;
	struct pass p = {r, rows / micro, probe, loss, &rep->stats};
	float *total = r->grad[micro];

	lc_pool_run(r->pool, micro, micro_pass, &p);
	memcpy(total, r->grad[0], r->gpt.count * sizeof(*total));
	for (int i = 1; i < micro; i++)
		for (size_t j = 0; j < r->gpt.count; j++)
			total[j] += r->grad[i][j];
	for (int i = 0; i < micro; i++)
		sum += loss[i];
	free(loss);
	return sum / ((double)rows * r->plan.shape.ctx);
}

static double norm(const float *x, size_t n)
{
	double s[8] = {0}, sum = 0;
	size_t i = 0;

	for (; i + 8 <= n; i += 8)
		for (int j = 0; j < 8; j++)
			s[j] += (double)x[i + (size_t)j] * (double)x[i + (size_t)j];
	for (; i < n; i++)
		sum += (double)x[i] * (double)x[i];
	for (int j = 0; j < 8; j++)
		sum += s[j];
	return sqrt(sum);
}

/*
 * Trace of the covariance of the batch's gradient g (after the clip) in the metric of Adam's
 * preconditioner P = sqrt(v hat) + eps: sum over weights of Var(g)/P (Qiu et al. 2025: Tr Cov of
 * P^-1/2 g). The variance of the mean of K micro-batches is estimated by sum (g_k - g)^2 / (K
 * (K-1)).
 */
static double noise_trace(const struct run *r, const struct lc_adamw *o)
{
	int micro = r->plan.micro;
	double sum = 0, k = micro;

	for (size_t j = 0; j < r->gpt.count; j++) {
		double mean = (double)r->grad[micro][j], dev = 0;

		for (int i = 0; i < micro; i++) { /* grad[i] is already divided by K */
			double d = (double)r->grad[i][j] * k - mean;

			dev += d * d;
		}
		sum += dev / (sqrt((double)r->v[j] * (double)o->c2) + (double)o->eps);
	}
	return sum * (double)o->gscale * (double)o->gscale / (k * (k - 1));
}

static void update(struct run *r, struct lc_adamw *o, double decay)
{
	const float *g = r->grad[r->plan.micro];

	r->m_updates++;
	r->v_updates++;
	o->c1 = (float)(1 / (1 - pow((double)o->beta1, (double)r->m_updates)));
	o->c2 = (float)(1 / (1 - pow((double)o->beta2, (double)r->v_updates)));
	for (int i = 0; i < r->gpt.ntensors; i++) {
		const struct lc_gpt_tensor *t = &r->gpt.tensors[i];

		o->decay = t->dims == 1 ? 0 : (float)decay;
		lc_adamw_cpu(r->w + t->at, r->m + t->at, r->v + t->at, g + t->at, t->n, o);
	}
}

/* The batch of this step in r->batch, and its hash. Returns its rows. */
static int fetch(struct run *r, long step, char hash[17])
{
	double want = r->plan.batch / r->plan.micro * r->fx.batch_scale;
	int rows = (want < 1 ? 1 : (int)floor(want + 0.5)) * r->plan.micro;
	/* a shift back past the first batch meets batches that no plan uses either */
	uint64_t at = (uint64_t)(step + r->fx.data_shift) % UNPLANNED;
	uint64_t index = at + (effects_skips(r, step) ? UNPLANNED : 0);
	size_t bytes = (size_t)rows * (size_t)(r->plan.shape.ctx + 1);
	struct lc_id id;
	char hex[LC_HEX_LEN + 1];

	if (rows > r->batch_rows) {
		r->batch = lc_xrealloc(r->batch, bytes, 1);
		r->batch_rows = rows;
	}
	data_batch(&r->data, r->fx.data_seed, index, rows, r->batch);
	fault_batch(r, index, r->batch, rows);
	if (lc_sha256(r->batch, bytes, &id, NULL) < 0)
		memset(&id, 0, sizeof(id));
	lc_id_hex(&id, hex);
	snprintf(hash, 17, "%.16s", hex);
	return rows;
}

/*
 * The cosine of the batch's gradient and Adam's last update (without the decay), from the moments
 * before this step: above 0 the last step was too short, below too long. Times the norms it is
 * minus the hypergradient of Baydin et al. 2018, with Adam's update for u.
 */
static double alignment(const struct run *r, const float *g)
{
	double c1 = 1 - pow(r->plan.beta1, (double)r->m_updates);
	double c2 = 1 - pow(r->fx.beta2, (double)r->v_updates), dot = 0, gg = 0, uu = 0;

	for (size_t j = 0; r->m_updates > 0 && r->v_updates > 0 && j < r->gpt.count; j++) {
		double u = (double)r->m[j] / c1 / (sqrt((double)r->v[j] / c2) + r->plan.eps);

		dot += (double)g[j] * u;
		gg += (double)g[j] * (double)g[j];
		uu += u * u;
	}
	return gg > 0 && uu > 0 ? dot / sqrt(gg * uu) : NAN;
}

void train_step(struct run *r, int probe, struct report *rep)
{
	double began = lc_now(), clip, bump;
	long step = r->step + 1;
	float *before = NULL;
	size_t n = r->gpt.count;
	int rows;
	struct lc_adamw o = {.beta1 = (float)r->plan.beta1,
			     .beta2 = (float)r->fx.beta2,
			     .eps = (float)r->plan.eps};

	memset(rep, 0, sizeof(*rep));
	rows = fetch(r, step, rep->batch);
	lc_gpt_prepare(&r->gpt, r->w);
	rep->loss = gradient(r, rows, probe, rep);
	fault_grad(r, step, r->grad[r->plan.micro]);
	rep->grad_norm = norm(r->grad[r->plan.micro], n);
	bump = fault_lr(r, step);
	rep->lr = effects_lr(r, step) * bump;
	clip = bump == 1 ? r->fx.clip : 0;
	o.lr = (float)rep->lr;
	o.gscale = clip > 0 && rep->grad_norm > clip ? (float)(clip / rep->grad_norm) : 1.0f;
	if (probe) {
		before = lc_xalloc(n, sizeof(float));
		memcpy(before, r->w, n * sizeof(float));
		rep->align = alignment(r, r->grad[r->plan.micro]);
	}
	update(r, &o, r->plan.weight_decay * r->fx.decay_scale);
	if (probe) {
		double scale = norm(before, n);

		for (size_t j = 0; j < n; j++)
			before[j] = r->w[j] - before[j];
		rep->update_ratio = norm(before, n) / scale;
		rep->gvar = r->plan.micro > 1 ? noise_trace(r, &o) : NAN;
		free(before);
	}
	fault_state(r, step);
	r->step = rep->step = step;
	rep->tokens = r->tokens += (long)rows * r->plan.shape.ctx;
	rep->probed = probe;
	rep->wall_s = lc_now() - began;
}

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
	struct lc_gpt_work *k = take_work(r, EVAL_ROWS);

	rows = rows < EVAL_ROWS ? rows : EVAL_ROWS;
	e->loss[i] = lc_gpt_loss(&r->gpt, k, r->w,
				 r->data.held[e->shard] +
					 (size_t)(i * EVAL_ROWS) * (size_t)(r->plan.shape.ctx + 1),
				 rows);
	give_work(r, k);
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

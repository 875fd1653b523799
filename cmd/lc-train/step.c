/* step: one update of the weights. See train.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adamw.h"
#include "io.h"
#include "rng.h"
#include "train.h"
#include "xent.h"

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
	faults_release(r);
	rl_close(r->rl);
	json_decref(r->init);
	json_decref(r->actions);
	json_decref(r->job.actions);
	data_close(&r->data);
	lc_gpt_release(&r->gpt);
}

struct lc_gpt_work *train_take_work(struct run *r, int rows)
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

void train_give_work(struct run *r, struct lc_gpt_work *k)
{
	pthread_mutex_lock(&r->lock);
	r->work[r->idle++] = k;
	pthread_mutex_unlock(&r->lock);
}

/* One gradient: micro-batch i of rows rows each, in r->batch. */
struct pass {
	struct run *r;
	int rows, probe;
	const uint8_t
		*labels; /* NULL, or (rows of all, ctx): the targets in place of tokens' own */
	double *loss;
	struct lc_gpt_stats *stats;
};

/* Cross-entropy with the labels of one micro-batch. */
struct labelled {
	const uint8_t *labels;
	float scale;
	int n;
};

static double labelled_loss(void *ctx, float *logits)
{
	struct labelled *l = ctx;
	float *loss = lc_xalloc((size_t)l->n, sizeof(*loss));
	double sum = 0;

	lc_xent_back_cpu(loss, logits, l->labels, l->scale, l->n, LC_GPT_VOCAB);
	for (int i = 0; i < l->n; i++)
		sum += (double)loss[i];
	free(loss);
	return sum;
}

static void micro_pass(void *ctx, int i)
{
	struct pass *p = ctx;
	struct run *r = p->r;
	struct lc_gpt_work *k = train_take_work(r, p->rows);
	float scale = 1.0f / ((float)p->rows * (float)r->plan.micro * (float)r->plan.shape.ctx);
	const uint8_t *tokens = r->batch + (size_t)(i * p->rows) * (size_t)(r->plan.shape.ctx + 1);

	if (p->labels) {
		int n = p->rows * r->plan.shape.ctx;
		struct labelled l = {p->labels + (size_t)(i * n), scale, n};

		p->loss[i] = lc_gpt_grad_of(&r->gpt, k, r->w, tokens, p->rows, labelled_loss, &l,
					    r->grad[i]);
	} else {
		p->loss[i] = lc_gpt_grad(&r->gpt, k, r->w, tokens, p->rows, scale, r->grad[i]);
	}
	if (p->probe && i == 0)
		lc_gpt_stats(&r->gpt, k, p->rows, p->stats);
	train_give_work(r, k);
}

void train_sum_grads(struct run *r)
{
	int micro = r->plan.micro;
	float *total = r->grad[micro];

	memcpy(total, r->grad[0], r->gpt.count * sizeof(*total));
	for (int i = 1; i < micro; i++)
		for (size_t j = 0; j < r->gpt.count; j++)
			total[j] += r->grad[i][j];
}

/* The gradient of the whole batch in grad[micro], added up in the order of the micro-batches. Its
 * mean loss. */
static double gradient(struct run *r, int rows, const uint8_t *labels, int probe,
		       struct report *rep)
{
	int micro = r->plan.micro;
	double *loss = lc_xalloc((size_t)micro, sizeof(*loss)), sum = 0;
	struct pass p = {r, rows / micro, probe, labels, loss, &rep->stats};

	lc_pool_run(r->pool, micro, micro_pass, &p);
	train_sum_grads(r);
	for (int i = 0; i < micro; i++)
		sum += loss[i];
	free(loss);
	return sum / ((double)rows * r->plan.shape.ctx);
}

/* The bias corrections for the updates counted so far: none at all where a step was passed over. */
static void correct(const struct run *r, struct lc_adamw *o)
{
	o->c1 = (float)(1 / (1 - pow((double)o->beta1, (double)r->m_updates)));
	o->c2 = r->v_updates > 0 ? (float)(1 / (1 - pow((double)o->beta2, (double)r->v_updates)))
				 : 1;
}

static void update(struct run *r, struct lc_adamw *o, double decay)
{
	const float *g = r->grad[r->plan.micro];

	r->m_updates++;
	r->v_updates++;
	correct(r, o);
	for (int i = 0; i < r->gpt.ntensors; i++) {
		const struct lc_gpt_tensor *t = &r->gpt.tensors[i];

		o->decay = t->dims == 1 ? 0 : (float)decay;
		lc_adamw_cpu(r->w + t->at, r->m + t->at, r->v + t->at, g + t->at, t->n, o);
	}
}

/* The norm the gradient is cut to (0: none), and whether the step is passed over. */
static double restrain(struct run *r, double clip, struct report *rep)
{
	double cut = clip;

	if (r->plan.skip_sigma > 0)
		rep->skipped =
			peers_skips(&r->peers, r->plan.skip_sigma, rep->loss, rep->grad_norm);
	if (r->plan.zclip)
		cut = peers_zclip(&r->peers, rep->grad_norm, clip);
	rep->clip = cut != clip ? cut : 0;
	return cut;
}

/* The batch of this step in r->batch, its labels if they are not its own, and its hash. Returns its
 * rows. */
static int fetch(struct run *r, long step, uint64_t *index, uint8_t **labels, char hash[17])
{
	double want = r->plan.batch / r->plan.micro * r->fx.batch_scale;
	int rows = (want < 1 ? 1 : (int)floor(want + 0.5)) * r->plan.micro;
	/* a shift back past the first batch meets batches that no plan uses either */
	uint64_t at = (uint64_t)(step + r->fx.data_shift) % UNPLANNED;
	size_t bytes = (size_t)rows * (size_t)(r->plan.shape.ctx + 1);
	struct lc_id id;
	char hex[LC_HEX_LEN + 1];

	*index = at + (effects_skips(r, step) ? UNPLANNED : 0);
	if (rows > r->batch_rows) {
		r->batch = lc_xrealloc(r->batch, bytes, 1);
		r->batch_rows = rows;
	}
	data_batch(&r->data, r->fx.data_seed, *index, rows, r->batch);
	fault_batch(r, *index, r->batch, rows);
	*labels = fault_labels(r, *index, r->batch, rows);
	if (lc_sha256(*labels ? *labels : r->batch, bytes - (*labels ? (size_t)rows : 0), &id,
		      NULL) < 0)
		memset(&id, 0, sizeof(id));
	lc_id_hex(&id, hex);
	snprintf(hash, 17, "%.16s", hex);
	return rows;
}

void train_step(struct run *r, int probe, struct report *rep)
{
	double began = lc_now(), clip;
	long step = r->step + 1;
	float *before = NULL;
	size_t n = r->gpt.count;
	uint8_t *labels;
	uint64_t index;
	int rows, clips;
	struct lc_adamw o = {.beta1 = (float)r->plan.beta1,
			     .beta2 = (float)r->fx.beta2,
			     .eps = (float)r->plan.eps};

	memset(rep, 0, sizeof(*rep));
	rep->probed = probe;
	fault_begin(r, step);
	rows = fetch(r, step, &index, &labels, rep->batch);
	lc_gpt_prepare(&r->gpt, r->w);
	rep->loss =
		r->rl ? rl_gradient(r, rows, index, rep) : gradient(r, rows, labels, probe, rep);
	free(labels);
	fault_grad(r, step, r->grad[r->plan.micro]);
	rep->grad_norm = probe_norm(r->grad[r->plan.micro], n);
	rep->lr = effects_lr(r, step) * fault_lr(r, step, &clips);
	clip = restrain(r, clips ? r->fx.clip : 0, rep);
	o.lr = (float)rep->lr;
	o.gscale = clip > 0 && rep->grad_norm > clip ? (float)(clip / rep->grad_norm) : 1.0f;
	if (probe) {
		before = lc_xalloc(n, sizeof(float));
		memcpy(before, r->w, n * sizeof(float));
		rep->align = probe_alignment(r, r->grad[r->plan.micro]);
	}
	if (rep->skipped)
		correct(r, &o);
	else
		update(r, &o, r->plan.weight_decay * r->fx.decay_scale);
	if (probe) {
		double scale = probe_norm(before, n);

		for (size_t j = 0; j < n; j++)
			before[j] = r->w[j] - before[j];
		rep->update_ratio = probe_norm(before, n) / scale;
		rep->gvar = r->plan.micro > 1 ? probe_noise(r, &o) : NAN;
		free(before);
	}
	fault_state(r, step);
	r->step = rep->step = step;
	rep->tokens = r->tokens += (long)rows * (r->rl ? r->plan.sample : r->plan.shape.ctx);
	rep->wall_s = lc_now() - began;
}

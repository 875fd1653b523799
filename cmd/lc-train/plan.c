/* plan: the schedule, and the plan as JSON. See plan.h. */
#include "plan.h"

#include <math.h>
#include <string.h>

#include "json.h"

const char *const schedule_names[] = {"cosine", "wsd", "constant", NULL};
const char *const reward_names[] = {"none", "words", NULL};

/* Warm-up is linear from 0, reached at step `warmup`; past the total the last value holds. */
double plan_lr(const struct plan *p, long step)
{
	double s = (double)(step < p->total ? step : p->total), total = (double)p->total, from;

	if (step <= p->warmup)
		return p->lr * (double)step / (double)p->warmup;
	switch (p->schedule) {
	case COSINE:
		from = (double)p->warmup;
		return p->min_lr + (p->lr - p->min_lr) * 0.5 *
					   (1 + cos(3.14159265358979323846 * (s - from) /
						    fmax(total - from, 1)));
	case WSD:
		from = total - floor(p->decay_frac * total);
		if (s <= from)
			return p->lr;
		return p->lr + (p->min_lr - p->lr) * (s - from) / (total - from);
	}
	return p->lr;
}

int plan_check(const struct plan *p, struct lc_err *err)
{
	if (p->batch < 1 || p->batch > 1 << 16 || p->micro < 1 || p->batch % p->micro != 0)
		return lc_fail(err, LC_USAGE, "batch %d in %d micro-batches: must divide evenly",
			       p->batch, p->micro);
	if (p->total < 1 || p->warmup < 0)
		return lc_fail(err, LC_USAGE, "total %ld, warmup %ld: must be at least 1 and 0",
			       p->total, p->warmup);
	if (!(p->decay_frac >= 0 && p->decay_frac <= 1))
		return lc_fail(err, LC_USAGE, "decay-frac: must be within 0 and 1");
	if (!(p->lr >= 0) || !(p->min_lr >= 0) || !(p->weight_decay >= 0) || !(p->eps > 0) ||
	    !(p->clip >= 0) || !(p->skip_sigma >= 0))
		return lc_fail(err, LC_USAGE,
			       "lr, min-lr, weight-decay, clip, skip-sigma, eps: must not be "
			       "negative, eps above 0");
	if (!(p->beta1 >= 0 && p->beta1 < 1) || !(p->beta2 >= 0 && p->beta2 < 1))
		return lc_fail(err, LC_USAGE, "beta1, beta2: must be from 0 to below 1");
	if (p->reward && (p->batch < 2 || p->sample < 1 || p->sample > p->shape.ctx))
		return lc_fail(err, LC_USAGE,
			       "reward: wants 2 rows and more, and to sample from 1 to ctx bytes");
	if (!(p->kl_coef >= 0))
		return lc_fail(err, LC_USAGE, "kl-coef: must not be negative");
	if (p->val_every < 0 || p->probe_every < 0)
		return lc_fail(err, LC_USAGE, "val-every, probe-every: must not be negative");
	return 0;
}

json_t *plan_to_json(const struct plan *p)
{
	json_t *v = json_pack(
		"{s:{s:s,s:o,s:o,s:I,s:I,s:o},s:{s:i,s:i,s:o,s:o,s:o,s:o,s:o,s:I,s:I},s:{s:i,s:i,s:"
		"i,"
		"s:i,s:i}}",
		"schedule", "kind", schedule_names[p->schedule], "lr", lc_json_num(p->lr), "min_lr",
		lc_json_num(p->min_lr), "warmup", (json_int_t)p->warmup, "total",
		(json_int_t)p->total, "decay_frac", lc_json_num(p->decay_frac), "hyper", "batch",
		p->batch, "micro", p->micro, "weight_decay", lc_json_num(p->weight_decay), "beta1",
		lc_json_num(p->beta1), "beta2", lc_json_num(p->beta2), "eps", lc_json_num(p->eps),
		"clip", lc_json_num(p->clip), "val_every", (json_int_t)p->val_every, "probe_every",
		(json_int_t)p->probe_every, "model", "layers", p->shape.layers, "dim", p->shape.dim,
		"heads", p->shape.heads, "ctx", p->shape.ctx, "vocab", LC_GPT_VOCAB);
	json_t *hyper = json_object_get(v, "hyper");

	if (p->zclip)
		json_object_set_new(hyper, "zclip", json_true());
	if (p->skip_sigma > 0)
		json_object_set_new(hyper, "skip_sigma", lc_json_num(p->skip_sigma));
	if (p->reward) {
		json_object_set_new(hyper, "reward", json_string(reward_names[p->reward]));
		json_object_set_new(hyper, "kl_coef", lc_json_num(p->kl_coef));
		json_object_set_new(hyper, "sample", json_integer(p->sample));
	}
	return v;
}

int plan_from_json(struct plan *p, const json_t *state, const char *what, struct lc_err *err)
{
	const json_t *s = json_object_get(state, "schedule"), *h = json_object_get(state, "hyper");
	const json_t *m = json_object_get(state, "model"), *rng = json_object_get(state, "rng");
	const char *kind = lc_json_get_str(s, "kind", "");
	const char *reward = lc_json_get_str(h, "reward", "none");
	struct lc_err why;

	*p = (struct plan){
		.shape = {(int)lc_json_get_int(m, "layers", 0), (int)lc_json_get_int(m, "dim", 0),
			  (int)lc_json_get_int(m, "heads", 0), (int)lc_json_get_int(m, "ctx", 0)},
		.batch = (int)lc_json_get_int(h, "batch", 0),
		.micro = (int)lc_json_get_int(h, "micro", 0),
		.seed = (uint64_t)lc_json_get_int(json_object_get(rng, "init"), "seed", 0),
		.data_seed = (uint64_t)lc_json_get_int(json_object_get(rng, "data"), "seed", 0),
		.total = lc_json_get_int(s, "total", 0),
		.warmup = lc_json_get_int(s, "warmup", -1),
		.lr = lc_json_get_num(s, "lr", -1),
		.min_lr = lc_json_get_num(s, "min_lr", -1),
		.decay_frac = lc_json_get_num(s, "decay_frac", -1),
		.weight_decay = lc_json_get_num(h, "weight_decay", -1),
		.beta1 = lc_json_get_num(h, "beta1", -1),
		.beta2 = lc_json_get_num(h, "beta2", -1),
		.eps = lc_json_get_num(h, "eps", -1),
		.clip = lc_json_get_num(h, "clip", -1),
		.zclip = json_is_true(json_object_get(h, "zclip")),
		.skip_sigma = lc_json_get_num(h, "skip_sigma", 0),
		.kl_coef = lc_json_get_num(h, "kl_coef", 0),
		.sample = (int)lc_json_get_int(h, "sample", 0),
		.val_every = lc_json_get_int(h, "val_every", VAL_EVERY),
		.probe_every = lc_json_get_int(h, "probe_every", PROBE_EVERY),
	};
	while (schedule_names[p->schedule] && strcmp(schedule_names[p->schedule], kind) != 0)
		p->schedule++;
	while (reward_names[p->reward] && strcmp(reward_names[p->reward], reward) != 0)
		p->reward++;
	if (!schedule_names[p->schedule] || !reward_names[p->reward] ||
	    lc_json_get_int(m, "vocab", 0) != LC_GPT_VOCAB)
		return lc_fail(err, LC_DATA, "%s: not a state of lc-train", what);
	if (plan_check(p, &why) < 0)
		return lc_fail(err, LC_DATA, "%s: %.400s", what, why.text);
	return 0;
}

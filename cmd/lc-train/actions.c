/* actions: what the actions in force do to the plan. See train.h. */
#include <math.h>
#include <string.h>

#include "action.h"
#include "json.h"
#include "rng.h"
#include "train.h"

/* Words that are as good as not said: the plan's own value. */
static int says_nothing(const struct run *r, const char *name, const json_t *v)
{
	double x = json_is_number(v) ? json_number_value(v) : NAN;

	if (strcmp(name, "clip") == 0)
		return x == r->plan.clip;
	if (strcmp(name, "beta2") == 0)
		return x == r->plan.beta2;
	if (strcmp(name, "reseed") == 0 || strcmp(name, "data_shift") == 0 ||
	    strcmp(name, "lr_for") == 0)
		return x == 0;
	return x == 1 && (!strcmp(name, "lr_scale") || !strcmp(name, "weight_decay_scale") ||
			  !strcmp(name, "batch_scale"));
}

void actions_reset(struct run *r, const char *which)
{
	if (strchr(which, 'm')) {
		memset(r->m, 0, r->gpt.count * sizeof(*r->m));
		r->m_updates = 0;
	}
	if (strchr(which, 'v')) {
		memset(r->v, 0, r->gpt.count * sizeof(*r->v));
		r->v_updates = 0;
	}
}

static void jitter(struct run *r, double eps)
{
	struct lc_rng rng = {r->plan.seed, (uint64_t)JITTER_STREAM << 56 ^ (uint64_t)r->step, 0};

	for (size_t i = 0; i < r->gpt.count; i++)
		r->w[i] *= (float)(1 + eps * lc_rng_normal(&rng));
}

static void apply_one(struct run *r, const char *name, json_t *v)
{
	if (strcmp(name, "reset") == 0)
		actions_reset(r, json_string_value(v));
	else if (strcmp(name, "jitter") == 0)
		jitter(r, json_number_value(v));
	else if (strcmp(name, "rewind") == 0)
		return; /* was done by the choice of state */
	else if (says_nothing(r, name, v))
		json_object_del(r->actions, name);
	else {
		if (strcmp(name, "lr_tail") == 0 &&
		    !json_equal(json_object_get(r->actions, name), v))
			r->tail_start = r->step;
		if (strcmp(name, "lr_warmup") == 0)
			r->warm_start = r->step;
		json_object_set(r->actions, name, v);
	}
}

/* The scale to go back to when lr_for is over: what is in force, unless that is itself held. */
static void begin_hold(struct run *r)
{
	double scale = lc_json_get_num(r->actions, "lr_scale", 1);
	long held = lc_json_get_int(r->actions, "lr_for", 0);

	if (held == 0 || r->step >= r->hold_start + held)
		r->hold_back = held ? r->hold_back : scale;
	r->hold_start = r->step;
}

int actions_apply(struct run *r, const json_t *given, struct lc_err *err)
{
	const char *name;
	json_t *v;

	if (lc_actions_check(given, err) < 0)
		return -1;
	if (json_object_get(given, "lr_for"))
		begin_hold(r);
	else if (json_object_get(given, "lr_scale")) /* said without an end: it has none */
		json_object_del(r->actions, "lr_for");
	json_object_foreach((json_t *)given, name, v)
		apply_one(r, name, v);
	return effects_update(r, err);
}

static void read_tail(struct run *r, const json_t *tail)
{
	r->fx.tail = tail != NULL;
	r->fx.tail_start = r->tail_start;
	lc_tail_read(&r->fx.to, tail, r->fx.lr_scale);
}

static int read_skip(struct run *r, const json_t *skip, struct lc_err *err)
{
	int flat = json_is_integer(json_array_get(skip, 0));
	size_t n = flat ? 1 : json_array_size(skip);

	if (n > SKIPS)
		return lc_fail(err, LC_USAGE, "skip: more than %d ranges", SKIPS);
	for (size_t i = 0; i < n; i++) {
		const json_t *range = flat ? skip : json_array_get(skip, i);

		r->fx.skip[i][0] = (long)json_integer_value(json_array_get(range, 0));
		r->fx.skip[i][1] = (long)json_integer_value(json_array_get(range, 1));
	}
	r->fx.skips = (int)n;
	return 0;
}

int effects_update(struct run *r, struct lc_err *err)
{
	const json_t *a = r->actions, *reseed = json_object_get(a, "reseed");

	memset(&r->fx, 0, sizeof(r->fx));
	r->fx.lr_scale = lc_json_get_num(a, "lr_scale", 1);
	r->fx.decay_scale = lc_json_get_num(a, "weight_decay_scale", 1);
	r->fx.batch_scale = lc_json_get_num(a, "batch_scale", 1);
	r->fx.clip = lc_json_get_num(a, "clip", r->plan.clip);
	r->fx.beta2 = lc_json_get_num(a, "beta2", r->plan.beta2);
	r->fx.warm_steps = lc_json_get_int(a, "lr_warmup", 0);
	r->fx.warm_start = r->warm_start;
	r->fx.hold_steps = lc_json_get_int(a, "lr_for", 0);
	r->fx.hold_start = r->hold_start;
	r->fx.hold_back = r->hold_back;
	r->fx.data_shift = lc_json_get_int(a, "data_shift", 0);
	r->fx.data_seed = r->plan.data_seed;
	if (reseed && json_integer_value(reseed) != 0) { /* 0 takes it back: the plan's own order */
		struct lc_rng rng = {r->plan.data_seed, RESEED_STREAM,
				     (uint64_t)json_integer_value(reseed)};

		r->fx.data_seed = lc_rng_u64(&rng);
	}
	if (r->fx.batch_scale * r->plan.batch > 1 << 16)
		return lc_fail(err, LC_USAGE, "batch_scale: more than 65536 rows");
	read_tail(r, json_object_get(a, "lr_tail"));
	return read_skip(r, json_object_get(a, "skip"), err);
}

double effects_lr(const struct run *r, long step)
{
	const struct effects *fx = &r->fx;
	int over = fx->hold_steps > 0 && step > fx->hold_start + fx->hold_steps;
	double lr = fault_plan_lr(r, step) * (over ? fx->hold_back : fx->lr_scale);

	if (fx->tail && step > fx->tail_start)
		lr = fault_plan_lr(r, fx->tail_start) *
		     lc_tail_at(&fx->to, (double)(step - fx->tail_start));
	if (step > fx->warm_start && step - fx->warm_start < fx->warm_steps)
		lr *= (double)(step - fx->warm_start) / (double)fx->warm_steps;
	return lr;
}

int effects_skips(const struct run *r, long step)
{
	for (int i = 0; i < r->fx.skips; i++)
		if (step >= r->fx.skip[i][0] && step <= r->fx.skip[i][1])
			return 1;
	return 0;
}

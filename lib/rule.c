/*
 * rule: the peers' rules; see rule.h.
 *
 * Constants are the peers' defaults, each with the file it was read in. What a rule does with a
 * value that is not finite, it does here too, comparison by comparison.
 */
#include "rule.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"

#define WINDOW 128 /* the longest of any rule */

/* The last values of one metric, unordered. */
struct recent {
	double x[WINDOW];
	int n, at;
};

/* What a rule keeps of one metric; each uses what it needs. */
struct memory {
	struct recent recent;
	double mean, var, sum, last, top;
	long count;
	int outliers; /* in a row */
};

struct kind;

struct lc_rule {
	const struct kind *kind;
	double limit;
	struct memory loss, grad;
};

struct kind {
	const char *name;
	double limit;
	int (*step)(struct lc_rule *r, const struct lc_step *st, struct lc_rule_fired *f);
};

static void push(struct recent *w, double x, int cap)
{
	w->x[w->at] = x;
	w->at = (w->at + 1) % cap;
	if (w->n < cap)
		w->n++;
}

static double mean_of(const struct recent *w)
{
	double sum = 0;

	for (int i = 0; i < w->n; i++)
		sum += w->x[i];
	return sum / w->n;
}

/* Of the sum of squares over n - less. */
static double sd_of(const struct recent *w, double mean, int less)
{
	double sum = 0;

	for (int i = 0; i < w->n; i++)
		sum += (w->x[i] - mean) * (w->x[i] - mean);
	return sqrt(sum / (w->n - less));
}

static int fire(struct lc_rule_fired *f, enum lc_metric m, double x, double value, double limit)
{
	*f = (struct lc_rule_fired){value, limit, m, !isfinite(x)};
	return 1;
}

/*
 * ZClip (arXiv:2504.02507; bluorion-com/ZClip, zclip.py: ZClip()): z of the gradient norm against
 * exponential averages, which are updated with the clipped value; the variance with the new mean.
 * Where no gradient norm is logged it is given the loss, for scale: it was not made for that.
 */
static int zclip(struct lc_rule *r, const struct lc_step *st, struct lc_rule_fired *f)
{
	enum { WARMUP = 25 };
	const double alpha = .97, eps = 1e-6;
	int grad = lc_step_has(st, LC_GRAD_NORM) || r->grad.count > 0;
	enum lc_metric m = grad ? LC_GRAD_NORM : LC_LOSS;
	struct memory *k = grad ? &r->grad : &r->loss;
	double x = st->v[m], z, sd, taken = x;

	if (!lc_step_has(st, m))
		return 0;
	if (k->count < WARMUP) {
		push(&k->recent, x, WARMUP);
		if (++k->count == WARMUP) {
			k->mean = mean_of(&k->recent);
			k->var = pow(sd_of(&k->recent, k->mean, 0), 2);
		}
		return 0;
	}
	sd = sqrt(k->var);
	z = (x - k->mean) / (sd + eps);
	if (z > r->limit)
		taken = k->mean + r->limit * sd / (z / r->limit);
	k->mean = alpha * k->mean + (1 - alpha) * taken;
	k->var = alpha * k->var + (1 - alpha) * (taken - k->mean) * (taken - k->mean);
	return z > r->limit ? fire(f, m, x, z, r->limit) : 0;
}

/* |z| against the last 128 before x, from half of them on; what is no number is beyond any limit.
 */
static double olmo_z(struct memory *k, double x)
{
	double z = 0, mean;

	if (k->recent.n + 1 >= WINDOW / 2) {
		mean = mean_of(&k->recent);
		z = fabs(x - mean) / sd_of(&k->recent, mean, 1);
	}
	push(&k->recent, x, WINDOW);
	return z;
}

/* OLMo-core (src/olmo_core/optim/skip_step_optimizer.py: rolling_interval_length 128, sigma_factor
 * 6): loss or gradient norm, two-sided; outliers stay in the window. */
static int olmo(struct lc_rule *r, const struct lc_step *st, struct lc_rule_fired *f)
{
	double loss = 0, grad = 0;

	if (lc_step_has(st, LC_GRAD_NORM))
		grad = olmo_z(&r->grad, st->v[LC_GRAD_NORM]);
	if (lc_step_has(st, LC_LOSS))
		loss = olmo_z(&r->loss, st->v[LC_LOSS]);
	if (!(loss <= r->limit))
		return fire(f, LC_LOSS, st->v[LC_LOSS], loss, r->limit);
	return grad <= r->limit ? 0 : fire(f, LC_GRAD_NORM, st->v[LC_GRAD_NORM], grad, r->limit);
}

/* z in a full window of 128 that x is already in. */
static double llmc_z(struct memory *k, double x)
{
	double mean, sd;

	push(&k->recent, x, WINDOW);
	if (++k->count <= WINDOW)
		return NAN;
	mean = mean_of(&k->recent);
	sd = sd_of(&k->recent, mean, 0);
	return sd == 0 ? 0 : (x - mean) / sd;
}

/* llm.c (llmc/outlier_detector.h, OUTLIER_DETECTOR_WINDOW_SIZE 128; train_gpt2.cu -sl, -sg): z of
 * loss or gradient norm. Off unless asked for; 3 is the low end of what its users ask for. */
static int llmc(struct lc_rule *r, const struct lc_step *st, struct lc_rule_fired *f)
{
	double loss = NAN, grad = NAN;

	if (lc_step_has(st, LC_LOSS))
		loss = llmc_z(&r->loss, st->v[LC_LOSS]);
	if (lc_step_has(st, LC_GRAD_NORM))
		grad = llmc_z(&r->grad, st->v[LC_GRAD_NORM]);
	if (loss > r->limit)
		return fire(f, LC_LOSS, st->v[LC_LOSS], loss, r->limit);
	return grad > r->limit ? fire(f, LC_GRAD_NORM, st->v[LC_GRAD_NORM], grad, r->limit) : 0;
}

/* Lightning (lightning/fabric/utilities/spike.py, SpikeDetection: window 10, warmup 1, rtol 2.0,
 * finite_only): above the last value, and rtol x the mean away from the mean. What fired is not
 * remembered. */
static int lightning(struct lc_rule *r, const struct lc_step *st, struct lc_rule_fired *f)
{
	struct memory *k = &r->loss;
	double x = st->v[LC_LOSS], mean;

	if (!lc_step_has(st, LC_LOSS))
		return 0;
	if (k->count++ >= 1) {
		mean = mean_of(&k->recent);
		if (!isfinite(x) || (x > k->last && fabs(x - mean) >= fabs(r->limit * mean)))
			return fire(f, LC_LOSS, x, fabs(x - mean) / fabs(mean), r->limit);
	}
	push(&k->recent, x, 10);
	k->last = x;
	return 0;
}

/* llm-foundry (llmfoundry/callbacks/kill_loss_spike_callback.py: patience 4, outlier_multiplier 2,
 * window_size 100, loss_cap 10): more than 4 losses in a row at twice the window's mean, or from
 * the 200th on half of the window above 10. */
static int foundry(struct lc_rule *r, const struct lc_step *st, struct lc_rule_fired *f)
{
	enum { PATIENCE = 4, N = 100 };
	struct memory *k = &r->loss;
	double x = st->v[LC_LOSS], mean;
	int high = 0, fired = 0;

	if (!lc_step_has(st, LC_LOSS))
		return 0;
	if (k->recent.n == N) {
		mean = mean_of(&k->recent);
		k->outliers = x >= mean * r->limit ? k->outliers + 1 : 0;
		for (int i = 0; i < N; i++)
			high += k->recent.x[i] > 10;
		if (k->outliers > PATIENCE)
			fired = fire(f, LC_LOSS, x, x / mean, r->limit);
		else if (k->count >= 2 * N && high >= N / 2)
			fired = fire(f, LC_LOSS, x, x, 10);
	}
	push(&k->recent, x, N);
	k->count++;
	return fired;
}

/* Megatron-LM (megatron/core/rerun_state_machine.py, is_unexpectedly_large: threshold 10,
 * num_samples 100; check_for_nan_in_loss on): ten times the largest of the first 100 losses. The
 * spiky check is off unless asked for. */
static int megatron(struct lc_rule *r, const struct lc_step *st, struct lc_rule_fired *f)
{
	struct memory *k = &r->loss;
	double x = st->v[LC_LOSS];

	if (!lc_step_has(st, LC_LOSS))
		return 0;
	if (!isfinite(x))
		return fire(f, LC_LOSS, x, x, r->limit);
	if (k->count < 100) {
		k->count++;
		k->top = fmax(k->top, fabs(x));
		return 0;
	}
	return fabs(x) >= k->top * r->limit ? fire(f, LC_LOSS, x, fabs(x) / k->top, r->limit) : 0;
}

/* Page-Hinkley (river/drift/page_hinkley.py: min_instances 30, delta .005, threshold 50, alpha 1 -
 * 1e-4), which starts anew after it fired. sample_count begins at 1 there. */
static int page_hinkley(struct lc_rule *r, const struct lc_step *st, struct lc_rule_fired *f)
{
	struct memory *k = &r->loss;
	double x = st->v[LC_LOSS], sum;

	if (!lc_step_has(st, LC_LOSS))
		return 0;
	k->count++;
	k->mean += (x - k->mean) / (double)k->count;
	sum = (1 - 1e-4) * k->sum + (x - k->mean - .005);
	k->sum = sum > 0 ? sum : 0; /* as Python's max(0.0, nan) is 0.0 */
	if (k->count + 1 < 30 || !(k->sum >= r->limit))
		return 0;
	sum = k->sum;
	memset(k, 0, sizeof(*k));
	return fire(f, LC_LOSS, x, sum, r->limit);
}

/* metaseq (metaseq/trainer.py, skip_spike: span 9): the ratio of the loss to its exponential
 * average, which is updated when the ratio is within the limit. Off unless asked for; 1.25 is the
 * .25 of FlagScale's auto_skip_spiky_loss. */
static int ewma(struct lc_rule *r, const struct lc_step *st, struct lc_rule_fired *f)
{
	struct memory *k = &r->loss;
	double x = st->v[LC_LOSS], ratio;

	if (!lc_step_has(st, LC_LOSS))
		return 0;
	if (k->count++ == 0)
		k->mean = x;
	ratio = x / k->mean;
	if (ratio > r->limit)
		return fire(f, LC_LOSS, x, ratio, r->limit);
	k->mean += 2. / (9 + 1) * (x - k->mean);
	return 0;
}

static const struct kind kinds[] = {
	{"zclip", 2.5, zclip},
	{"olmo", 6, olmo},
	{"llmc", 3, llmc},
	{"lightning", 2, lightning},
	{"foundry", 2, foundry},
	{"megatron", 10, megatron},
	{"page-hinkley", 50, page_hinkley},
	{"ewma", 1.25, ewma},
};
#define KINDS ((int)(sizeof(kinds) / sizeof(kinds[0])))

const char *lc_rule_name(int i)
{
	return i < KINDS ? kinds[i].name : NULL;
}

static int no_such_rule(const char *name, struct lc_err *err)
{
	char list[160] = "";

	for (int i = 0; i < KINDS; i++) {
		size_t n = strlen(list);

		snprintf(list + n, sizeof(list) - n, "%s%s", i ? ", " : "", kinds[i].name);
	}
	return lc_fail(err, LC_USAGE, "%s: no such rule; there are %s", name, list);
}

struct lc_rule *lc_rule_open(const char *name, struct lc_err *err)
{
	size_t len = strcspn(name, ":");
	struct lc_rule *r;
	char *end = NULL;
	int i = 0;

	while (i < KINDS && (strlen(kinds[i].name) != len || memcmp(kinds[i].name, name, len) != 0))
		i++;
	if (i == KINDS) {
		no_such_rule(name, err);
		return NULL;
	}
	r = lc_xalloc(1, sizeof(*r));
	r->kind = &kinds[i];
	r->limit = kinds[i].limit;
	if (name[len] == ':') {
		r->limit = strtod(name + len + 1, &end);
		if (end == name + len + 1 || *end || !(r->limit > 0)) {
			lc_fail(err, LC_USAGE, "%s: the limit must be a number above 0", name);
			free(r);
			return NULL;
		}
	}
	return r;
}

void lc_rule_close(struct lc_rule *r)
{
	free(r);
}

int lc_rule_step(struct lc_rule *r, const struct lc_step *st, struct lc_rule_fired *fired)
{
	return r->kind->step(r, st, fired);
}

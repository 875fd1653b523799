/*
 * menu: the cross product of a few remedies, by how involved they are and by what was noticed.
 *
 * What is on it comes from what teams do (PaLM: back ~100 steps and skip 200-500 batches; GLM-130B,
 * OPT-175B: lower lr; SPAM: reset of the moments) and from what forks measured. Left out unless
 * everything is asked for: "lower lr for a while, then back" (worth under .002 nats), a lower clip
 * (nearly scale-free under Adam), and a lower lr from a damaged state (worse than nothing in 16 of
 * 16 runs: recovery is limited by the lr).
 */
#include "menu.h"

#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "json.h"

enum factor { ORIGIN, SKIP, LR, RESET, WARMUP, DECAY, CLIP, FACTORS };

static const char *const reset_levels[] = {"", "mv", "m", "v"};
static const int warmup_levels[] = {0, 100, 30};
static const double wd_levels[] = {1, 2, .5};
static const double clip_levels[] = {0, .5, .25};
static const double big_steps[] = {1, .5, .7, .3, .85, 1.5, 2, 1.25, .1};
/*
 * Where nothing is damaged: a bold step to each side first, then finer ones. Of x.93 the law is as
 * sure as of nothing; and what x4 does tells it how large the noise is that x.5 would take away (on
 * a hot run of lc-train P(better) of x.5 was .978 beside x4, .94 beside x2). Where one side has
 * won, on in that direction, and what would take half of it back.
 */
static const double both_sides[] = {1, .5, 4, 2, .7, 1.4, .85, 1.2, .93};
static const double on_down[] = {1, .5, .7, 1.4, .85, 1.2, 2, .93, 1.08};
static const double on_up[] = {1, 2, .7, 1.4, 4, .85, 1.2, .5, .93};

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))
#define LRS COUNT(big_steps)
#define WON .95 /* a change of the lr that counts as one */
#define SKIPS 4

/*
 * What leaving a factor's first level costs, by what was noticed; 0: it is not on the menu. After a
 * spike going back is where most remedies begin; a drift has a cause that stays, and on a plateau
 * or without an alert nothing is damaged: the schedule is what can be better.
 */
static const struct bill {
	const char *kind;
	double price[FACTORS];
	const double *lr;
} bills[] = {
	{"spike", {.4, 1, 1, 1, 1, 1, 1.5}, big_steps},
	{"nonfinite", {.4, 1, 1, 1, 1, 1, 1.5}, big_steps},
	{"drift", {.6, 1.4, .5, 1, 1, .9, 1.5}, big_steps},
	{"plateau", {1.6, 0, .5, 1.1, .8, .8, 1.5}, big_steps},
	{"outlier", {.9, .5, 1.4, 1.2, 1.4, 1.4, 1.5}, big_steps},
	{"none", {0, 0, .5, 1.5, 1.2, 1, 1.5}, both_sides},
};

static const struct bill *bill_of(const struct menu *m)
{
	for (int i = 0; i < COUNT(bills); i++)
		if (m->kind && strcmp(bills[i].kind, m->kind) == 0)
			return &bills[i];
	return &bills[0];
}

static int is(const struct menu *m, const char *kind)
{
	return m->kind && strcmp(m->kind, kind) == 0;
}

static const double *lr_levels(const struct menu *m)
{
	const double *lr = bill_of(m)->lr;

	if (lr != both_sides || (m->scale >= WON && m->scale <= 1 / WON))
		return lr;
	return m->scale < 1 ? on_down : on_up;
}

/* Is the present state from after the onset of something that breaks states? */
static int damaged(const struct menu *m)
{
	return m->origins[0].step >= m->onset &&
	       !(is(m, "drift") || is(m, "plateau") || is(m, "none"));
}

/*
 * The ranges of steps whose batches are passed over: none; PaLM's 200, since an alert comes at the
 * first bad batch and does not know the last; what was met; that and a margin.
 */
static int skip_range(const struct menu *m, int level, long from, long range[2])
{
	static const long before[SKIPS] = {0, 20, 1, 20}, after[SKIPS] = {0, 200, 2, 20};

	if (level == 0)
		return 0;
	range[0] = m->onset - before[level];
	range[1] = m->alert + after[level];
	if (range[0] <= from)
		range[0] = from + 1;
	return range[0] <= range[1];
}

const char *menu_kind(const json_t *actions)
{
	static const char *const lasting[] = {"lr_tail", "weight_decay_scale", "batch_scale",
					      "beta2", "clip"};
	const char *name;
	json_t *v;

	for (int i = 0; i < COUNT(lasting); i++)
		if (json_object_get(actions, lasting[i]))
			return "persistent";
	json_object_foreach((json_t *)actions, name, v)
		if (strncmp(name, "x_", 2) == 0)
			return "persistent";
	if (json_object_get(actions, "lr_scale"))
		return json_object_get(actions, "lr_for") ? "temporary" : "persistent";
	return json_object_get(actions, "lr_warmup") ? "temporary" : "restorative";
}

static void cook(struct dish *d, const struct menu *m, const int level[FACTORS])
{
	long from = m->origins[level[ORIGIN]].step, range[2];
	json_t *a = d->actions = json_object();

	d->origin = level[ORIGIN];
	if (d->origin > 0)
		json_object_set_new(a, "rewind", json_integer(from));
	if (skip_range(m, level[SKIP], from, range))
		json_object_set_new(a, "skip",
				    json_pack("[I,I]", (json_int_t)range[0], (json_int_t)range[1]));
	if (level[LR])
		json_object_set_new(a, "lr_scale", json_real(lr_levels(m)[level[LR]]));
	if (level[RESET])
		json_object_set_new(a, "reset", json_string(reset_levels[level[RESET]]));
	if (level[WARMUP])
		json_object_set_new(a, "lr_warmup", json_integer(warmup_levels[level[WARMUP]]));
	if (level[DECAY])
		json_object_set_new(a, "weight_decay_scale", json_real(wd_levels[level[DECAY]]));
	if (level[CLIP])
		json_object_set_new(a, "clip", json_real(clip_levels[level[CLIP]]));
	d->kind = menu_kind(a);
}

/* A factor that is not at its first level costs its price, and a little more the further down its
 * list it is. */
static double cost_of(const struct bill *bill, const int level[FACTORS])
{
	double cost = 0;

	for (int i = 0; i < FACTORS; i++)
		if (level[i])
			cost += bill->price[i] + .1 * (level[i] - 1);
	return cost;
}

/* Does it change nothing but the lr? */
static int lr_only(const int level[FACTORS])
{
	for (int i = 0; i < FACTORS; i++)
		if (level[i] && i != LR && i != ORIGIN)
			return 0;
	return 1;
}

static int sensible(const struct menu *m, const int level[FACTORS])
{
	const struct bill *bill = bill_of(m);
	int any = 0;
	long range[2];

	for (int i = 0; i < FACTORS; i++) {
		if (level[i] && bill->price[i] <= 0)
			return 0;
		any |= level[i] != 0;
	}
	if (level[ORIGIN] == 0 && is(m, "nonfinite") && damaged(m))
		return 0; /* nothing can start from a dead state */
	if (!m->everything && (level[CLIP] || (level[ORIGIN] == 0 && damaged(m) && level[LR] &&
					       lr_levels(m)[level[LR]] < 1)))
		return 0;
	if (warmup_levels[level[WARMUP]] > m->horizon / 2)
		return 0;
	if (m->lasting && !(level[LR] && lr_only(level)))
		return 0;
	if (level[SKIP] && !skip_range(m, level[SKIP], m->origins[level[ORIGIN]].step, range))
		return 0;
	/* from the present, only batches still to come can be passed over */
	return any && !(level[SKIP] > 1 && level[ORIGIN] == 0);
}

static int by_cost(const void *a, const void *b)
{
	const struct dish *x = a, *y = b;

	return x->cost < y->cost ? -1 : x->cost > y->cost;
}

struct dish *menu_make(const struct menu *m, int *n)
{
	const int sizes[FACTORS] = {m->norigins,
				    SKIPS,
				    LRS,
				    COUNT(reset_levels),
				    COUNT(warmup_levels),
				    COUNT(wd_levels),
				    COUNT(clip_levels)};
	int level[FACTORS], total = 1;
	struct dish *all;

	for (int i = 0; i < FACTORS; i++)
		total *= sizes[i];
	all = lc_xalloc((size_t)total, sizeof(*all));
	*n = 0;
	for (int k = 0; k < total; k++) {
		int rest = k;
		for (int i = FACTORS - 1; i >= 0; i--) {
			level[i] = rest % sizes[i];
			rest /= sizes[i];
		}
		if (!sensible(m, level))
			continue;
		cook(&all[*n], m, level);
		/* k breaks ties, so that the order is the same everywhere */
		all[*n].cost = cost_of(bill_of(m), level) + 1e-6 * k;
		++*n;
	}
	qsort(all, (size_t)*n, sizeof(*all), by_cost);
	return all;
}

void menu_release(struct dish *d, int n)
{
	for (int i = 0; i < n; i++)
		json_decref(d[i].actions);
	free(d);
}

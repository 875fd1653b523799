/*
 * menu: the cross product of a few remedies, by how involved they are.
 *
 * What is on it comes from what teams do (PaLM: back ~100 steps and skip 200-500 batches; GLM-130B,
 * OPT-175B: lower lr; SPAM: reset of the moments) and from what forks measured. "Lower lr for a
 * while, then back" is not on it (worth under .002 nats), nor a lower clip (nearly scale-free under
 * Adam).
 */
#include "menu.h"

#include <stdlib.h>
#include <string.h>

#include "io.h"

static const double lr_levels[] = {1, .5, .7, .3, .85, 1.5, 2, 1.25, .1};
static const char *const reset_levels[] = {"", "mv", "m", "v"};
static const int warmup_levels[] = {0, 100, 30};
static const double wd_levels[] = {1, 2, .5};

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))
#define SKIPS 4

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

static void cook(struct dish *d, const struct menu *m, const int level[6])
{
	long from = m->origins[level[0]].step, range[2];

	d->origin = level[0];
	d->actions = json_object();
	if (level[0] > 0)
		json_object_set_new(d->actions, "rewind", json_integer(from));
	if (skip_range(m, level[1], from, range))
		json_object_set_new(d->actions, "skip",
				    json_pack("[I,I]", (json_int_t)range[0], (json_int_t)range[1]));
	if (level[2])
		json_object_set_new(d->actions, "lr_scale", json_real(lr_levels[level[2]]));
	if (level[3])
		json_object_set_new(d->actions, "reset", json_string(reset_levels[level[3]]));
	if (level[4])
		json_object_set_new(d->actions, "lr_warmup", json_integer(warmup_levels[level[4]]));
	if (level[5])
		json_object_set_new(d->actions, "weight_decay_scale",
				    json_real(wd_levels[level[5]]));
	d->kind = level[2] || level[5] ? "persistent" : "restorative";
}

/* Each factor that is not at its first level costs 1, and a little more the further down its list
 * it is. */
static double cost_of(const int level[6])
{
	double cost = 0;

	for (int i = 0; i < 6; i++)
		if (level[i])
			cost += 1 + .1 * (level[i] - 1);
	/* going back is where most remedies begin */
	return level[0] ? cost - .6 : cost;
}

static int sensible(const struct menu *m, const int level[6])
{
	long range[2];

	if (level[0] == 0 && m->present_is_dead)
		return 0;
	if (warmup_levels[level[4]] > m->horizon / 2)
		return 0;
	if (level[1] && !skip_range(m, level[1], m->origins[level[0]].step, range))
		return 0;
	/* from the present, only batches still to come can be passed over */
	if (level[1] && level[0] == 0 && level[1] != 1)
		return 0;
	for (int i = 0; i < 6; i++)
		if (level[i])
			return 1;
	return 0;
}

static int by_cost(const void *a, const void *b)
{
	const struct dish *x = a, *y = b;

	return x->cost < y->cost ? -1 : x->cost > y->cost;
}

struct dish *menu_make(const struct menu *m, int *n)
{
	const int sizes[6] = {m->norigins,	    SKIPS,
			      COUNT(lr_levels),	    COUNT(reset_levels),
			      COUNT(warmup_levels), COUNT(wd_levels)};
	int level[6], total = 1;
	struct dish *all;

	for (int i = 0; i < 6; i++)
		total *= sizes[i];
	all = lc_xalloc((size_t)total, sizeof(*all));
	*n = 0;
	for (int k = 0; k < total; k++) {
		int rest = k;
		for (int i = 5; i >= 0; i--) {
			level[i] = rest % sizes[i];
			rest /= sizes[i];
		}
		if (!sensible(m, level))
			continue;
		cook(&all[*n], m, level);
		/* k breaks ties, so that the order is the same everywhere */
		all[*n].cost = cost_of(level) + 1e-6 * k;
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

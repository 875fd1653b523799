/*
 * confirm: the leader of the race is run again, on other data orders, and judged by these runs
 * alone (DESIGN section 8, truth 10).
 *
 * What led was chosen among K and is mostly lucky; its replicates were not chosen. So they need no
 * sharing out of alpha over the arms, and what they gain on average is unbiased. Each is compared
 * with a run of the same order that changes nothing: a null of the control's state, or a replicate
 * of the control.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "court.h"
#include "io.h"
#include "json.h"
#include "stat.h"

static long order_of(const struct future *f)
{
	return lc_json_get_int(f->actions, "reseed", 0);
}

static int is_replicate(const struct future *f, const struct future *of)
{
	return !f->parent && strcmp(f->role, "confirm") == 0 &&
	       strcmp(lc_json_get_str(f->rec, "of", ""), of->id) == 0;
}

/* The run from the control's state that changes nothing but the order, or NULL. */
static const struct future *twin(const struct court *c, long order)
{
	const struct future *of = c->control;

	for (int i = 0; i < c->ev->n; i++) {
		const struct future *f = &c->ev->f[i];
		if (order_of(f) != order)
			continue;
		if (is_replicate(f, of))
			return f;
		if (strcmp(f->role, "null") == 0 &&
		    json_equal(json_object_get(f->rec, "from"), json_object_get(of->rec, "from")))
			return f;
	}
	return NULL;
}

/* What one replicate gains over its twin, by a reading; -infinity when it diverged alone, NaN when
 * not read. */
static double pair_gain(const struct court *c, const struct future *f, int cool)
{
	const struct future *t = twin(c, order_of(f));
	double (*read)(const struct evidence *, const struct future *, enum metric) =
		cool ? read_cool : read_return;
	double x = read(c->ev, f, c->report), y = t ? read(c->ev, t, c->report) : NAN;

	return isinf(x) ? -INFINITY : y - x;
}

/* The mean of all replicates by a reading, and the least that it may be. */
static double weigh(const struct court *c, const struct future *f, int cool, int *n, double *lower)
{
	const struct spread *s = cool ? &c->report_noise.cool : &c->report_noise.ret;
	double sum = 0, gain;

	*n = 0;
	for (int i = 0; i < c->ev->n; i++) {
		if (!is_replicate(&c->ev->f[i], f))
			continue;
		gain = pair_gain(c, &c->ev->f[i], cool);
		if (isnan(gain))
			continue;
		sum += gain;
		(*n)++;
	}
	gain = *n ? sum / *n : NAN;
	*lower = s->df > 0 && isfinite(gain) ? gain - s->one * sqrt(2. / *n) * s->sd : gain;
	return gain;
}

static struct arm *leader(const struct court *c)
{
	struct arm *best = NULL;

	for (int i = 0; i < c->narms; i++) {
		struct arm *a = &c->arms[i];
		if (a->gain > c->rule->min_effect && !a->beyond &&
		    (!best || court_standing(c, a) > court_standing(c, best)))
			best = a;
	}
	return best;
}

static long steps_of(const struct future *f)
{
	const json_t *v;
	const char *kind;
	long steps = f->horizon;

	json_object_foreach(json_object_get(f->rec, "readout"), kind, v)
		steps += json_integer_value(v);
	return steps;
}

long court_spent(const struct court *c)
{
	long steps = 0;

	for (int i = 0; i < c->ev->n; i++)
		steps += lc_json_get_int(c->ev->f[i].result, "steps", 0);
	return steps;
}

/*
 * E max(0, gain - least effect) of the leader: its gain is normal about what is left of it after
 * shrinking by the spread of all arms' gains (empirical Bayes: as much of it is luck as of theirs).
 */
static double worth_of_knowing(const struct court *c, const struct arm *a)
{
	const struct spread *s = court_spread(&c->noise, a->f);
	double noise = 2 * s->sd * s->sd, square = 0, left, sd, z;
	int n = 0;

	if (!isfinite(a->gain))
		return INFINITY;
	for (int i = 0; i < c->narms; i++)
		if (isfinite(c->arms[i].gain)) {
			square += c->arms[i].gain * c->arms[i].gain;
			n++;
		}
	left = square / n;
	left = left > noise ? 1 - noise / left : 0;
	sd = sqrt(left * noise);
	z = sd > 0 ? (left * a->gain - c->rule->min_effect) / sd : 0;
	return sd * (z * lc_normal_cdf(z) + exp(-z * z / 2) / sqrt(2 * M_PI));
}

static void want(struct confirmation *k, const struct future *f, long order)
{
	json_t *rec = json_deep_copy(f->rec), *actions = json_object_get(rec, "actions");
	char *id = lc_path("%s-c%ld", f->id, order);

	json_object_set_new(rec, "branch", json_string(id));
	json_object_set_new(rec, "role", json_string("confirm"));
	json_object_set_new(rec, "of", json_string(f->id));
	json_object_set_new(rec, "order", json_integer(order));
	json_object_set_new(actions, "reseed", json_integer(order));
	json_array_append_new(k->wanted, rec);
	k->steps += steps_of(f);
	free(id);
}

static int taken(const struct court *c, const struct future *f, long order)
{
	for (int i = 0; i < c->ev->n; i++)
		if (is_replicate(&c->ev->f[i], f) && order_of(&c->ev->f[i]) == order)
			return 1;
	return 0;
}

/* The branches still to be run: orders that have a twin first, then new ones, with theirs. */
static void want_more(const struct court *c, struct confirmation *k)
{
	const struct future *f = k->leader->f;
	int more = c->rule->confirm - k->n;
	long last = 0;

	for (int i = 0; i < c->ev->n && more > 0; i++) {
		long order = order_of(&c->ev->f[i]);
		last = order > last ? order : last;
		if (order && !c->ev->f[i].parent && &c->ev->f[i] == twin(c, order) &&
		    !taken(c, f, order)) {
			want(k, f, order);
			more--;
		}
	}
	for (int i = 0; i < c->ev->n; i++)
		last = order_of(&c->ev->f[i]) > last ? order_of(&c->ev->f[i]) : last;
	for (; more > 0; more--) {
		want(k, f, ++last);
		want(k, c->control, last);
	}
}

/* Are the runs that are wanted worth their price, and within the budget? */
static void price(const struct court *c, struct confirmation *k)
{
	double cost = (double)k->steps * c->rule->price * c->worth;
	double worth = worth_of_knowing(c, k->leader);

	if (c->rule->max_cost > 0 && court_spent(c) + k->steps > c->rule->max_cost)
		k->too_dear = "the budget of steps does not allow it";
	else if (cost > worth)
		k->too_dear = "that costs more than it is worth to know";
}

struct arm *confirm(const struct court *c, struct confirmation *k)
{
	double cool, lower;
	int n;

	memset(k, 0, sizeof(*k));
	k->leader = leader(c);
	if (!k->leader || k->leader->law)
		return k->leader && k->leader->passes ? k->leader : NULL;
	k->gain = weigh(c, k->leader->f, 0, &k->n, &k->lower);
	if (is_persistent(k->leader->f)) {
		cool = weigh(c, k->leader->f, 1, &n, &lower);
		k->n = n < k->n ? n : k->n;
		k->gain = fmin(k->gain, cool);
		k->lower = fmin(k->lower, lower);
	}
	k->gain -= k->leader->charge;
	k->lower -= k->leader->charge;
	if (k->n >= c->rule->confirm || isinf(k->gain))
		return k->lower > c->rule->min_effect ? k->leader : NULL;
	k->wanted = json_array();
	want_more(c, k);
	price(c, k);
	return NULL;
}

void confirm_release(struct confirmation *k)
{
	json_decref(k->wanted);
	k->wanted = NULL;
}

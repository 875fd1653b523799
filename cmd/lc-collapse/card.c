/* card: see card.h. */
#include "card.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "json.h"

/* Which factors it changes: rewind, skip, reset, lr down or up, the rest. */
static void classify(const struct future *f, char class[24])
{
	double scale = lc_json_get_num(f->actions, "lr_scale", 1) /
		       lc_json_get_num(json_object_get(f->rec, "base"), "lr_scale", 1);
	int rest = json_object_get(f->actions, "weight_decay_scale") ||
		   json_object_get(f->actions, "batch_scale") ||
		   json_object_get(f->actions, "beta2") || json_object_get(f->actions, "clip");

	snprintf(class, 24, "%s%s%s%s%s%s", json_object_get(f->actions, "rewind") ? "w" : "",
		 json_object_get(f->actions, "skip") ? "s" : "",
		 json_object_get(f->actions, "reset") ? "r" : "",
		 scale < 1   ? "d"
		 : scale > 1 ? "u"
			     : "",
		 json_object_get(f->actions, "lr_warmup") ? "p" : "", rest ? "x" : "");
}

/* Forecast loss at the end, plus what a likely divergence costs; lower is better. */
static double score_of(const struct future *f, double *sd)
{
	const json_t *end = json_object_get(f->forecast, "end");
	double mean;

	if (!end)
		end = json_object_get(f->forecast, "final");
	mean = lc_json_get_num(end, "mean", 0);
	*sd = lc_json_get_num(end, "sd", 0);
	*sd = *sd > 0 && isfinite(*sd) ? *sd : 0;
	return isfinite(mean) ? mean + lc_json_get_num(f->forecast, "diverge", 0) : INFINITY;
}

/* What a future and its readings take, in steps. */
static long steps_of(const struct future *f)
{
	const json_t *readout = json_object_get(f->rec, "readout");

	return f->horizon + lc_json_get_int(readout, "return", 0) +
	       (is_persistent(f) ? lc_json_get_int(readout, "cool", 0) : 0);
}

/* Its steps, and those of the branches that repeat it; what no arm owns is taken from the room. */
static void count_costs(struct card *c, const struct evidence *ev)
{
	for (int i = 0; i < ev->n; i++) {
		const struct future *f = &ev->f[i], *of;
		long steps = steps_of(f);

		of = evidence_find(ev, lc_json_get_str(f->rec, "of", NULL));
		of = strcmp(f->role, "arm") == 0 ? f : of;
		if (of && strcmp(of->role, "arm") == 0)
			c->cost[of - ev->f] += steps;
		else
			c->room -= steps;
	}
}

void card_deal(struct card *c, const struct evidence *ev, long max_cost, long total)
{
	const struct future *control = evidence_role(ev, "control");
	double end = INFINITY, sd = 0;

	*c = (struct card){.room = max_cost > 0 ? max_cost : LONG_MAX / 2, .total = total};
	if (control && control->forecast)
		end = score_of(control, &sd);
	c->cost = lc_xalloc((size_t)ev->n, sizeof(*c->cost));
	count_costs(c, ev);
	c->bet = lc_xalloc((size_t)ev->n, sizeof(*c->bet));
	c->kept = lc_xalloc((size_t)ev->n, 1);
	c->why = lc_xalloc((size_t)ev->n, sizeof(*c->why));
	for (int i = 0; i < ev->n; i++) {
		const struct future *f = &ev->f[i];
		struct bet *b = &c->bet[c->n];
		double was = lc_json_get_num(json_object_get(f->rec, "base"), "lr_scale", 1);

		if (strcmp(f->role, "arm") != 0)
			continue;
		c->n++;
		c->forecasts += f->forecast != NULL;
		b->index = i;
		b->mean = score_of(f, &b->sd);
		if (!f->forecast && isfinite(end)) /* nothing is known against it, nor for it */
			b->mean = end;
		b->lnlr = log(fmax(lc_json_get_num(f->actions, "lr_scale", was) / was, 1e-9));
		classify(f, b->class);
	}
	chance_init(&c->chance, c->bet, c->n, end, sd);
}

void card_release(struct card *c)
{
	chance_release(&c->chance);
	free(c->bet);
	free(c->kept);
	free(c->why);
	free(c->cost);
}

/* The plain sibling that an arm must be compared with, where it is an arm that is not kept yet. */
static int sibling_of(const struct evidence *ev, const struct card *c, int i)
{
	const struct future *s = is_persistent(&ev->f[i]) ? evidence_sibling(ev, &ev->f[i]) : NULL;

	return s && strcmp(s->role, "arm") == 0 && !c->kept[s - ev->f] ? (int)(s - ev->f) : -1;
}

/* Is enough of the run left to read it? A cooldown and a return are read side by side. */
static int fits(const struct card *c, const struct future *f)
{
	const json_t *readout = json_object_get(f->rec, "readout");
	long back = lc_json_get_int(readout, "return", 0);
	long cool = is_persistent(f) ? lc_json_get_int(readout, "cool", 0) : 0;

	return c->total == 0 || f->from_step + f->horizon + (cool > back ? cool : back) <= c->total;
}

static int may(const struct evidence *ev, const struct card *c, int i)
{
	int s = sibling_of(ev, c, i);

	return !c->kept[i] && fits(c, &ev->f[i]) &&
	       c->cost[i] + (s >= 0 ? c->cost[s] : 0) <= c->room;
}

static void keep(struct card *c, int i, const char *why)
{
	c->kept[i] = 1;
	c->room -= c->cost[i];
	snprintf(c->why[i], sizeof(c->why[i]), "%s", why);
	for (int k = 0; k < c->n; k++)
		if (c->bet[k].index == i)
			chance_take(&c->chance, k);
}

/* Keep an arm, and with it its plain sibling. The number newly kept. */
static int take(const struct evidence *ev, struct card *c, int at, const char *why)
{
	int i = c->bet[at].index, s = sibling_of(ev, c, i);
	char other[96];

	keep(c, i, why);
	if (s < 0)
		return 1;
	snprintf(other, sizeof(other), "%.60s is compared with it", ev->f[i].id);
	keep(c, s, other);
	return 2;
}

/*
 * The kinds of remedy, in the order in which practice and measured forks support them: back and
 * skip (PaLM, GLM-130B), back with a lower lr (OPT-175B), skip what is still to come, a reset of
 * the moments (SPAM), then a higher lr (recovery is limited by lr), warm-ups, and other lasting
 * changes. Classes not named come after these.
 */
static const char *const kinds[] = {"ws", "wd", "s",  "r", "wsd", "d", "wr",
				    "u",  "w",	"wu", "p", "wp",  "x", "wx"};

static int take_best_of(const struct evidence *ev, struct card *c, const char *kind)
{
	char why[96];
	int best = -1;

	for (int i = 0; i < c->n; i++) {
		if (strcmp(c->bet[i].class, kind) != 0)
			continue;
		if (c->kept[c->bet[i].index])
			return 0;
		if (!may(ev, c, c->bet[i].index))
			continue;
		/* of equals the simpler: the plan's own order */
		if (best < 0 || c->bet[i].mean < c->bet[best].mean)
			best = i;
	}
	if (best < 0)
		return 0;
	snprintf(why, sizeof(why), "%s of its kind",
		 c->forecasts ? "the best forecast" : "the first");
	return take(ev, c, best, why);
}

/* The arm that adds most; of those that add nothing, the best forecast. */
static int take_next(const struct evidence *ev, struct card *c)
{
	char why[96];
	double adds, most = -1;
	int best = -1;

	for (int i = 0; i < c->n; i++) {
		if (!may(ev, c, c->bet[i].index))
			continue;
		adds = chance_adds(&c->chance, i);
		if (best < 0 || adds > most ||
		    (adds == most && c->bet[i].mean < c->bet[best].mean)) {
			best = i;
			most = adds;
		}
	}
	if (best < 0)
		return 0;
	snprintf(why, sizeof(why), "adds %.2g to the best that is expected of those kept", most);
	return take(ev, c, best, why);
}

/* Why an arm was not kept. */
static void explain_drop(const struct evidence *ev, struct card *c, int at)
{
	const struct bet *b = &c->bet[at], *like = NULL;
	char *why = c->why[b->index];
	size_t size = sizeof(c->why[0]);

	for (int i = 0; i < c->n; i++)
		if (c->kept[c->bet[i].index] && chance_alike(b, &c->bet[i]) > .4 &&
		    (!like || chance_alike(b, &c->bet[i]) > chance_alike(b, like)))
			like = &c->bet[i];
	if (!fits(c, &ev->f[b->index]))
		snprintf(why, size, "the run ends before it could be read");
	else if (!may(ev, c, b->index))
		snprintf(why, size, "the steps allowed are spent");
	else if (isinf(b->mean))
		snprintf(why, size, "it has no forecast that is a number");
	else if (like)
		snprintf(why, size, "like %.60s, which is kept", ev->f[like->index].id);
	else
		snprintf(why, size, "no room: it would add %.2g", chance_adds(&c->chance, at));
}

int card_choose(struct card *c, const struct evidence *ev, int most)
{
	int left = most, n = 1, kept = 0;

	/* what undoes a cause that stays: no forecast knows what it is worth */
	for (int i = 0; i < c->n && left > 0; i++)
		if (json_object_get(ev->f[c->bet[i].index].rec, "undoes"))
			left -= take(ev, c, i, "it undoes a cause that stays");
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]) && left > 0; k++)
		left -= take_best_of(ev, c, kinds[k]);
	for (; left > 0 && n > 0; left -= n)
		n = take_next(ev, c);
	for (int i = 0; i < c->n; i++)
		if (c->kept[c->bet[i].index])
			kept++;
		else
			explain_drop(ev, c, i);
	return kept;
}

/* A branch that repeats an arm over another order goes where the arm goes. */
int card_repeats_dropped(const struct card *c, const struct evidence *ev, const struct future *f)
{
	const struct future *of = evidence_find(ev, lc_json_get_str(f->rec, "of", NULL));

	return of && strcmp(of->role, "arm") == 0 && !c->kept[of - ev->f];
}

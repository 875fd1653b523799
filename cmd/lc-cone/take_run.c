/* take_run: what is said of the run itself: its steps, its index, that it was gone back. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "take.h"

#define SIGNALS 48 /* kept of an index record */

/* What a curve has from x on is drawn apart from now on. */
static void leave(struct cone *c, size_t of, struct series *s, double x)
{
	struct series gone = {0};
	size_t from = series_from(s, x);

	for (size_t i = from; i < s->n; i++)
		series_add(&gone, s->x[i], s->y[i]);
	s->n = from;
	if (gone.n < 2) {
		series_release(&gone);
		return;
	}
	c->left = lc_xrealloc(c->left, c->nleft + 1, sizeof(*c->left));
	c->left[c->nleft++] = (struct left){of, gone};
}

/* The run went back to before x. */
static void go_back(struct cone *c, double x)
{
	for (size_t k = 0; k < CURVES; k++)
		if (k != INDEX || c->index == JUDGED)
			leave(c, k, &c->c[k], x);
	for (size_t k = 0; k < c->nsig && c->index == JUDGED; k++)
		leave(c, CURVES + k, &c->sig[k].s, x);
}

static void put(struct series *s, const struct lc_step *st, enum lc_metric m)
{
	if (lc_step_has(st, m))
		series_put(s, (double)st->step, st->v[m]);
}

static int same(double a, double b)
{
	return a == b || (isnan(a) && isnan(b));
}

/* The run's curves came out of index records so far: the step records themselves say more. */
static void forget_metrics(struct cone *c)
{
	size_t kept = 0;

	c->by_index = 0;
	for (int k = 0; k < INDEX; k++)
		c->c[k].n = 0;
	for (size_t i = 0; i < c->nleft; i++)
		if (c->left[i].of < INDEX)
			series_release(&c->left[i].s);
		else
			c->left[kept++] = c->left[i];
	c->nleft = kept;
}

/* 1, or 0 when it is there already. */
static int take_run_step(struct cone *c, const struct lc_step *st)
{
	static const enum lc_metric metric[] = {LC_LOSS,   LC_VAL_LOSS, LC_GRAD_NORM, LC_LR,
						LC_REWARD, LC_KL,	LC_ENTROPY};
	int lead = c->c[LOSS].n || lc_step_has(st, LC_LOSS) ? LOSS : REWARD; /* says where it is */
	const struct series *s = &c->c[lead];

	if (lc_step_has(st, metric[lead]) && s->n && (double)st->step <= s->x[s->n - 1]) {
		size_t at = series_from(s, (double)st->step);
		if (s->x[at] == (double)st->step && same(s->y[at], st->v[metric[lead]]))
			return 0; /* the same record from another file */
		go_back(c, (double)st->step);
	}
	for (int k = LOSS; k <= ENTROPY; k++)
		put(&c->c[k], st, metric[k]);
	return 1;
}

void run_step(struct cone *c, const struct lc_step *st)
{
	if (c->by_index)
		forget_metrics(c);
	c->stepped = 1;
	if (take_run_step(c, st))
		judge_step(c, st);
}

void run_rewind(struct cone *c, double to)
{
	if (!(to >= 0 && to < 1e15))
		return;
	go_back(c, to);
	judge_rewind(c, (long)to);
}

/* The signal of that name; at: where it is likely. NULL: there are too many. */
static struct series *signal_of(struct cone *c, const char *name, size_t at)
{
	if (at < c->nsig && strcmp(c->sig[at].name, name) == 0)
		return &c->sig[at].s;
	for (size_t i = 0; i < c->nsig; i++)
		if (strcmp(c->sig[i].name, name) == 0)
			return &c->sig[i].s;
	if (c->nsig == SIGNALS)
		return NULL;
	c->sig = lc_xrealloc(c->sig, c->nsig + 1, sizeof(*c->sig));
	c->sig[c->nsig] = (struct signal){lc_path("%s", name), {0}};
	return &c->sig[c->nsig++].s;
}

void cone_signal(struct cone *c, const char *name, size_t at, double x, double y)
{
	struct series *s = isnan(y) ? NULL : signal_of(c, name, at);

	if (s)
		series_put(s, x, y);
}

/* What an index record's step logged, where the step records are not there. */
void run_metrics(struct cone *c, const struct lc_step *st)
{
	if (c->stepped)
		return;
	c->by_index = 1;
	take_run_step(c, st);
}

void run_index(struct cone *c, double step, double y)
{
	if (c->index != TOLD)
		judge_end(c);
	c->index = TOLD;
	if (c->c[INDEX].n && step <= series_end(&c->c[INDEX])) {
		leave(c, INDEX, &c->c[INDEX], step);
		for (size_t k = 0; k < c->nsig; k++)
			leave(c, CURVES + k, &c->sig[k].s, step);
	}
	series_put(&c->c[INDEX], step, y);
}

/* held: see held.h. */
#include "held.h"

#include <math.h>
#include <string.h>

#include "io.h"

#define PIECE_TOL .05

static int is_known(const struct lc_past *past, int series, int besides, long from,
		    enum lc_held_which which)
{
	const struct lc_series *s = &past->series[series];

	if (series == besides || s->parent != 0 || !s->n || which == LC_HELD_NONE)
		return 0;
	return s->row[s->n - 1].step <= from ||
	       (which == LC_HELD_SIBLINGS && lc_series_from(s) == from);
}

void lc_held_known(const struct lc_past *past, int besides, long from, enum lc_held_which which,
		   struct lc_past *out)
{
	lc_past_init(out);
	out->setup = past->setup;
	for (int i = 0; i < past->n; i++) {
		const struct lc_series *s = &past->series[i];
		struct lc_series *t;
		if (i && !is_known(past, i, besides, from, which))
			continue;
		if (i) {
			out->series = lc_xrealloc(out->series, (size_t)out->n + 1, sizeof(*t));
			out->n++;
		}
		t = &out->series[out->n - 1];
		*t = *s;
		while (t->n && t->row[t->n - 1].step > from && !(i == 0 && from == 0) &&
		       !(i && lc_series_from(s) == from))
			t->n--;
	}
}

void lc_held_known_release(struct lc_past *known)
{
	for (int i = 0; i < known->n; i++)
		known->series[i].row = NULL;
	lc_past_release(known);
}

void lc_held_without(const struct lc_law_model *m, const char *name, int far,
		     struct lc_law_model *out)
{
	double lr = NAN;

	memset(out, 0, sizeof(*out));
	for (int i = 0; i < m->n; i++)
		if (strcmp(m->member[i].name, name) == 0)
			lr = m->member[i].run.x[0];
	out->member = lc_xalloc((size_t)m->n + 1, sizeof(*out->member));
	for (int i = 0; i < m->n; i++)
		if (far ? !(fabs(m->member[i].run.x[0] - lr) < .05)
			: strcmp(m->member[i].name, name) != 0)
			out->member[out->n++] = m->member[i];
}

static void take_values(struct lc_held *h, const struct lc_law *law, const struct lc_series *s,
			double until, int points)
{
	double after = h->from > 0 ? h->from : law->last / 20;
	long n = 0, k = 0, stride = 1;

	for (int pass = 0; pass < 2; pass++) {
		for (long i = 0; i < s->n; i++) {
			double y = law->metric == LC_VAL_LOSS ? s->row[i].val_loss : s->row[i].loss;
			double at = (double)s->row[i].step;
			if (!isfinite(y) || at < after + 1 || at > until)
				continue;
			n += !pass;
			if (!pass || k++ % stride || h->n == points)
				continue;
			h->at[h->n] = at;
			h->y[h->n++] = y;
		}
		stride = (n + points - 1) / points;
	}
}

static void roll(struct lc_held *h, const struct lc_law *law)
{
	struct lc_lrpath ahead;
	struct lc_modes start;
	double out[LC_POINTS];

	lc_lrpath_init(&ahead);
	lc_lrpath_add(&ahead, 1, lc_lrpath_at(&h->path, h->from + 1));
	for (int i = 0; i < h->path.n; i++)
		if (h->path.at[i] > h->from + 1)
			lc_lrpath_add(&ahead, h->path.at[i] - h->from, h->path.lr[i]);
	for (int i = 0; i < h->n; i++)
		out[i] = h->at[i] - h->from;
	lc_law_modes(law, 0, h->from, &start);
	struct lc_rollout_branch br = {.start = &start,
				       .from = h->from,
				       .scale = 1,
				       .npoint = ahead.n,
				       .nout = h->n,
				       .at = ahead.at,
				       .eta = ahead.lr,
				       .out = out,
				       .mean = h->mean,
				       .sd = h->sd};
	lc_rollout_cpu(&law->basis, &law->post, PIECE_TOL, &br, 1, NULL);
	for (int i = 0; i < h->n; i++)
		h->sd[i] = hypot(h->sd[i], law->noise);
	lc_lrpath_release(&ahead);
}

void lc_held_roll(struct lc_held *h, const struct lc_law *law, const struct lc_past *past,
		  int series, double from, double until, int points)
{
	memset(h, 0, sizeof(*h));
	h->from = from;
	if (!(law->eta_ref > 0))
		return;
	lc_past_lrpath(past, series, -1, &h->path);
	for (int k = 0; k < h->path.n; k++)
		h->path.lr[k] /= law->eta_ref;
	if (h->path.n == 0)
		return;
	take_values(h, law, &past->series[series], until, points < LC_POINTS ? points : LC_POINTS);
	if (h->n)
		roll(h, law);
}

void lc_held_release(struct lc_held *h)
{
	lc_lrpath_release(&h->path);
}

/* held: see held.h. */
#include "held.h"

#include <math.h>
#include <string.h>

#include "io.h"

#define PIECE_TOL .05
enum { MOST_BRANCHES = 12, MOST_OWN = 8, LEAST_PAST = 8 };

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

/* Fit what was known and let it be heard; a past that tells nothing is passed over. */
static void hold_out(struct lc_held_fold f, enum lc_held_which which, double total,
		     const struct lc_law_model *model, lc_held_fn *fn, void *ctx)
{
	struct lc_past known;
	struct lc_law law;
	int enough;

	lc_held_known(f.past, f.series, (long)f.from, which, &known);
	enough = f.own ? known.series[0].n >= LEAST_PAST : f.kind != LC_CALIB_OWN || known.n > 1;
	if (enough && lc_law_fit_once(&law, &known, total, model, NULL) == 0) {
		f.law = &law;
		f.known = &known;
		if (law.eta_ref > 0)
			fn(ctx, &f);
		lc_law_release(&law);
	}
	lc_held_known_release(&known);
}

static void hold_run(const struct lc_law_model *model, const struct lc_past *past, int group,
		     int kind, lc_held_fn *fn, void *ctx)
{
	int all = past->n - 1, stride = (all + MOST_BRANCHES - 1) / MOST_BRANCHES;
	struct lc_held_fold f = {.past = past, .group = group, .kind = kind, .until = INFINITY};

	for (int s = 1; s <= all; s += stride) {
		if (past->series[s].parent != 0)
			continue;
		f.series = s;
		f.from = (double)lc_series_from(&past->series[s]);
		hold_out(f, kind == LC_CALIB_OWN ? LC_HELD_ENDED : LC_HELD_NONE, 0,
			 model->n ? model : NULL, fn, ctx);
	}
}

void lc_held_runs(const struct lc_law_model *model, const struct lc_pupil *run, int n,
		  lc_held_fn *fn, void *ctx)
{
	for (int r = 0; r < n; r++)
		for (int kind = 0; kind < LC_CALIBS; kind++) {
			struct lc_law_model rest;
			lc_held_without(model, run[r].name, kind == LC_CALIB_FAR, &rest);
			hold_run(&rest, run[r].past, r, kind, fn, ctx);
			lc_model_release(&rest);
		}
}

int lc_held_own(const struct lc_law *law, const struct lc_past *past, double total,
		const struct lc_law_model *model, lc_held_fn *fn, void *ctx)
{
	static const double origin[] = {.5, .65, .8};
	double clean = fmin((double)lc_past_clean(past), law->last);
	struct lc_held_fold f = {.past = past, .own = 1, .kind = LC_CALIB_FAR, .until = clean};

	if (!(law->eta_ref > 0))
		return 0;
	for (size_t i = 0; i < sizeof(origin) / sizeof(*origin); i++, f.group++) {
		f.from = floor(origin[i] * law->last);
		hold_out(f, LC_HELD_ENDED, total, model, fn, ctx);
	}
	f.until = INFINITY;
	for (f.series = past->n - 1; f.series > 0 && f.group < MOST_OWN; f.series--) {
		f.from = (double)lc_series_from(&past->series[f.series]);
		if (past->series[f.series].parent == 0 && f.from <= (double)lc_past_clean(past)) {
			hold_out(f, LC_HELD_SIBLINGS, total, model, fn, ctx);
			f.group++;
		}
	}
	return f.group;
}

/* draw_fork: the branches of a fork over what was forecast of them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "figure.h"
#include "io.h"
#include "json.h"

#define BANDS 4	  /* forecasts drawn one by one */
#define LABELS 14 /* branches named at their ends */

struct label {
	double y, end; /* where the name goes; where the curve ends, pixels from the figure's top */
	const struct branch *b;
};

static int by_place(const void *a, const void *b)
{
	double x = ((const struct label *)a)->y, y = ((const struct label *)b)->y;

	return x < y ? -1 : x > y;
}

/* Ascending places, none nearer than a line to the next, none below the bottom. */
static void spread(struct label *l, size_t n, double bottom)
{
	for (size_t i = 1; i < n; i++)
		l[i].y = fmax(l[i].y, l[i - 1].y + 11);
	for (size_t i = n; i-- > 0; bottom = l[i].y - 11)
		l[i].y = fmin(l[i].y, bottom);
}

/* Where a branch is last seen: at the end of its return, if it has one. */
static double last_seen(const struct fork *k, const struct branch *b)
{
	char *id = lc_path("%s.return", b->id);
	const struct branch *back = fork_find(k, id, strlen(id));

	free(id);
	if (back && branch_curve(back)->n)
		return series_last(branch_curve(back));
	return series_last(branch_curve(b));
}

/* The names of the best, at the height where they end, kept apart. */
static void put_labels(const struct figure *g, const struct axis *y, const struct fork *k)
{
	struct label l[LABELS];
	const struct branch **rank;
	size_t ranked, n = 0;

	rank = fork_ranked(k, &ranked);
	for (size_t i = 0; i < ranked && n < LABELS; i++) {
		double v = branch_curve(rank[i])->n ? last_seen(k, rank[i]) : NAN;
		double down = fmax(0, fmin(panel_down(y, v), y->size)) + g->top;
		if (isfinite(v))
			l[n++] = (struct label){down + 4, down, rank[i]};
	}
	free(rank);
	qsort(l, n, sizeof(*l), by_place);
	spread(l, n, g->top + y->size + 4);
	for (size_t i = 0; i < n; i++) {
		const char *role = l[i].b->role ? l[i].b->role : "";
		fprintf(g->f,
			"<path class=\"leader\" d=\"M%.0f,%.1fl6,%.1f\"/>"
			"<text class=\"label %s\" x=\"%.0f\" y=\"%.1f\">",
			g->left + g->x.size, l[i].end, l[i].y - 4 - l[i].end,
			l[i].b->chosen		       ? "chosen"
			: strcmp(role, "control") == 0 ? "control"
						       : "",
			g->left + g->x.size + 8, l[i].y);
		put_text(g->f, l[i].b->id);
		if (!g->narrow && (l[i].b->chosen || strcmp(role, "control") == 0))
			fputs(l[i].b->chosen ? ", chosen" : ", left alone", g->f);
		fputs("</text>\n", g->f);
	}
}

/* What the fork's picture spans: a fifth more to the left, to see where it came from. */
static int fork_span(const struct fork *k, const struct series *mid, double *x0, double *x1)
{
	*x0 = INFINITY;
	*x1 = -INFINITY;
	for (size_t i = 0; i < k->n; i++) {
		const struct series *s = branch_curve(&k->b[i]);
		if (!s->n)
			s = &mid[i];
		if (s->n) {
			*x0 = fmin(*x0, s->x[0]);
			*x1 = fmax(*x1, s->x[s->n - 1]);
		}
	}
	*x0 -= (*x1 - *x0) / 5;
	return *x1 > *x0;
}

static void put_forecasts(const struct figure *g, const struct axis *y, const struct fork *k)
{
	size_t ranked, n = 0;
	const struct branch **rank = fork_ranked(k, &ranked);

	put_cone(g, y, k);
	for (size_t i = 0; i < ranked && n < BANDS; i++)
		if (rank[i]->forecast) {
			put_band(g, y, rank[i]);
			n++;
		}
	free(rank);
}

static void put_panel(struct figure *g, const struct cone *c, const struct fork *k,
		      const struct axis *y, const char *name)
{
	const struct series *past = c->c[VAL].n ? &c->c[VAL] : &c->c[LOSS];

	figure_open(g, 8 + y->size + GAP + FOOT, "The fork: its branches over their forecasts");
	panel_open(g, y, name);
	put_forecasts(g, y, k);
	put_alerts(g, y, c);
	put_curve(g, y, past, g->points, "loss");
	put_branches(g, y, k, g->narrow ? 8000 : 24000, g->narrow ? 150 : 400);
	panel_close(g, y, name);
	put_labels(g, y, k);
	panel_next(g, y);
	figure_close(g);
}

int draw_fork(FILE *f, const struct cone *c, const struct fork *k, int narrow)
{
	struct figure g = figure_of(f, narrow, narrow ? 62 : 118);
	const struct series **all = lc_xalloc(k->n + 1, sizeof(*all));
	struct series *mid = lc_xalloc(k->n + 1, sizeof(*mid));
	struct axis y = {.size = narrow ? 260 : 340};
	size_t ran = 0;
	int held_out = 0, some;

	for (size_t i = 0; i < k->n; i++)
		mid[i] = forecast_quantile(k->b[i].forecast, "q50");
	for (size_t i = 0; i < k->n; i++) {
		all[ran] = branch_curve(&k->b[i]);
		held_out |= all[ran] == &k->b[i].val && all[ran]->n;
		ran += all[ran]->n > 0;
	}
	for (size_t i = 0; i < k->n && ran == 0; i++)
		all[i] = &mid[i];
	some = fork_span(k, mid, &g.x.lo, &g.x.hi);
	if (some) {
		/* what matters is where they end, not the fall from a spike */
		axis_fit(&y, all, ran ? ran : k->n, g.x.lo + (g.x.hi - g.x.lo) * .4, g.x.hi);
		put_panel(&g, c, k, &y, held_out ? "held-out loss" : "loss");
	}
	for (size_t i = 0; i < k->n; i++)
		series_release(&mid[i]);
	free(mid);
	free(all);
	return some;
}

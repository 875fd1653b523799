/* draw_fork: the branches of a fork over what was forecast of them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "figure.h"
#include "io.h"
#include "json.h"

#define FORK_RIGHT 74.0 /* room for names */

static const char *class_of(const struct branch *b)
{
	const char *status = b->status ? b->status : "", *role = b->role ? b->role : "arm";

	if (b->chosen)
		return "b chosen";
	if (strcmp(status, "void") == 0 || strcmp(status, "failed") == 0 ||
	    strcmp(status, "killed") == 0)
		return "b gone";
	if (branch_arm(b))
		return "b readout";
	return strcmp(role, "control") == 0				  ? "b control"
	       : strcmp(role, "null") == 0 || strcmp(role, "jitter") == 0 ? "b null"
									  : "b arm";
}

static void put_branch(const struct figure *g, const struct axis *y, const struct fork *k,
		       const struct branch *b, size_t points)
{
	const struct series *s = branch_curve(b);
	struct series thin;
	char *words;

	if (s->n == 0)
		return;
	words = branch_words(b);
	series_thin(s, points, &thin);
	fprintf(g->f, "<path class=\"%s\" data-b=\"", class_of(b));
	put_text(g->f, k->id);
	putc('/', g->f);
	put_text(g->f, b->id);
	fputs("\" d=\"", g->f);
	put_points(g, y, &thin);
	fputs("\"><title>", g->f);
	put_text(g->f, b->id);
	fputs(": ", g->f);
	put_text(g->f, words);
	fputs("</title></path>\n", g->f);
	series_release(&thin);
	free(words);
}

/* The chosen last, over the others. */
void put_branches(const struct figure *g, const struct axis *y, const struct fork *k, size_t budget,
		  size_t most)
{
	size_t points = k->n ? budget / k->n : 0;

	points = points < 12 ? 12 : points > most ? most : points;
	for (int chosen = 0; chosen < 2; chosen++)
		for (size_t i = 0; i < k->n; i++)
			if (k->b[i].chosen == chosen)
				put_branch(g, y, k, &k->b[i], points);
}

/* A forecast's quantile as a curve; empty when the record has none. */
static struct series quantile(const json_t *forecast, const char *q)
{
	const json_t *steps = json_object_get(forecast, "steps"),
		     *v = json_object_get(json_object_get(forecast, "loss"), q);
	struct series s = {0};
	double x, y;

	for (size_t i = 0; i < json_array_size(steps) && i < json_array_size(v); i++)
		if (lc_json_to_num(json_array_get(steps, i), &x) == 0 &&
		    lc_json_to_num(json_array_get(v, i), &y) == 0 && isfinite(y) &&
		    (s.n == 0 || x > s.x[s.n - 1]))
			series_add(&s, x, y);
	return s;
}

static void put_band(const struct figure *g, const struct axis *y, const struct branch *b)
{
	struct series lo = quantile(b->forecast, "q05"), mid = quantile(b->forecast, "q50"),
		      hi = quantile(b->forecast, "q95");

	if (lo.n > 1 && lo.n == hi.n) {
		fputs("<path class=\"band\" d=\"", g->f);
		put_points(g, y, &hi);
		for (size_t i = lo.n; i-- > 0;)
			fprintf(g->f, " %.1f,%.1f", axis_at(&g->x, lo.x[i]),
				panel_down(y, lo.y[i]));
		fputs("z\"/>\n", g->f);
	}
	put_curve(g, y, &mid, 64, "median");
	series_release(&lo);
	series_release(&mid);
	series_release(&hi);
}

static double at_step(const struct series *s, double x)
{
	size_t i = series_from(s, x);

	if (s->n == 0 || x < s->x[0] || i >= s->n)
		return NAN;
	if (i == 0 || s->x[i] == x)
		return s->y[i];
	return s->y[i - 1] + (s->y[i] - s->y[i - 1]) * (x - s->x[i - 1]) / (s->x[i] - s->x[i - 1]);
}

#define CONE_POINTS 48

/* All forecasts of a fork as one: from the least to the greatest that any of them allows. */
void put_cone(const struct figure *g, const struct axis *y, const struct fork *k)
{
	struct series lo = {0}, hi = {0}, *q = lc_xalloc(2 * k->n + 1, sizeof(*q));
	double from = INFINITY, to = -INFINITY;

	for (size_t i = 0; i < k->n; i++) {
		q[2 * i] = quantile(k->b[i].forecast, "q05");
		q[2 * i + 1] = quantile(k->b[i].forecast, "q95");
		if (q[2 * i].n) {
			from = fmin(from, q[2 * i].x[0]);
			to = fmax(to, q[2 * i].x[q[2 * i].n - 1]);
		}
	}
	for (int p = 0; to > from && p < CONE_POINTS; p++) {
		double x = from + (to - from) * p / (CONE_POINTS - 1), least = NAN, most = NAN;
		for (size_t i = 0; i < k->n; i++) {
			least = fmin(least, at_step(&q[2 * i], x));
			most = fmax(most, at_step(&q[2 * i + 1], x));
		}
		if (isfinite(least) && isfinite(most)) {
			series_add(&lo, x, least);
			series_add(&hi, x, most);
		}
	}
	if (lo.n > 1) {
		fputs("<path class=\"cone\" d=\"", g->f);
		put_points(g, y, &hi);
		for (size_t i = lo.n; i-- > 0;)
			fprintf(g->f, " %.1f,%.1f", axis_at(&g->x, lo.x[i]),
				panel_down(y, lo.y[i]));
		fputs("z\"><title>the cone of forecasts, 5 to 95 %</title></path>\n", g->f);
	}
	for (size_t i = 0; i < 2 * k->n; i++)
		series_release(&q[i]);
	free(q);
	series_release(&lo);
	series_release(&hi);
}

#define BANDS 5	  /* forecasts drawn one by one */
#define LABELS 14 /* branches named at their ends */

struct label {
	double y;
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

/* The names of the best, at the height where they end, kept apart. */
static void put_labels(const struct figure *g, const struct axis *y, const struct fork *k)
{
	struct label l[LABELS];
	const struct branch **rank;
	size_t ranked, n = 0;

	rank = fork_ranked(k, &ranked);
	for (size_t i = 0; i < ranked && n < LABELS; i++) {
		const struct series *s = branch_curve(rank[i]);
		if (s->n && isfinite(s->y[s->n - 1]))
			l[n++] =
				(struct label){g->top + panel_down(y, s->y[s->n - 1]) + 4, rank[i]};
	}
	free(rank);
	qsort(l, n, sizeof(*l), by_place);
	spread(l, n, g->top + y->size + 4);
	for (size_t i = 0; i < n; i++) {
		fprintf(g->f, "<text class=\"label %s\" x=\"%.0f\" y=\"%.1f\">",
			l[i].b->chosen ? "chosen" : "", LEFT + g->x.size + 6, l[i].y);
		put_text(g->f, l[i].b->id);
		fputs("</text>\n", g->f);
	}
}

/* What the fork's picture spans: a fifth more to the left, to see where it came from. */
static int fork_span(const struct fork *k, double *x0, double *x1)
{
	*x0 = INFINITY;
	*x1 = -INFINITY;
	for (size_t i = 0; i < k->n; i++) {
		const struct series *s = branch_curve(&k->b[i]);
		if (s->n) {
			*x0 = fmin(*x0, s->x[0]);
			*x1 = fmax(*x1, s->x[s->n - 1]);
		}
	}
	*x0 -= (*x1 - *x0) / 5;
	return *x1 > *x0;
}

void draw_fork(FILE *f, const struct cone *c, const struct fork *k)
{
	struct figure g = {f, {.size = WIDTH - LEFT - FORK_RIGHT}, 8};
	const struct series **all = lc_xalloc(k->n + 1, sizeof(*all)), *past;
	const struct branch **rank;
	struct axis y = {.size = 340};
	size_t ranked, n = 0;

	if (!fork_span(k, &g.x.lo, &g.x.hi)) {
		free(all);
		return;
	}
	for (size_t i = 0; i < k->n; i++)
		all[n++] = branch_curve(&k->b[i]);
	past = c->c[VAL].n ? &c->c[VAL] : &c->c[LOSS];
	/* what matters is where they end, not the fall from a spike */
	axis_fit(&y, all, n, g.x.lo + (g.x.hi - g.x.lo) * .4, g.x.hi);
	figure_open(&g, 8 + 340 + GAP + 26, "The fork: its branches over their forecasts");
	panel_open(&g, &y, c->c[VAL].n ? "held-out loss" : "loss");
	rank = fork_ranked(k, &ranked);
	for (size_t i = 0; i < ranked && i < BANDS; i++)
		put_band(&g, &y, rank[i]);
	put_curve(&g, &y, past, RUN_POINTS, "loss");
	put_branches(&g, &y, k, 30000, 400);
	put_alerts(&g, &y, c);
	fputs("</g></svg></g>\n", f);
	put_labels(&g, &y, k);
	g.top += y.size + GAP;
	figure_close(&g);
	free(rank);
	free(all);
}

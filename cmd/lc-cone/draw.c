/* draw: the run, with all that is known of it over the same steps. */
#include <math.h>
#include <string.h>

#include "figure.h"
#include "json.h"

#define RUN_RIGHT 16.0

/* Where values are no numbers, or beyond the picture: marks at its top. */
static void put_beyond(const struct figure *g, const struct axis *y, const struct series *s)
{
	double last = -10;
	int n = 0;

	for (size_t i = 0; i < s->n && n < MARKS; i++) {
		double x = axis_at(&g->x, s->x[i]);
		if ((isfinite(s->y[i]) && s->y[i] <= y->hi) || x < last + 3 || x < 0 ||
		    x > g->x.size)
			continue;
		fprintf(g->f, "<path class=\"%s\" d=\"M%.1f,1l-3,6h6z\"/>\n",
			isfinite(s->y[i]) ? "above" : "nan", x);
		last = x;
		n++;
	}
}

static const char *type_of(const json_t *rec)
{
	return lc_json_get_str(rec, "type", "");
}

void put_alerts(const struct figure *g, const struct axis *y, const struct cone *c)
{
	json_t *a;
	size_t i, n = 0;

	json_array_foreach(c->alerts, i, a) {
		double step = lc_json_get_num(a, "step", NAN), at = axis_at(&g->x, step);
		double from = axis_at(&g->x, lc_json_get_num(a, "onset", step));
		int alert = strcmp(type_of(a), "alert") == 0;
		if (!isfinite(step) || at < 0 || at > g->x.size || n++ >= MARKS ||
		    (!alert && strcmp(type_of(a), "outlier") != 0))
			continue;
		fprintf(g->f, "<g class=\"%s\"><title>%s at step %.0f, index ", type_of(a),
			alert ? lc_json_get_str(a, "kind", "alert") : "outlier", step);
		fprintf(g->f, "%.3g</title>", lc_json_get_num(a, "index", NAN));
		if (alert && from < at)
			fprintf(g->f, "<rect x=\"%.1f\" y=\"0\" width=\"%.1f\" height=\"%.0f\"/>",
				from, at - from, y->size);
		fprintf(g->f, "<path d=\"M%.1f,0V%.0f\"/></g>\n", at, alert ? y->size : 8);
	}
}

static void put_snapshots(const struct figure *g, const struct axis *y, const struct cone *c)
{
	size_t n = json_array_size(c->snapshots), step = n / MARKS + 1;

	for (size_t i = 0; i < n; i += step) {
		const json_t *s = json_array_get(c->snapshots, i);
		double at = axis_at(&g->x, lc_json_get_num(s, "step", NAN));
		if (!(at >= 0 && at <= g->x.size))
			continue;
		fprintf(g->f,
			"<path class=\"snap\" d=\"M%.1f,%.0fv-6\"><title>snapshot %.8s, step ", at,
			y->size, lc_json_get_str(s, "id", "?"));
		fprintf(g->f, "%.0f</title></path>\n", lc_json_get_num(s, "step", NAN));
	}
}

/* The steps that anything is known of. */
static int span(const struct cone *c, double *x0, double *x1)
{
	*x0 = INFINITY;
	*x1 = -INFINITY;
	for (int k = 0; k < CURVES; k++)
		if (c->c[k].n) {
			*x0 = fmin(*x0, c->c[k].x[0]);
			*x1 = fmax(*x1, c->c[k].x[c->c[k].n - 1]);
		}
	for (size_t i = 0; i < c->nf; i++)
		for (size_t j = 0; j < c->f[i].n; j++) {
			const struct series *s = branch_curve(&c->f[i].b[j]);
			if (s->n) {
				*x0 = fmin(*x0, s->x[0]);
				*x1 = fmax(*x1, s->x[s->n - 1]);
			}
		}
	if (*x1 == *x0)
		*x1 = *x0 + 1;
	return *x1 > *x0;
}

static void run_panel(struct figure *g, const struct cone *c, enum curve k, const char *name,
		      double size)
{
	const struct series *s = &c->c[k];
	struct axis y = {.size = size};

	if (s->n == 0)
		return;
	axis_fit(&y, &s, 1, g->x.lo, g->x.hi);
	panel_open(g, &y, name);
	put_curve(g, &y, s, RUN_POINTS, k == INDEX ? "index" : "minor");
	put_beyond(g, &y, s);
	put_alerts(g, &y, c);
	panel_close(g, &y);
}

static void loss_panel(struct figure *g, const struct cone *c)
{
	const struct series *both[2] = {&c->c[LOSS], &c->c[VAL]};
	struct axis y = {.size = 330};
	size_t budget = 15000 / (c->nf ? c->nf : 1);

	axis_fit(&y, both, 2, g->x.lo, g->x.hi);
	panel_open(g, &y, "loss");
	for (size_t i = 0; i < c->nf; i++)
		put_cone(g, &y, &c->f[i]);
	for (size_t i = 0; i < c->nleft && i < MARKS; i++)
		put_curve(g, &y, &c->left[i], RUN_POINTS / 4, "left");
	put_curve(g, &y, &c->c[LOSS], RUN_POINTS, "loss");
	for (size_t i = 0; i < c->nf; i++)
		put_branches(g, &y, &c->f[i], budget, 200);
	put_curve(g, &y, &c->c[VAL], RUN_POINTS / 2, "val");
	put_beyond(g, &y, &c->c[LOSS]);
	put_snapshots(g, &y, c);
	put_alerts(g, &y, c);
	panel_close(g, &y);
}

void draw_run(FILE *f, const struct cone *c)
{
	struct figure g = {f, {.size = WIDTH - LEFT - RUN_RIGHT}, 8};
	double height = 8 + 330 + GAP + 26;

	if (!span(c, &g.x.lo, &g.x.hi)) {
		fputs("<p>There are no steps to draw.</p>\n", f);
		return;
	}
	height += c->c[INDEX].n ? 90 + GAP : 0;
	height += c->c[GRAD].n ? 90 + GAP : 0;
	height += c->c[RATE].n ? 60 + GAP : 0;
	figure_open(&g, height, "The run: loss, index, gradient norm and learning rate by step");
	loss_panel(&g, c);
	run_panel(&g, c, INDEX, "instability index", 90);
	run_panel(&g, c, GRAD, "gradient norm", 90);
	run_panel(&g, c, RATE, "learning rate", 60);
	figure_close(&g);
}

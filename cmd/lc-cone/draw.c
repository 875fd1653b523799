/* draw: the run, with all that is known of it over the same steps. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "figure.h"
#include "io.h"
#include "json.h"

#define POINTS_OF_FORKS 12000 /* of all branches of all forks, at most about */

static void widen(double *x0, double *x1, const struct series *s)
{
	if (s->n) {
		*x0 = fmin(*x0, s->x[0]);
		*x1 = fmax(*x1, s->x[s->n - 1]);
	}
}

int cone_span(const struct cone *c, double *x0, double *x1)
{
	*x0 = INFINITY;
	*x1 = -INFINITY;
	for (int k = 0; k < CURVES; k++)
		widen(x0, x1, &c->c[k]);
	for (size_t i = 0; i < c->nf; i++)
		for (size_t j = 0; j < c->f[i].n; j++)
			widen(x0, x1, branch_curve(&c->f[i].b[j]));
	if (*x1 == *x0)
		*x1 = *x0 + 1;
	return *x1 > *x0;
}

/* The panels below the loss, from the top down. */
static const struct {
	enum curve k;
	const char *name;
	double wide, narrow; /* height */
} below[] = {{INDEX, "instability index", 96, 80},
	     {REWARD, "reward", 110, 90},
	     {KL, "KL", 64, 60},
	     {ENTROPY, "entropy", 64, 60},
	     {GRAD, "gradient norm", 84, 70},
	     {RATE, "learning rate", 56, 56}};
#define BELOW (sizeof(below) / sizeof(*below))

static double loss_size(const struct figure *g)
{
	return g->narrow ? 240 : 330;
}

static double size_of(const struct figure *g, size_t i)
{
	return g->narrow ? below[i].narrow : below[i].wide;
}

/* What a curve had in steps that were gone back from. */
static void put_left(const struct figure *g, const struct axis *y, const struct cone *c, size_t of)
{
	size_t n = 0;

	for (size_t i = 0; i < c->nleft && n < MARKS / 4; i++)
		if (c->left[i].of == of) {
			put_curve(g, y, &c->left[i].s, g->points / 4, "left");
			put_beyond(g, y, &c->left[i].s);
			n++;
		}
}

static void run_panel(struct figure *g, const struct cone *c, size_t i)
{
	enum curve k = below[i].k;
	const struct series *s = &c->c[k];
	struct axis y = {.size = size_of(g, i)};
	int scaled;

	if (s->n == 0)
		return;
	scaled = axis_fit(&y, &s, 1, g->x.lo, g->x.hi) || k == INDEX;
	if (k == INDEX)
		y = (struct axis){0, fmax(1.2, fmin(y.hi, 3)), 0, y.size};
	(scaled ? panel_open : panel_bare)(g, &y, below[i].name);
	if (k == INDEX)
		fprintf(g->f,
			"<path class=\"limit\" d=\"M0,%.1fh%.0f\"><title>alerts begin "
			"here</title></path>\n",
			panel_down(&y, 1), g->x.size);
	put_alerts(g, &y, c);
	put_left(g, &y, c, k);
	put_curve(g, &y, s, g->points, k == INDEX ? "index" : "minor");
	put_beyond(g, &y, s);
	panel_close(g, &y, below[i].name);
	panel_next(g, &y);
}

/* The run from where it went on as a chosen branch. */
static void put_went(const struct figure *g, const struct axis *y, const struct cone *c,
		     const struct fork *f)
{
	const struct series *run = c->c[VAL].n ? &c->c[VAL] : &c->c[LOSS];
	const struct branch *b = fork_chosen(f);
	struct series s = *run;
	size_t from;

	if (!b || b->from < 0 || !run->n)
		return;
	from = series_from(run, (double)b->from);
	s.x += from;
	s.y += from;
	s.n -= from;
	if (from < run->n)
		put_curve(g, y, &s, g->points / 2, "went");
}

static int has_loss(const struct cone *c)
{
	return c->c[LOSS].n || c->c[VAL].n || c->nf;
}

int loss_fit(struct axis *y, const struct cone *c, double x0, double x1)
{
	const struct series *both[2] = {&c->c[LOSS], &c->c[VAL]}, **all;
	size_t n = 0, at = 0;
	int fits = axis_fit(y, both, 2, x0, x1);

	if (fits)
		return 1;
	for (size_t i = 0; i < c->nf; i++)
		n += c->f[i].n;
	all = lc_xalloc(n + 1, sizeof(*all));
	for (size_t i = 0; i < c->nf; i++)
		for (size_t j = 0; j < c->f[i].n; j++)
			all[at++] = branch_curve(&c->f[i].b[j]);
	fits = axis_fit(y, all, n, x0, x1);
	free(all);
	return fits;
}

static void loss_panel(struct figure *g, const struct cone *c)
{
	struct axis y = {.size = loss_size(g)};
	size_t budget = POINTS_OF_FORKS / (c->nf ? c->nf : 1) / (g->narrow ? 4 : 1);

	if (loss_fit(&y, c, g->x.lo, g->x.hi))
		panel_open(g, &y, "loss");
	else
		panel_bare(g, &y, "loss");
	for (size_t i = 0; i < c->nf; i++)
		put_cone(g, &y, &c->f[i]);
	put_snapshots(g, &y, c);
	put_alerts(g, &y, c);
	put_left(g, &y, c, LOSS);
	put_curve(g, &y, &c->c[LOSS], g->points, "loss");
	for (size_t i = 0; i < c->nf && i < MARKS; i++)
		put_branches(g, &y, &c->f[i], budget, g->narrow ? 60 : 160);
	put_curve(g, &y, &c->c[VAL], g->points / 2, "val");
	for (size_t i = 0; i < c->nf; i++)
		put_went(g, &y, c, &c->f[i]);
	put_beyond(g, &y, &c->c[LOSS]);
	panel_close(g, &y, "loss");
	put_flags(g, c);
	panel_next(g, &y);
}

int draw_run(FILE *f, const struct cone *c, int narrow)
{
	struct figure g = figure_of(f, narrow, narrow ? 8 : 16);
	double height = 8 + FOOT + (has_loss(c) ? loss_size(&g) + GAP : 0);

	if (!cone_span(c, &g.x.lo, &g.x.hi))
		return 0;
	for (size_t i = 0; i < BELOW; i++)
		height += c->c[below[i].k].n ? size_of(&g, i) + GAP : 0;
	height += signals_size(c) > 0 ? signals_size(c) + GAP : 0;
	figure_open(&g, height,
		    "The run by step: loss, instability index and its signals, gradient norm, "
		    "learning rate");
	if (has_loss(c))
		loss_panel(&g, c);
	else
		put_flags(&g, c);
	for (size_t i = 0; i < BELOW; i++) {
		run_panel(&g, c, i);
		if (below[i].k == INDEX)
			put_signals(&g, c);
	}
	figure_close(&g);
	return 1;
}

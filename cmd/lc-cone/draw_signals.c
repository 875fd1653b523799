/* draw_signals: the scores that the index is made of, a row each, the stronger the further out. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "figure.h"

#define ROWS 7	 /* drawn, of all that the index is made of */
#define HIGH 13. /* pixels of a row */
#define LEVELS 4

/* Scores, in the trend's own noise, from which on a cell is as dark as that. */
static const double level[LEVELS] = {2, 3, 5, 8};

struct pick {
	size_t i;
	double most;
};

static int by_most(const void *a, const void *b)
{
	double x = ((const struct pick *)a)->most, y = ((const struct pick *)b)->most;

	return x > y ? -1 : x < y;
}

static double most_of(const struct series *s, double most)
{
	for (size_t k = 0; k < s->n; k++)
		if (isfinite(s->y[k]) && s->y[k] > most)
			most = s->y[k];
	return most;
}

/* The signals that went furthest, in what was gone back from too; none that would show nothing. */
static size_t pick(const struct cone *c, struct pick p[64])
{
	size_t n = c->nsig < 64 ? c->nsig : 64;

	for (size_t i = 0; i < n; i++)
		p[i] = (struct pick){i, most_of(&c->sig[i].s, -INFINITY)};
	for (size_t i = 0; i < c->nleft; i++)
		if (c->left[i].of >= CURVES && c->left[i].of - CURVES < n) {
			struct pick *at = &p[c->left[i].of - CURVES];
			at->most = most_of(&c->left[i].s, at->most);
		}
	qsort(p, n, sizeof(*p), by_most);
	while (n > 0 && !(p[n - 1].most >= level[0]))
		n--;
	return n < ROWS ? n : ROWS;
}

double signals_size(const struct cone *c)
{
	struct pick p[64];
	size_t n = pick(c, p);

	return n ? 20 + HIGH * (double)n : 0;
}

/* The greatest score in each of n cells along the steps; a score holds until the next one. */
static void fill(const struct figure *g, const struct series *s, double *cell, size_t n)
{
	for (size_t i = 0; i < s->n; i++) {
		double per = (double)n / g->x.size, at = axis_at(&g->x, s->x[i]) * per;
		double to = i + 1 < s->n ? axis_at(&g->x, s->x[i + 1]) * per : at;
		size_t k = at < 0 ? 0 : at >= (double)n ? n - 1 : (size_t)at;
		for (; !isnan(s->y[i]) && k < n; k++) {
			cell[k] = fmax(cell[k], s->y[i]);
			if ((double)(k + 1) >= to)
				break;
		}
	}
}

static int level_of(double score)
{
	int l = -1;

	while (l + 1 < LEVELS && score >= level[l + 1])
		l++;
	return l;
}

/* Cells of one level as one path: strokes as wide as the row is high. */
static void put_level(const struct figure *g, const double *cell, size_t n, int l, double y)
{
	double wide = g->x.size / (double)n;
	int some = 0;

	for (size_t k = 0; k < n; k++) {
		size_t from = k;
		if (level_of(cell[k]) != l)
			continue;
		while (k + 1 < n && level_of(cell[k + 1]) == l)
			k++;
		if (!some++)
			fprintf(g->f, "<path class=\"l%d\" d=\"", l);
		fprintf(g->f, "M%.1f,%.1fh%.1f", wide * (double)from, y,
			wide * (double)(k + 1 - from));
	}
	if (some && l + 1 < LEVELS)
		fprintf(g->f, "\"><title>score %.0f to %.0f</title></path>\n", level[l],
			level[l + 1]);
	else if (some)
		fprintf(g->f, "\"><title>score %.0f and more</title></path>\n", level[l]);
}

static void put_row(const struct figure *g, const struct cone *c, size_t of, double y)
{
	double cell[400];
	size_t n = g->narrow ? 150 : 400;

	for (size_t k = 0; k < n; k++)
		cell[k] = -INFINITY;
	fill(g, &c->sig[of].s, cell, n);
	for (size_t i = 0; i < c->nleft; i++)
		if (c->left[i].of == CURVES + of)
			fill(g, &c->left[i].s, cell, n);
	for (int l = 0; l < LEVELS; l++)
		put_level(g, cell, n, l, y);
}

void put_signals(struct figure *g, const struct cone *c)
{
	struct axis y = {0, 1, 0, signals_size(c)};
	struct pick p[64];
	size_t n = pick(c, p);

	if (n == 0)
		return;
	panel_bare(g, &y, "signals");
	put_alerts(g, &y, c);
	for (size_t i = 0; i < n; i++)
		put_row(g, c, p[i].i, 20 + HIGH * ((double)i + .5));
	panel_close(g, &y, "signals, the stronger the further out of their trends");
	for (size_t i = 0; i < n; i++) {
		fprintf(g->f, "<text class=\"name row\" x=\"%.0f\" y=\"%.1f\">", g->left + 6,
			g->top + 30 + HIGH * (double)i);
		put_text(g->f, c->sig[p[i].i].name);
		fputs("</text>\n", g->f);
	}
	panel_next(g, &y);
}

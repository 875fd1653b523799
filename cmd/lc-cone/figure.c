/* figure: see figure.h. */
#include "figure.h"

#include <math.h>
#include <stdlib.h>

#define WIDE 1160.0
#define NARROW 400.0

void put_text(FILE *f, const char *s)
{
	for (; *s; s++) {
		const char *with = *s == '&'   ? "&amp;"
				   : *s == '<' ? "&lt;"
				   : *s == '>' ? "&gt;"
				   : *s == '"' ? "&quot;"
					       : NULL;
		if (with)
			fputs(with, f);
		else if (((unsigned char)*s >= ' ' && *s != 0x7f) || *s == '\n')
			putc(*s, f);
	}
}

struct figure figure_of(FILE *f, int narrow, double right)
{
	double width = narrow ? NARROW : WIDE, left = narrow ? 44 : 58;

	return (struct figure){.f = f,
			       .x = {.size = width - left - right},
			       .width = width,
			       .left = left,
			       .top = 8,
			       .narrow = narrow,
			       .points = narrow ? 500 : 1600};
}

double panel_down(const struct axis *y, double v)
{
	double p = y->size - axis_at(y, v);

	return p < -2 * y->size ? -2 * y->size : p > 3 * y->size ? 3 * y->size : p;
}

void put_points(const struct figure *g, const struct axis *y, const struct series *s)
{
	int pen = 0;

	for (size_t i = 0; i < s->n; i++) {
		double x = axis_at(&g->x, s->x[i]), down = panel_down(y, s->y[i]);
		if (!isfinite(s->y[i])) {
			pen = 0;
			continue;
		}
		fprintf(g->f, "%s%.1f,%.1f", pen ? " " : "M", x, down);
		if (!pen && (i + 1 == s->n || !isfinite(s->y[i + 1]))) /* alone, and yet seen */
			fprintf(g->f, " %.1f,%.1f", x + 1, down);
		pen = 1;
	}
}

void put_curve(const struct figure *g, const struct axis *y, const struct series *s, size_t points,
	       const char *class)
{
	struct series thin;

	if (s->n == 0)
		return;
	series_thin(s, points, &thin);
	fprintf(g->f, "<path class=\"%s\" d=\"", class);
	put_points(g, y, &thin);
	fputs("\"/>\n", g->f);
	series_release(&thin);
}

void put_area(const struct figure *g, const struct axis *y, const struct series *lo,
	      const struct series *hi, const char *class, const char *title)
{
	if (lo->n < 2 || lo->n != hi->n)
		return;
	fprintf(g->f, "<path class=\"%s\" d=\"", class);
	put_points(g, y, hi);
	for (size_t i = lo->n; i-- > 0;)
		fprintf(g->f, " %.1f,%.1f", axis_at(&g->x, lo->x[i]), panel_down(y, lo->y[i]));
	fprintf(g->f, "z\"><title>%s</title></path>\n", title);
}

static void open_panel(const struct figure *g, const struct axis *y, const char *name, int ticked)
{
	double ticks[16];
	int n = ticked ? axis_ticks(y, y->size < 120 ? 3 : 7, ticks) : 0;

	fprintf(g->f,
		"<g class=\"panel\" data-name=\"%s\" data-y0=\"%.9g\" data-y1=\"%.9g\" "
		"data-log=\"%d\" data-ticks=\"%d\" data-top=\"%.0f\" data-size=\"%.0f\">\n"
		"<rect class=\"frame\" x=\"%.0f\" y=\"%.0f\" width=\"%.0f\" height=\"%.0f\"/>\n"
		"<g class=\"ticks\">",
		name, y->lo, y->hi, y->log, ticked, g->top, y->size, g->left, g->top, g->x.size,
		y->size);
	for (int i = 0; i < n; i++) {
		double at = g->top + panel_down(y, ticks[i]);
		fprintf(g->f,
			"<path class=\"grid\" d=\"M%.0f,%.1fh%.0f\"/><text class=\"tick y\" "
			"x=\"%.0f\" y=\"%.1f\">%.6g</text>\n",
			g->left, at, g->x.size, g->left - 6, at + 4, ticks[i]);
	}
	fprintf(g->f,
		"</g><svg x=\"%.0f\" y=\"%.0f\" width=\"%.0f\" height=\"%.0f\"><g class=\"z\">\n",
		g->left, g->top, g->x.size, y->size);
}

void panel_open(const struct figure *g, const struct axis *y, const char *name)
{
	open_panel(g, y, name, 1);
}

void panel_bare(const struct figure *g, const struct axis *y, const char *name)
{
	open_panel(g, y, name, 0);
}

void panel_close(const struct figure *g, const struct axis *y, const char *name)
{
	fprintf(g->f, "</g></svg><text class=\"name\" x=\"%.0f\" y=\"%.0f\">%s%s</text></g>\n",
		g->left + 6, g->top + 14, name, y->log ? " (log)" : "");
}

void panel_next(struct figure *g, const struct axis *y)
{
	g->top += y->size + GAP;
}

void figure_close(const struct figure *g)
{
	double ticks[16];
	int n = axis_ticks(&g->x, g->narrow ? 5 : 10, ticks);

	fprintf(g->f, "<g class=\"steps\" data-y=\"%.0f\">\n", g->top + 2);
	for (int i = 0; i < n; i++)
		fprintf(g->f, "<text class=\"tick x\" x=\"%.1f\" y=\"%.0f\">%.10g</text>\n",
			g->left + axis_at(&g->x, ticks[i]), g->top + 2, ticks[i]);
	fprintf(g->f, "</g><text class=\"tick end\" x=\"%.0f\" y=\"%.0f\">step</text>\n",
		g->left + g->x.size, g->top + 16);
	fputs("</svg>\n", g->f);
}

void figure_open(const struct figure *g, double height, const char *label)
{
	fprintf(g->f, "<svg class=\"fig %s\" viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"",
		g->narrow ? "narrow" : "wide", g->width, height);
	put_text(g->f, label);
	fprintf(g->f,
		"\" data-x0=\"%.10g\" data-x1=\"%.10g\" data-left=\"%.0f\" data-width=\"%.0f\">\n",
		g->x.lo, g->x.hi, g->left, g->x.size);
}

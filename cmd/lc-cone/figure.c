/* figure: see figure.h. */
#include "figure.h"

#include <math.h>
#include <stdlib.h>

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
		else if ((unsigned char)*s >= ' ' || *s == '\n')
			putc(*s, f);
	}
}

double panel_down(const struct axis *y, double v)
{
	double p = y->size - axis_at(y, v);

	return p < 0 ? 0 : p > y->size ? y->size : p;
}

void put_points(const struct figure *g, const struct axis *y, const struct series *s)
{
	int pen = 0;

	for (size_t i = 0; i < s->n; i++) {
		if (!isfinite(s->y[i])) {
			pen = 0;
			continue;
		}
		fprintf(g->f, "%s%.1f,%.1f", pen ? " " : "M", axis_at(&g->x, s->x[i]),
			panel_down(y, s->y[i]));
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

void panel_open(struct figure *g, const struct axis *y, const char *name)
{
	double ticks[16];
	int n = axis_ticks(y, y->size < 120 ? 3 : 7, ticks);

	fprintf(g->f,
		"<g class=\"panel\" data-name=\"%s\" data-y0=\"%.9g\" data-y1=\"%.9g\" "
		"data-log=\"%d\" data-top=\"%.0f\" data-size=\"%.0f\">\n"
		"<rect class=\"frame\" x=\"%.0f\" y=\"%.0f\" width=\"%.0f\" height=\"%.0f\"/>\n",
		name, y->lo, y->hi, y->log, g->top, y->size, LEFT, g->top, g->x.size, y->size);
	for (int i = 0; i < n; i++) {
		double at = g->top + panel_down(y, ticks[i]);
		fprintf(g->f,
			"<path class=\"grid\" d=\"M%.0f,%.1fh%.0f\"/><text class=\"tick y\" "
			"x=\"%.0f\" "
			"y=\"%.1f\">%.6g</text>\n",
			LEFT, at, g->x.size, LEFT - 6, at + 4, ticks[i]);
	}
	fprintf(g->f, "<text class=\"name\" x=\"%.0f\" y=\"%.0f\">%s%s</text>\n", LEFT + 6,
		g->top + 14, name, y->log ? " (log)" : "");
	fprintf(g->f, "<svg x=\"%.0f\" y=\"%.0f\" width=\"%.0f\" height=\"%.0f\"><g class=\"z\">\n",
		LEFT, g->top, g->x.size, y->size);
}

void panel_close(struct figure *g, const struct axis *y)
{
	fputs("</g></svg></g>\n", g->f);
	g->top += y->size + GAP;
}

void figure_close(const struct figure *g)
{
	double ticks[16];
	int n = axis_ticks(&g->x, 10, ticks);

	fputs("<g class=\"steps\">\n", g->f);
	for (int i = 0; i < n; i++)
		fprintf(g->f, "<text class=\"tick x\" x=\"%.1f\" y=\"%.0f\">%.10g</text>\n",
			LEFT + axis_at(&g->x, ticks[i]), g->top + 2, ticks[i]);
	fprintf(g->f, "</g><text class=\"tick end\" x=\"%.0f\" y=\"%.0f\">step</text>\n",
		LEFT + g->x.size, g->top + 18);
	fputs("</svg>\n", g->f);
}

void figure_open(const struct figure *g, double height, const char *label)
{
	fprintf(g->f, "<svg class=\"fig\" viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"",
		WIDTH, height);
	put_text(g->f, label);
	fprintf(g->f,
		"\" data-x0=\"%.10g\" data-x1=\"%.10g\" data-left=\"%.0f\" data-width=\"%.0f\">\n",
		g->x.lo, g->x.hi, LEFT, g->x.size);
}

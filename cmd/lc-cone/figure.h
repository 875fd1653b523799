/*
 * figure: what the pictures share: a column of panels over one axis of steps, as SVG.
 *
 * What moves when one zooms is in groups of class z, in pixels of the panel; the numbers that a
 * script needs are in data- attributes. Marks are lines of no length with caps: a zoom does not
 * stretch them. Each picture is made for wide and for narrow screens.
 */
#ifndef LC_FIGURE_H
#define LC_FIGURE_H

#include "axis.h"

#define GAP 16.0
#define FOOT 26.0 /* room for the steps below */
#define MARKS 400 /* of one kind: beyond, they hide one another */

struct figure {
	FILE *f;
	struct axis x;
	double width, left;
	double top; /* of the panel at work */
	int narrow;
	size_t points; /* of a curve of the run, at most about */
};

/* right: room right of the panels, for names. */
struct figure figure_of(FILE *f, int narrow, double right);
void figure_open(const struct figure *g, double height, const char *label);
void panel_open(const struct figure *g, const struct axis *y, const char *name);
void panel_bare(const struct figure *g, const struct axis *y, const char *name); /* no scale */
void panel_close(const struct figure *g, const struct axis *y, const char *name);
void panel_next(struct figure *g, const struct axis *y); /* g->top: where the next one begins */
void figure_close(const struct figure *g);		 /* with the steps below the last panel */

double panel_down(const struct axis *y, double v); /* pixels from the top, not far outside */
void put_points(const struct figure *g, const struct axis *y, const struct series *s);
void put_curve(const struct figure *g, const struct axis *y, const struct series *s, size_t points,
	       const char *class);
/* The area between two curves over the same steps. */
void put_area(const struct figure *g, const struct axis *y, const struct series *lo,
	      const struct series *hi, const char *class, const char *title);
void put_text(FILE *f, const char *s); /* with & < > and quotes escaped */

/* draw_branch.c: branches, the chosen one last, in `budget` points, each in `most` at the most. */
void put_branches(const struct figure *g, const struct axis *y, const struct fork *k, size_t budget,
		  size_t most);
/* draw_cone.c: all forecasts of a fork as one; those of single branches; a forecast's quantile. */
void put_cone(const struct figure *g, const struct axis *y, const struct fork *k);
void put_band(const struct figure *g, const struct axis *y, const struct branch *b);
struct series forecast_quantile(const json_t *forecast, const char *q);
/* draw_marks.c: alerts and kept states, by step; values that cannot be drawn. */
void put_alerts(const struct figure *g, const struct axis *y, const struct cone *c);
void put_flags(const struct figure *g, const struct cone *c); /* their names, outside the zoom */
void put_snapshots(const struct figure *g, const struct axis *y, const struct cone *c);
void put_beyond(const struct figure *g, const struct axis *y, const struct series *s);

/* draw_signals.c: what the index is made of, a row each; how high that panel is, 0: none. */
void put_signals(struct figure *g, const struct cone *c);
double signals_size(const struct cone *c);
/* draw.c, draw_fork.c: the pictures; 0: there is nothing to draw. */
int draw_run(FILE *f, const struct cone *c, int narrow);
int draw_fork(FILE *f, const struct cone *c, const struct fork *k, int narrow);
/* The scale of the loss: the run's, or where it has none that of its futures. 0: nothing is one. */
int loss_fit(struct axis *y, const struct cone *c, double x0, double x1);
int cone_span(const struct cone *c, double *x0, double *x1); /* steps that anything is known of */

#endif

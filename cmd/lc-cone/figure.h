/*
 * figure: what the pictures share: a column of panels over one axis of steps, as SVG.
 *
 * What moves when one zooms is in groups of class z, in pixels of the panel; the numbers that a
 * script needs are in data- attributes.
 */
#ifndef LC_FIGURE_H
#define LC_FIGURE_H

#include "axis.h"

#define WIDTH 1160.0
#define LEFT 58.0
#define GAP 16.0
#define RUN_POINTS 1600 /* of a curve, at most about */
#define MARKS 400	/* of one kind: beyond, they hide one another */

struct figure {
	FILE *f;
	struct axis x;
	double top; /* of the panel at work */
};

void figure_open(const struct figure *g, double height, const char *label);
void panel_open(struct figure *g, const struct axis *y, const char *name);
void panel_close(struct figure *g, const struct axis *y);
void figure_close(const struct figure *g); /* with the steps below the last panel */

double panel_down(const struct axis *y, double v); /* pixels from the top, never outside */
void put_points(const struct figure *g, const struct axis *y, const struct series *s);
void put_curve(const struct figure *g, const struct axis *y, const struct series *s, size_t points,
	       const char *class);

/* draw_fork.c: branches, the chosen one last, in `budget` points, each in `most` at the most. */
void put_branches(const struct figure *g, const struct axis *y, const struct fork *k, size_t budget,
		  size_t most);
void put_cone(const struct figure *g, const struct axis *y, const struct fork *k);
void put_alerts(const struct figure *g, const struct axis *y, const struct cone *c); /* draw.c */

#endif

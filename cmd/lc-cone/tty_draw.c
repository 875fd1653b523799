/* tty_draw: curves in braille dots, eight to a character. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "axis.h"
#include "figure.h"
#include "io.h"
#include "json.h"
#include "tty.h"

#define LABEL 10 /* columns left of the picture */

struct canvas {
	int w, h; /* characters */
	unsigned char *dots, *ink;
};

static void dot(struct canvas *c, int x, int y, int ink)
{
	static const unsigned char bit[4][2] = {{1, 8}, {2, 16}, {4, 32}, {64, 128}};
	size_t at;

	if (x < 0 || y < 0 || x >= 2 * c->w || y >= 4 * c->h)
		return;
	at = (size_t)(y / 4) * (size_t)c->w + (size_t)(x / 2);
	c->dots[at] |= bit[y % 4][x % 2];
	c->ink[at] = (unsigned char)(ink > c->ink[at] ? ink : c->ink[at]);
}

static void stroke(struct canvas *c, double x0, double y0, double x1, double y1, int ink)
{
	int n = (int)fmin(4096, fmax(fabs(x1 - x0), fabs(y1 - y0))) + 1;

	for (int i = 0; i <= n; i++)
		dot(c, (int)(x0 + (x1 - x0) * i / n), (int)(y0 + (y1 - y0) * i / n), ink);
}

static void put_line(struct canvas *c, const struct axis *x, const struct axis *y,
		     const struct series *s, int ink)
{
	struct series thin;
	double px = NAN, py = NAN;

	series_thin(s, (size_t)c->w * 8, &thin);
	for (size_t i = 0; i < thin.n; i++) {
		double qx = axis_at(x, thin.x[i]), qy = y->size - axis_at(y, thin.y[i]);
		if (!isfinite(thin.y[i])) {
			dot(c, (int)qx, 0, INK_ALERT);
			px = NAN;
			continue;
		}
		qy = fmin(fmax(qy, 0), y->size);
		if (isfinite(px))
			stroke(c, px, py, qx, qy, ink);
		else
			dot(c, (int)qx, (int)qy, ink);
		px = qx;
		py = qy;
	}
	series_release(&thin);
}

static void put_cell(FILE *f, unsigned char dots)
{
	unsigned code = 0x2800u + dots;

	if (!dots) {
		putc(' ', f);
		return;
	}
	putc((int)(0xe0 | code >> 12), f);
	putc((int)(0x80 | (code >> 6 & 0x3f)), f);
	putc((int)(0x80 | (code & 0x3f)), f);
}

static void put_scale(FILE *f, const struct canvas *c, const struct axis *y, int r)
{
	double t = (r + .5) / c->h;

	if (y && (c->h < 4 ? r == 0 : r % 4 == 0))
		fprintf(f, "%*.4g ", LABEL - 1,
			y->log ? y->hi * pow(y->lo / y->hi, t) : y->hi + (y->lo - y->hi) * t);
	else
		fprintf(f, "%*s", LABEL, "");
}

/* y is NULL where there is no scale: nothing on it is a number. */
static void put_canvas(FILE *f, const struct canvas *c, const struct axis *y, const struct tty *t)
{
	for (int r = 0; r < c->h; r++) {
		int ink = INK_PLAIN, last = c->w;
		put_scale(f, c, y, r);
		while (last > 0 && !c->dots[r * c->w + last - 1])
			last--;
		for (int k = 0; k < last; k++) {
			int want = c->ink[r * c->w + k];
			if (want != ink)
				fprintf(f, "%s%s", ink_off(t), ink_on(t, want));
			ink = want;
			put_cell(f, c->dots[r * c->w + k]);
		}
		fprintf(f, "%s\n", ink ? ink_off(t) : "");
	}
}

static int open_canvas(struct canvas *k, const struct tty *t, int height)
{
	*k = (struct canvas){t->columns - LABEL - 1, height, NULL, NULL};
	if (k->w < 8 || height < 1)
		return 0;
	k->dots = lc_xalloc((size_t)k->w * (size_t)height, 1);
	k->ink = lc_xalloc((size_t)k->w * (size_t)height, 1);
	return 1;
}

static void close_canvas(struct canvas *k)
{
	free(k->dots);
	free(k->ink);
}

static void put_alert_lines(struct canvas *k, const struct cone *c, const struct axis *x)
{
	json_t *a;
	size_t i;

	json_array_foreach(c->alerts, i, a) {
		double at = axis_at(x, lc_json_get_num(a, "step", -1));
		if (strcmp(lc_json_get_str(a, "type", ""), "alert") == 0 && at >= 0 &&
		    at <= x->size)
			for (int r = 0; r < 4 * k->h; r += 2)
				dot(k, (int)at, r, INK_ALERT);
	}
}

static void draw_loss(FILE *f, const struct cone *c, const struct tty *t, struct axis *x,
		      int height)
{
	const struct series *s[2] = {&c->c[LOSS], &c->c[VAL]};
	struct axis y = {.size = 4 * height - 1}, *scale;
	struct canvas k;

	if (!open_canvas(&k, t, height))
		return;
	scale = loss_fit(&y, c, x->lo, x->hi) ? &y : NULL;
	put_line(&k, x, &y, s[0], INK_PLAIN);
	for (size_t j = 0; j < c->nf; j++)
		for (size_t b = 0; b < c->f[j].n; b++)
			put_line(&k, x, &y, branch_curve(&c->f[j].b[b]),
				 c->f[j].b[b].chosen ? INK_CHOSEN : INK_BRANCH);
	put_line(&k, x, &y, s[1], INK_PLAIN);
	put_alert_lines(&k, c, x);
	put_canvas(f, &k, scale, t);
	close_canvas(&k);
}

static void draw_index(FILE *f, const struct cone *c, const struct tty *t, struct axis *x)
{
	const struct series *s = &c->c[INDEX];
	struct axis y = {.size = 7}, *scale;
	struct canvas k;

	if (s->n == 0 || !open_canvas(&k, t, 2))
		return;
	scale = axis_fit(&y, &s, 1, x->lo, x->hi) ? &y : NULL;
	put_line(&k, x, &y, s, INK_FAINT);
	put_alert_lines(&k, c, x);
	put_canvas(f, &k, scale, t);
	close_canvas(&k);
}

void tty_draw(FILE *f, const struct cone *c, const struct tty *t, int height)
{
	struct axis x = {.size = 2 * (t->columns - LABEL - 1) - 1};
	char from[32], to[32];
	int room;

	if (t->columns - LABEL - 1 < 8 || !cone_span(c, &x.lo, &x.hi))
		return;
	draw_loss(f, c, t, &x, height);
	if (height >= 8)
		draw_index(f, c, t, &x);
	snprintf(from, sizeof(from), "%.0f", x.lo);
	snprintf(to, sizeof(to), "%.0f", x.hi);
	room = t->columns - LABEL - 1 - (int)strlen(to);
	fprintf(f, "%*s%-*s%s\n", LABEL, "", room > 0 ? room : 0, from, to);
}

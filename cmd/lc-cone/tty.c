/* tty: the run and its forks on a terminal: braille dots, eight to a character. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "axis.h"
#include "io.h"
#include "json.h"

#define LABEL 10 /* columns left of the picture */

struct canvas {
	int w, h; /* characters */
	unsigned char *dots, *ink;
};

enum { INK_PLAIN, INK_BRANCH, INK_CHOSEN, INK_ALERT };
static const char *const colours[] = {"", "\033[33m", "\033[1;32m", "\033[31m"};

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

static void put_curve(struct canvas *c, const struct axis *x, const struct axis *y,
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

/* y is NULL where there is no scale: nothing on it is a number. */
static void put_canvas(FILE *f, const struct canvas *c, const struct axis *y, int colour)
{
	for (int r = 0; r < c->h; r++) {
		double v = 0, t = (r + .5) / c->h;
		int ink = 0, last = c->w;
		if (y)
			v = y->log ? y->hi * pow(y->lo / y->hi, t) : y->hi + (y->lo - y->hi) * t;
		if (y && r % 4 == 0)
			fprintf(f, "%*.4g ", LABEL - 1, v);
		else
			fprintf(f, "%*s", LABEL, "");
		while (last > 0 && !c->dots[r * c->w + last - 1])
			last--;
		for (int k = 0; k < last; k++) {
			int want = c->ink[r * c->w + k];
			if (colour && want != ink)
				fprintf(f, "%s%s", "\033[0m", colours[want]);
			ink = want;
			put_cell(f, c->dots[r * c->w + k]);
		}
		fputs(colour && ink ? "\033[0m\n" : "\n", f);
	}
}

static int span(const struct cone *c, struct axis *x)
{
	const struct series *s[2] = {&c->c[LOSS], &c->c[VAL]};

	x->lo = INFINITY;
	x->hi = -INFINITY;
	for (int i = 0; i < 2; i++)
		if (s[i]->n) {
			x->lo = fmin(x->lo, s[i]->x[0]);
			x->hi = fmax(x->hi, s[i]->x[s[i]->n - 1]);
		}
	for (size_t i = 0; i < c->nf; i++)
		for (size_t j = 0; j < c->f[i].n; j++) {
			const struct series *b = branch_curve(&c->f[i].b[j]);
			if (b->n) {
				x->lo = fmin(x->lo, b->x[0]);
				x->hi = fmax(x->hi, b->x[b->n - 1]);
			}
		}
	return x->hi > x->lo;
}

static void draw(FILE *f, const struct cone *c, const struct tty *t, int height)
{
	const struct series *s[2] = {&c->c[LOSS], &c->c[VAL]};
	struct canvas k = {t->columns - LABEL - 1, height, NULL, NULL};
	struct axis x = {.size = 2 * k.w - 1}, y = {.size = 4 * height - 1}, *scale;
	json_t *a;
	size_t i;

	if (!span(c, &x) || k.w < 8)
		return;
	k.dots = lc_xalloc((size_t)k.w * (size_t)height, 1);
	k.ink = lc_xalloc((size_t)k.w * (size_t)height, 1);
	scale = axis_fit(&y, s, 2, x.lo, x.hi) ? &y : NULL;
	put_curve(&k, &x, &y, s[0], INK_PLAIN);
	for (size_t j = 0; j < c->nf; j++)
		for (size_t b = 0; b < c->f[j].n; b++)
			put_curve(&k, &x, &y, branch_curve(&c->f[j].b[b]),
				  c->f[j].b[b].chosen ? INK_CHOSEN : INK_BRANCH);
	put_curve(&k, &x, &y, s[1], INK_PLAIN);
	json_array_foreach(c->alerts, i, a)
		if (strcmp(lc_json_get_str(a, "type", ""), "alert") == 0)
			for (int r = 0; r < 4 * height; r += 2)
				dot(&k, (int)axis_at(&x, lc_json_get_num(a, "step", -1)), r,
				    INK_ALERT);
	put_canvas(f, &k, scale, t->colour);
	fprintf(f, "%*s%-*.0f%.0f\n", LABEL, "", k.w - 8, x.lo, x.hi);
	free(k.dots);
	free(k.ink);
}

static void put_row(FILE *f, const struct fork *k, const struct branch *b, const struct tty *t)
{
	const struct series *s = branch_curve(b);
	double gain = branch_verdict(k, b, "gain"), done = 0;
	char *words = branch_words(b), bar[11] = "..........";
	int room = t->columns - 62;

	if (b->horizon > 0 && s->n)
		done = (s->x[s->n - 1] - (double)b->from) / (double)b->horizon;
	if (b->status && strcmp(b->status, "done") == 0)
		done = 1;
	for (int i = 0; i < 10 && i < (int)(10 * done + .5); i++)
		bar[i] = '#';
	fprintf(f, "%s%c %-12.12s %-8.8s %-8.8s %s ",
		t->colour && b->chosen ? colours[INK_CHOSEN] : "", b->chosen ? '*' : ' ', b->id,
		b->role ? b->role : "",
		b->status ? b->status
		: s->n	  ? "running"
			  : "waiting",
		bar);
	if (s->n)
		fprintf(f, "%9.4f ", s->y[s->n - 1]);
	else
		fprintf(f, "%9s ", "");
	if (isfinite(gain))
		fprintf(f, "%+8.4f ", gain);
	else
		fprintf(f, "%8s ", "");
	fprintf(f, "%.*s%s\n", room > 0 ? room : 0, words, t->colour && b->chosen ? "\033[0m" : "");
	free(words);
}

void tty_write(FILE *f, const struct cone *c, const struct tty *t)
{
	char **story = cone_story(c);
	int height = t->rows / 3, left = t->rows - 4;

	height = height < 6 ? 6 : height;
	draw(f, c, t, height);
	left -= height;
	for (size_t i = 0; story && story[i]; i++, left--) {
		fprintf(f, "%s\n", story[i]);
		free(story[i]);
	}
	free(story);
	for (size_t k = 0; k < c->nf; k++) {
		size_t n, show;
		const struct branch **rank = fork_ranked(&c->f[k], &n);
		show = left > 6 && (size_t)left < n ? (size_t)left : n;
		for (size_t i = 0; i < show; i++)
			put_row(f, &c->f[k], rank[i], t);
		if (n > show)
			fprintf(f, "  and %zu more\n", n - show);
		free(rank);
	}
}

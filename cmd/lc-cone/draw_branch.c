/* draw_branch: branches as curves, each by what became of it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "figure.h"

static const char *class_of(const struct branch *b)
{
	const char *role = b->role ? b->role : "arm";

	if (b->chosen)
		return "b chosen";
	if (branch_is_gone(b))
		return "b gone";
	if (branch_arm(b))
		return "b readout";
	return strcmp(role, "control") == 0				  ? "b control"
	       : strcmp(role, "null") == 0 || strcmp(role, "jitter") == 0 ? "b null"
									  : "b arm";
}

static void put_name(const struct figure *g, const struct fork *k, const struct branch *b)
{
	fputs(" data-b=\"", g->f);
	put_text(g->f, k->id);
	putc('/', g->f);
	put_text(g->f, b->id);
	putc('"', g->f);
}

/* Where it ended before its time: a mark of its own shape, and why. */
static void put_end(const struct figure *g, const struct axis *y, const struct fork *k,
		    const struct branch *b, const struct series *s)
{
	size_t i = s->n;

	while (i > 0 && !isfinite(s->y[i - 1]))
		i--;
	if (i == 0)
		return;
	fprintf(g->f, "<path class=\"b mark %s\"",
		strcmp(b->status, "killed") == 0 ? "killed" : "void");
	put_name(g, k, b);
	fprintf(g->f, " d=\"M%.1f,%.1fh0\"><title>", axis_at(&g->x, s->x[i - 1]),
		fmax(5, fmin(panel_down(y, s->y[i - 1]), y->size - 5)));
	put_text(g->f, b->id);
	fputs(" ", g->f);
	put_text(g->f, b->status);
	if (b->why) {
		fputs(": ", g->f);
		put_text(g->f, b->why);
	}
	fputs("</title></path>\n", g->f);
}

/* A branch in so many points; a segment from where its arm ended. */
static void joined(const struct fork *k, const struct branch *b, const struct series *s,
		   size_t points, struct series *out)
{
	const struct branch *arm = fork_find(k, b->id, branch_arm(b));
	const struct series *of = arm ? branch_curve(arm) : NULL;
	struct series thin;

	series_thin(s, points, &thin);
	*out = (struct series){0};
	if (of && of->n && series_end(of) < s->x[0] && (of == &arm->val) == (s == &b->val))
		series_add(out, series_end(of), series_last(of));
	for (size_t i = 0; i < thin.n; i++)
		series_add(out, thin.x[i], thin.y[i]);
	series_release(&thin);
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
	joined(k, b, s, points, &thin);
	fprintf(g->f, "<path class=\"%s\"", class_of(b));
	put_name(g, k, b);
	fputs(" d=\"", g->f);
	put_points(g, y, &thin);
	fputs("\"><title>", g->f);
	put_text(g->f, b->id);
	fputs(": ", g->f);
	put_text(g->f, words);
	fputs("</title></path>\n", g->f);
	if (branch_is_gone(b))
		put_end(g, y, k, b, s);
	series_release(&thin);
	free(words);
}

static int has_curve(const struct branch *b)
{
	return branch_curve(b)->n > 0;
}

/* The chosen last, over the others. */
void put_branches(const struct figure *g, const struct axis *y, const struct fork *k, size_t budget,
		  size_t most)
{
	size_t points, n = 0;

	for (size_t i = 0; i < k->n; i++)
		n += (size_t)has_curve(&k->b[i]);
	points = n ? budget / n : 0;
	points = points < 12 ? 12 : points > most ? most : points;
	for (int chosen = 0; chosen < 2; chosen++)
		for (size_t i = 0; i < k->n; i++)
			if (k->b[i].chosen == chosen)
				put_branch(g, y, k, &k->b[i], points);
}

/* draw_marks: what stands at a step: alerts, kept states, values that cannot be drawn. */
#include <math.h>
#include <string.h>

#include "figure.h"
#include "json.h"

#define FLAG_ROOM 70 /* pixels between the names of two alerts */

/* Values that are no numbers, or beyond the picture: marks at its top, those of a kind as one path.
 */
static void put_kind(const struct figure *g, const struct axis *y, const struct series *s,
		     int finite)
{
	double last = -10;
	int n = 0;

	for (size_t i = 0; i < s->n && n < MARKS; i++) {
		double x = axis_at(&g->x, s->x[i]);
		if ((isfinite(s->y[i]) ? 1 : 0) != finite || (finite && s->y[i] <= y->hi) ||
		    x < last + 3 || x < 0 || x > g->x.size)
			continue;
		if (n++ == 0)
			fprintf(g->f, "<path class=\"%s\" d=\"", finite ? "above" : "nan");
		fprintf(g->f, "M%.1f,5h0", x);
		last = x;
	}
	if (n)
		fprintf(g->f, "\"><title>%s</title></path>\n",
			finite ? "higher than the picture" : "not a number");
}

void put_beyond(const struct figure *g, const struct axis *y, const struct series *s)
{
	put_kind(g, y, s, 1);
	put_kind(g, y, s, 0);
}

static const char *type_of(const json_t *rec)
{
	return lc_json_get_str(rec, "type", "");
}

static int is_alert(const json_t *rec)
{
	return strcmp(type_of(rec), "alert") == 0;
}

static void put_alert(const struct figure *g, const struct axis *y, const json_t *a, double step)
{
	double at = axis_at(&g->x, step);
	double from = axis_at(&g->x, lc_json_get_num(a, "onset", step));

	fprintf(g->f, "<g class=\"%s\"><title>", is_alert(a) ? "alert" : "outlier");
	put_text(g->f, is_alert(a) ? lc_json_get_str(a, "kind", "alert") : "a step that stood out");
	fprintf(g->f, " at step %.0f", step);
	if (isfinite(lc_json_get_num(a, "index", NAN)))
		fprintf(g->f, ", index %.3g", lc_json_get_num(a, "index", NAN));
	fputs("</title>", g->f);
	if (is_alert(a) && from < at)
		fprintf(g->f, "<rect x=\"%.1f\" y=\"-%.0f\" width=\"%.1f\" height=\"%.0f\"/>",
			fmax(from, 0), y->size, at - fmax(from, 0), 3 * y->size);
	if (is_alert(a))
		fprintf(g->f, "<path d=\"M%.1f,-%.0fV%.0f\"/></g>\n", at, y->size, 2 * y->size);
	else
		fprintf(g->f, "<path d=\"M%.1f,0V8\"/></g>\n", at);
}

/* The step of an alarm that is in the picture, or NaN. */
static double seen_at(const struct figure *g, const json_t *a)
{
	double step = lc_json_get_num(a, "step", NAN), at = axis_at(&g->x, step);

	return at >= 0 && at <= g->x.size && (is_alert(a) || strcmp(type_of(a), "outlier") == 0)
		       ? step
		       : NAN;
}

/* Outliers first, alerts over them. */
void put_alerts(const struct figure *g, const struct axis *y, const struct cone *c)
{
	for (int alerts = 0; alerts < 2; alerts++) {
		size_t i, n = 0;
		json_t *a;
		json_array_foreach(c->alerts, i, a) {
			double step = seen_at(g, a);
			if (!isnan(step) && is_alert(a) == alerts && n++ < MARKS)
				put_alert(g, y, a, step);
		}
	}
}

/* In the figure, above its first panel's top: they are not stretched, but moved by a script. */
void put_flags(const struct figure *g, const struct cone *c)
{
	double last = -FLAG_ROOM;
	size_t i;
	json_t *a;

	fputs("<g class=\"flags\">", g->f);
	json_array_foreach(c->alerts, i, a) {
		double step = seen_at(g, a), at = axis_at(&g->x, step);
		if (isnan(step) || !is_alert(a) || fabs(at - last) < FLAG_ROOM)
			continue;
		fprintf(g->f, "<text class=\"flag%s\" data-x=\"%.1f\" x=\"%.1f\" y=\"%.0f\">",
			at > g->x.size - FLAG_ROOM ? " end" : "", at,
			g->left + at + (at > g->x.size - FLAG_ROOM ? -4 : 4), g->top + 14);
		put_text(g->f, lc_json_get_str(a, "kind", "alert"));
		fprintf(g->f, " %.0f</text>", step);
		last = at;
	}
	fputs("</g>\n", g->f);
}

void put_snapshots(const struct figure *g, const struct axis *y, const struct cone *c)
{
	size_t n = json_array_size(c->snapshots), step = n / MARKS + 1;

	for (size_t i = 0; i < n; i += step) {
		const json_t *s = json_array_get(c->snapshots, i);
		double at = axis_at(&g->x, lc_json_get_num(s, "step", NAN));
		if (!(at >= 0 && at <= g->x.size))
			continue;
		fprintf(g->f, "<path class=\"snap\" d=\"M%.1f,%.0fv-7\"><title>state kept: ", at,
			y->size);
		fprintf(g->f, "step %.0f, ", lc_json_get_num(s, "step", NAN));
		put_text(g->f, lc_json_get_str(s, "id", "?"));
		fputs("</title></path>\n", g->f);
	}
}

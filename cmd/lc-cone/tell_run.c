/* tell_run: where the run's curves begin and end, and where the loss is since an alert. */
#include <math.h>
#include <stdlib.h>

#include "io.h"
#include "json.h"
#include "tell.h"

/* The first or the last value that is a number; NaN: none is. at: its step, or NULL. */
static double edge(const struct series *s, int last, double *at)
{
	for (size_t i = 0; i < s->n; i++) {
		size_t k = last ? s->n - 1 - i : i;
		if (!isfinite(s->y[k]))
			continue;
		if (at)
			*at = s->x[k];
		return s->y[k];
	}
	return NAN;
}

static void tell_ends(FILE *f, const char *what, const struct series *s)
{
	fprintf(f, "the %s ", what);
	if (s->n == 1)
		fprintf(f, "is %.4g", s->y[0]);
	else
		fprintf(f, "went from %.4g to %.4g", edge(s, 0, NULL), edge(s, 1, NULL));
	if (s->n > 1 && !isfinite(series_last(s)))
		fputs(", and is no number at the end", f);
}

void tell_run(struct tellings *l, const struct cone *c)
{
	const struct series *s = c->c[LOSS].n ? &c->c[LOSS] : &c->c[VAL], *val = &c->c[VAL];
	const struct series *reward = &c->c[REWARD];
	char *text = NULL;
	size_t len;
	double held, at = 0;
	FILE *f;

	if (s->n == 0 && reward->n == 0) {
		tell_add(l, "The run", lc_path("no steps of its own are among these records."));
		return;
	}
	f = open_memstream(&text, &len);
	s = s->n ? s : reward;
	if (s->n > 1)
		fprintf(f, "steps %.0f to %.0f; ", s->x[0], s->x[s->n - 1]);
	else
		fprintf(f, "step %.0f alone; ", s->x[0]);
	if (s != reward && isnan(edge(s, 0, NULL)))
		fputs("no loss of it is a number", f);
	else if (s != reward)
		tell_ends(f, "loss", s);
	held = edge(val, 1, &at);
	if (s != val && isfinite(held))
		fprintf(f, ", held out it is %.4g at step %.0f", held, at);
	if (s != val && val->n && !isfinite(series_last(val)))
		fprintf(f, ", held out no number at step %.0f", series_end(val));
	if (reward->n) {
		fputs(s == reward ? "" : "; ", f);
		tell_ends(f, "reward", reward);
	}
	fputs(".", f);
	fclose(f);
	tell_add(l, "The run", text);
}

#define TYPICAL 20 /* values of which a median is taken */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* The median of the last values before step x that are numbers, of not before step x0; NaN: few. */
static double typical(const struct series *s, double x0, double x)
{
	double v[TYPICAL];
	size_t n = 0;

	for (size_t i = series_from(s, x); i-- > 0 && n < TYPICAL && s->x[i] >= x0;)
		if (isfinite(s->y[i]))
			v[n++] = s->y[i];
	qsort(v, n, sizeof(*v), by_value);
	return n < TYPICAL / 4 ? NAN : v[n / 2];
}

/* Is it over? Both figures are told; who reads judges. */
void tell_now(struct tellings *l, const struct cone *c, const json_t *a)
{
	const struct series *s = &c->c[LOSS];
	double step = lc_json_get_num(a, "step", NAN);
	double before = typical(s, 0, lc_json_get_num(a, "onset", step));
	double now = typical(s, step + 1, INFINITY);

	if (!isnan(before) && !isnan(now) && isfinite(series_last(s)))
		tell_add(l, "The loss now",
			 lc_path("%.4g at the end, by the median of up to %d steps; before step "
				 "%.0f it was %.4g.",
				 now, TYPICAL, lc_json_get_num(a, "onset", step), before));
}

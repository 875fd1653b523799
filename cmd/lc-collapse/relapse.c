/* relapse: see relapse.h. */
#include "relapse.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "detect.h"
#include "io.h"
#include "json.h"
#include "record.h"

struct watch {
	struct lc_detect *d;
	const struct future *f, *back; /* the future, and its return or NULL */
	struct lc_step *own;	       /* steps of these, in the order they came */
	int n, cap;
};

static void see(struct watch *w, const struct lc_step *st)
{
	struct lc_alert alert;

	if (!st->branch[0]) {
		if (st->step <= w->f->from_step)
			lc_detect_step(w->d, st, &alert);
		return;
	}
	if (strcmp(st->branch, w->f->id) != 0 && (!w->back || strcmp(st->branch, w->back->id) != 0))
		return;
	if (w->n == w->cap) {
		w->cap = w->cap ? 2 * w->cap : 256;
		w->own = lc_xrealloc(w->own, (size_t)w->cap, sizeof(*w->own));
	}
	w->own[w->n++] = *st;
}

static int read_steps(struct watch *w, const char *path, struct lc_err *err)
{
	struct lc_lines in;
	struct lc_step st;
	char *line;
	size_t len;
	int more;

	if (lc_lines_open(&in, path, 0, err) < 0)
		return -1;
	while ((more = lc_lines_next(&in, &line, &len, err)) > 0)
		if (lc_step_parse(line, len, NULL, &st, NULL) == 1)
			see(w, &st);
	lc_lines_close(&in);
	return more;
}

static int by_step(const void *a, const void *b)
{
	const struct lc_step *x = a, *y = b;

	return (x->step > y->step) - (x->step < y->step);
}

int relapse_of(struct relapse *r, const struct evidence *ev, const struct future *f,
	       char *const *paths, int n, struct lc_err *err)
{
	struct watch w = {.f = f, .back = evidence_segment(ev, f, "return")};
	struct lc_alert alert;
	int ret = 0;

	*r = (struct relapse){NAN, -1, lc_json_get_num(f->forecast, "diverge", NAN)};
	w.d = lc_detect_open(&lc_detect_defaults);
	for (int i = 0; i < n && ret == 0; i++)
		ret = strcmp(paths[i], "-") == 0 ? 0 : read_steps(&w, paths[i], err);
	if (w.n > 0)
		qsort(w.own, (size_t)w.n, sizeof(*w.own), by_step);
	for (int i = 0; i < w.n && lc_detect_values(w.d) >= lc_detect_defaults.min_steps; i++) {
		double index;
		lc_detect_step(w.d, &w.own[i], &alert);
		index = lc_detect_index(w.d);
		if (!(index <= r->index) && !isnan(index)) {
			r->index = index;
			r->step = w.own[i].step;
		}
	}
	lc_detect_close(w.d);
	free(w.own);
	return ret;
}

json_t *relapse_json(const struct relapse *r)
{
	json_t *rec;

	if (isnan(r->index) && isnan(r->hazard))
		return NULL;
	rec = json_object();
	if (!isnan(r->index)) {
		json_object_set_new(rec, "index", lc_json_num(round(1e4 * r->index) / 1e4));
		json_object_set_new(rec, "step", json_integer(r->step));
	}
	if (!isnan(r->hazard))
		json_object_set_new(rec, "hazard", lc_json_num(r->hazard));
	return rec;
}

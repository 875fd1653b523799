/* audit_forms: which form of the law the runs of the cases prefer (lib/forms.h). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "forms.h"
#include "io.h"

enum { FORM_RUNS = 12 };

/* A run of its own: all its values, and the lr and gvar it took from the start. */
struct form_run {
	struct lc_lrpath lr, gvar;
	double *at, *y;
	int n;
};

static void take_run(const struct lc_past *p, int series, struct form_run *r)
{
	const struct lc_series *s = &p->series[series];
	long vals = 0;

	memset(r, 0, sizeof(*r));
	r->at = lc_xalloc((size_t)s->n + 1, sizeof(double));
	r->y = lc_xalloc((size_t)s->n + 1, sizeof(double));
	lc_past_lrpath(p, series, -1, &r->lr);
	for (long i = 0; i < s->n; i++)
		vals += isfinite(s->row[i].val_loss);
	for (long i = 0; i < s->n; i++) {
		double y = vals >= 4 ? s->row[i].val_loss : s->row[i].loss;
		if (isfinite(s->row[i].gvar) && s->row[i].gvar > 0)
			lc_lrpath_add(&r->gvar, (double)s->row[i].step, s->row[i].gvar);
		/* warm-up and the first steps are no part of any of these forms */
		if (!isfinite(y) || (double)s->row[i].step < (double)s->row[s->n - 1].step / 20)
			continue;
		r->at[r->n] = (double)s->row[i].step;
		r->y[r->n++] = y;
	}
}

/* The parent of the first case and the branches of its group. */
static int take_runs(const struct options *o, const struct bt_case *c, int n, struct form_run *run)
{
	int m = 0;

	for (int i = 0; i < n && m < FORM_RUNS; i++) {
		struct bt_case all = c[i];
		struct lc_past past;
		if (strcmp(c[i].group, c[0].group) != 0)
			continue;
		if (!all.whole && !i)
			all.at = 1L << 40; /* the parent as far as it goes */
		case_read(o, &all, &past);
		if (!i)
			for (int k = 0; k + 1 < past.n && m < FORM_RUNS; k++)
				take_run(&past, k, &run[m++]);
		past.series[past.n - 1].from = c[i].whole ? 0 : c[i].at;
		if (m < FORM_RUNS)
			take_run(&past, past.n - 1, &run[m++]);
		lc_past_release(&past);
	}
	return m;
}

void audit_forms(const struct options *o, const struct bt_case *c, int n)
{
	struct form_run run[FORM_RUNS];
	struct lc_form_run in[FORM_RUNS];
	struct lc_form form[LC_FORMS];
	int m = take_runs(o, c, n, run), ok;
	struct lc_err err;
	char name[48];

	for (int i = 0; i < m; i++)
		in[i] = (struct lc_form_run){{run[i].n, run[i].at, run[i].y, &run[i].lr},
					     run[i].gvar.n ? &run[i].gvar : NULL};
	ok = lc_forms_check(in, m, form, &err) == 0;
	if (!ok && !o->quiet)
		lc_warn("audit: %s", err.text);
	if (ok && !o->json)
		printf("form check: %d runs, each forecast from the others; * is on the Pareto "
		       "front\n",
		       m);
	for (int i = 0; ok && i < LC_FORMS; i++) {
		if (!isfinite(form[i].rmse))
			continue;
		lc_form_name(&form[i], name);
		if (o->json) {
			json_t *j = audit_record("form", name);
			json_object_set_new(j, "params", json_integer(form[i].params));
			audit_put(j, "rmse", form[i].rmse);
			audit_put(j, "q", form[i].q);
			json_object_set_new(j, "front", json_boolean(form[i].front));
			audit_emit(j);
		} else {
			printf("  %c %-20s %3d parameters  rmse %.5f  q %.2f\n",
			       form[i].front ? '*' : ' ', name, form[i].params, form[i].rmse,
			       form[i].q);
		}
	}
	for (int i = 0; i < m; i++) {
		lc_lrpath_release(&run[i].lr);
		lc_lrpath_release(&run[i].gvar);
		free(run[i].at);
		free(run[i].y);
	}
}

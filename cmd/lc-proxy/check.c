/*
 * lc-proxy check: a forecast is a draft; the branch's real steps verify it, by an e-value
 * (lib/evalue.h), sharpen it, and say how many more of them would settle it.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "draft.h"
#include "io.h"
#include "json.h"
#include "proxy.h"
#include "stat.h"

#define WRONG 5. /* a draft off by so many of its sds all along should be found out */

/* The branch's rows as they were logged: a NaN that was written is one here. */
struct real {
	int n;
	double *at, *y; /* at: update of the run */
	char name[64];
};

/* The draft, its record and the branch's. */
struct drafted {
	json_t *forecast, *branch;
	struct lc_draft_read r;
};

static void bad(const char *fmt, const char *a, const char *b)
{
	struct lc_err err;

	lc_fail(&err, LC_DATA, fmt, a, b);
	lc_die(&err);
}

/* The records of that name, or of the only name there is; the last of each counts. */
static void find_records(const char *path, const char *name, struct drafted *out)
{
	struct lc_lines lines;
	struct lc_err err;
	char *text, first[64] = "";
	size_t len;
	int got, many = 0;

	if (lc_lines_open(&lines, path, 0, &err) < 0)
		lc_die(&err);
	while ((got = lc_lines_next(&lines, &text, &len, &err)) > 0) {
		json_t *j = text[0] == '{' ? lc_json_parse(text, len, path, NULL) : NULL,
		       **to = NULL;
		const char *is = lc_json_get_str(j, "branch", "");
		if (j && lc_record_is(j, "forecast", 1, NULL) == 1)
			to = &out->forecast;
		else if (j && lc_record_is(j, "branch", 1, NULL) == 1)
			to = &out->branch;
		if (to == &out->forecast) {
			many |= first[0] && strcmp(first, is) != 0;
			snprintf(first, sizeof(first), "%s", is);
		}
		if (to && (!*name || strcmp(is, name) == 0)) {
			json_decref(*to);
			*to = json_incref(j);
		}
		json_decref(j);
	}
	if (got < 0)
		lc_die(&err);
	lc_lines_close(&lines);
	if (!*name && many)
		bad("%s: forecasts of several branches, and the branch's rows do not say which%s",
		    path, "");
	if (!out->forecast)
		bad("%s: no forecast of branch %s", path, *name ? name : "(any)");
	if (out->branch && strcmp(lc_json_get_str(out->branch, "branch", ""),
				  lc_json_get_str(out->forecast, "branch", "")) != 0) {
		json_decref(out->branch);
		out->branch = NULL;
	}
	if (!out->branch)
		bad("%s: no branch record of %s: check takes what predict wrote, whole", path,
		    lc_json_get_str(out->forecast, "branch", ""));
}

/* Dies on a record that is not one of ours. */
static void read_draft(struct drafted *f)
{
	struct lc_err err;

	if (lc_draft_read(&f->r, f->forecast, f->branch, &err) < 0)
		lc_die(&err);
}

static void take_row(struct real *r, int *cap, double step, double y)
{
	while (r->n && r->at[r->n - 1] >= step) /* resumed: the newest wins */
		r->n--;
	if (r->n == *cap) {
		*cap = *cap ? 2 * *cap : 64;
		r->at = lc_xrealloc(r->at, (size_t)*cap, sizeof(double));
		r->y = lc_xrealloc(r->y, (size_t)*cap, sizeof(double));
	}
	r->at[r->n] = step;
	r->y[r->n++] = y;
}

/*
 * The branch's log. past NULL: only the name in its first row, into r->name; else the rows of that
 * name, into r (their metric m) and as a series of the past called `as`.
 */
static void read_real(const struct options *o, struct real *r, struct lc_past *past, const char *as,
		      enum lc_metric m)
{
	struct lc_lines lines;
	struct lc_step st;
	struct lc_err err;
	char *text;
	size_t len;
	int got, cap = 0;

	if (lc_lines_open(&lines, o->arg[0], 0, &err) < 0)
		lc_die(&err);
	while ((got = lc_lines_next(&lines, &text, &len, &err)) > 0) {
		if (lc_step_parse(text, len, &o->names, &st, NULL) != 1)
			continue;
		if (!past) {
			snprintf(r->name, sizeof(r->name), "%s", st.branch);
			break;
		}
		if (strcmp(st.branch, r->name) != 0)
			continue;
		snprintf(st.branch, sizeof(st.branch), "%s", as);
		lc_past_add(past, &st);
		if (lc_step_has(&st, m))
			take_row(r, &cap, (double)st.step, st.v[m]);
	}
	if (got < 0)
		lc_die(&err);
	lc_lines_close(&lines);
}

/* A branch whose log has no lr took what its record says. */
static void fill_lr(const struct lc_law *law, const struct lc_forecast *ask, struct lc_series *s)
{
	for (long i = 0; i < s->n && law->eta_ref > 0; i++) {
		double t = (double)s->row[i].step - ask->from;
		struct lc_lrpath path = {ask->nknot, 0, (double *)ask->knot, (double *)ask->eta};
		if (isnan(s->row[i].lr) && t > 0)
			s->row[i].lr = law->eta_ref * lc_lrpath_at(&path, t);
	}
}

/* Median distance of the values: how often the branch is read. */
static double spacing(const struct real *r)
{
	double *d = lc_xalloc((size_t)r->n + 1, sizeof(*d)), mid;

	for (int i = 1; i < r->n; i++)
		d[i - 1] = r->at[i] - r->at[i - 1];
	mid = r->n > 1 ? lc_median(d, (size_t)r->n - 1) : r->n ? fmax(r->at[0], 1) : 1;
	free(d);
	return mid;
}

static void put(json_t *j, const char *key, double x)
{
	char text[32];

	snprintf(text, sizeof(text), "%.4g", x);
	json_object_set_new(j, key, lc_json_num(strtod(text, NULL)));
}

static void report(const struct options *o, const struct drafted *f, const struct real *r,
		   const struct lc_evalue *e)
{
	double seen = r->n ? r->at[r->n - 1] : 0, end = f->r.at[f->r.d.n - 1], more = 0;
	const char *name = lc_json_get_str(f->branch, "branch", "");
	json_t *j = lc_record_new("check", 1);
	struct lc_err err;

	if (isnan(e->step)) {
		double reach = lc_evalue_reach(&f->r.d, spacing(r), WRONG, o->delta);
		more = fmax(0, (isnan(reach) ? end : reach) - fmin(seen, end));
	}
	json_object_set_new(j, "branch", json_string(name));
	json_object_set_new(j, "metric", json_string(lc_metric_name(f->r.metric)));
	json_object_set_new(j, "n", json_integer(e->n));
	json_object_set_new(j, "steps", json_integer((long)seen));
	put(j, "log_e", e->log_e);
	json_object_set_new(j, "rejected", json_boolean(!isnan(e->step)));
	if (!isnan(e->step))
		json_object_set_new(j, "rejected_at", json_integer((long)(f->r.from + e->step)));
	put(j, "delta", o->delta);
	put(j, "misfit", e->misfit);
	put(j, "score", e->score);
	json_object_set_new(j, "more", json_integer((long)ceil(more)));
	if (lc_json_emit(stdout, j, &err) < 0)
		lc_die(&err);
	json_decref(j);
	if (!o->quiet && !isnan(e->step))
		lc_warn("%s: the draft is wrong, seen at step %.0f (would a right one be rejected: "
			"%g)",
			name, f->r.from + e->step, o->delta);
	else if (!o->quiet)
		lc_warn("%s: %d values over %.0f steps agree with the draft; %.0f more would show "
			"one "
			"that is wrong by %g sd",
			name, e->n, seen, more, WRONG);
}

/* The forecast given all that is known now, the branch's steps among it. */
static void forecast_anew(struct lc_law *law, const struct lc_schedule *plan,
			  const struct options *o, const struct drafted *f)
{
	struct lc_forecaster *fc = lc_forecaster_open(law, plan, o->points);
	struct lc_forecast ask;
	struct lc_err err;

	if (lc_forecast_ask(fc, f->branch, &ask, &err) < 0 ||
	    lc_json_emit(stdout, f->branch, &err) < 0)
		lc_die(&err);
	lc_forecast_run(fc, &ask, 1, NULL);
	if (lc_forecast_check(&ask, &err) < 0)
		lc_die(&err);
	lc_forecast_print(fc, &ask, stdout);
	lc_forecaster_close(fc);
}

/* The law of the history and the branch together, whose lr is its record's where it logged none. */
static void refit(const struct options *o, const struct drafted *f, struct lc_past *past,
		  struct lc_law *law, const struct lc_schedule *plan)
{
	struct lc_forecaster *fc = lc_forecaster_open(law, plan, 1);
	int at = lc_past_find(past, lc_json_get_str(f->branch, "branch", ""));
	struct lc_law_model *model;
	struct lc_forecast ask;
	struct lc_err err;

	if (lc_forecast_ask(fc, f->branch, &ask, &err) < 0)
		lc_die(&err);
	lc_forecaster_close(fc);
	if (at < 0 || past->series[at].n == 0)
		return;
	fill_lr(law, &ask, &past->series[at]);
	lc_law_release(law);
	model = read_model(o);
	if (lc_law_fit_model(law, past, (double)plan->total, model, &err) < 0)
		die_of_history(o, &err);
	if (model)
		lc_model_release(model);
	free(model);
}

int cmd_check(const struct options *o)
{
	struct drafted f = {0};
	struct lc_schedule plan;
	struct real r = {0};
	struct lc_past past;
	struct lc_evalue e;
	struct lc_law law;

	if (!o->forecast || o->narg != 1)
		lc_usage("check: wants -f FORECAST and one log of the branch");
	if (!o->nhistory)
		lc_usage("check: wants -H, the run's log");
	read_real(o, &r, NULL, NULL, LC_LOSS);
	find_records(o->forecast, r.name, &f);
	read_draft(&f);
	get_law(o, &law, &plan);
	read_history(o, &past);
	lc_past_branch(&past, f.branch);
	read_real(o, &r, &past, lc_json_get_str(f.branch, "branch", ""), f.r.metric);
	for (int i = 0; i < r.n; i++)
		r.at[i] -= f.r.from;
	f.r.d.noise = law.noise;
	lc_evalue_test(&f.r.d, r.at, r.y, r.n, o->delta, &e);
	report(o, &f, &r, &e);
	refit(o, &f, &past, &law, &plan);
	forecast_anew(&law, &plan, o, &f);
	json_decref(f.forecast);
	json_decref(f.branch);
	lc_draft_release(&f.r);
	free(r.at);
	free(r.y);
	lc_law_release(&law);
	lc_past_release(&past);
	return isnan(e.step) ? LC_OK : LC_NO;
}

/*
 * record: alerts and events as records, lc-record(5).
 */
#include <math.h>
#include <string.h>

#include "json.h"
#include "run.h"

static const char *metric_name(const struct run *r, enum lc_metric m)
{
	if (m >= LC_OWN1 && m <= LC_OWN4 && r->asked->own[m - LC_OWN1][0])
		return r->asked->own[m - LC_OWN1];
	return lc_metric_name(m);
}

/* Two digits after the point are enough for a score. */
static json_t *two_digits(double x)
{
	return lc_json_num(isfinite(x) ? round(100 * x) / 100 : x);
}

static void set(json_t *rec, const char *name, json_t *v)
{
	json_object_set_new(rec, name, v);
}

static json_t *begin(const struct run *r, const char *type, const struct lc_step *st, long step)
{
	json_t *rec = lc_record_new(type, 1);

	if (r->file)
		set(rec, "file", json_string(r->file));
	if (st->run[0])
		set(rec, "run", json_string(st->run));
	set(rec, "step", json_integer(step));
	return rec;
}

/* As the index is shown, but that a very low one does not become 0. */
static json_t *threshold(double x)
{
	return x < .01 ? lc_json_num(x) : two_digits(x);
}

/* The scores of all signals that have one. */
static json_t *signals_now(const struct run *r)
{
	json_t *all = json_object();
	struct lc_signal s[64];
	int n = lc_detect_signals(r->d, s, 64);
	char name[80];

	for (int i = 0; i < n; i++) {
		const char *metric = s[i].name ? s[i].name : metric_name(r, s[i].metric);

		snprintf(name, sizeof(name), "%s%s%s", metric, s[i].suffix[0] ? "_" : "",
			 s[i].suffix);
		set(all, name, two_digits(s[i].score));
	}
	return all;
}

/* Of loss and gradient norm the largest of the last steps: what the alert is about. */
static json_t *signals_of(const struct run *r, const struct lc_alert *a, const struct lc_step *st)
{
	json_t *all = json_object(), *now = signals_now(r);
	int gone = a->kind == LC_NONFINITE && a->first == LC_LOSS && !isfinite(st->v[LC_LOSS]);

	if (gone || !isnan(a->loss_z))
		set(all, "loss", two_digits(gone ? INFINITY : a->loss_z));
	if (!isnan(a->grad_z))
		set(all, "grad_norm", two_digits(a->grad_z));
	if (a->kind != LC_NONFINITE)
		json_object_update_missing(all, now);
	json_decref(now);
	return all;
}

json_t *record_alert(const struct run *r, const struct lc_alert *a, const struct lc_step *st)
{
	json_t *rec = begin(r, "alert", st, a->step);

	set(rec, "index", two_digits(a->index));
	set(rec, "threshold", threshold(a->threshold));
	set(rec, "kind", json_string(lc_alert_kind_name(a->kind)));
	set(rec, "onset", json_integer(a->onset));
	set(rec, "rewind", json_integer(a->rewind));
	set(rec, "signals", signals_of(r, a, st));
	set(rec, "first", json_string(metric_name(r, a->first)));
	return rec;
}

static json_t *outlier(const struct run *r, const struct lc_event *ev, const struct lc_step *st)
{
	static const char *const causes[] = {"unknown", "data", "missing"};
	json_t *rec = begin(r, "outlier", st, ev->step), *signals = json_object();

	set(signals, metric_name(r, ev->metric), two_digits(ev->score));
	set(rec, "signals", signals);
	set(rec, "cause", json_string(causes[ev->cause]));
	return rec;
}

static json_t *end(const struct run *r, const struct lc_event *ev, const struct lc_step *st)
{
	json_t *rec = begin(r, "end", st, ev->step);

	set(rec, "kind", json_string(lc_alert_kind_name(ev->alert.kind)));
	set(rec, "alert", json_integer(ev->alert.step));
	set(rec, "onset", json_integer(ev->alert.onset));
	set(rec, "peak", two_digits(ev->score));
	set(rec, "recovered", json_boolean(ev->recovered));
	return rec;
}

static json_t *warning(const struct run *r, const struct lc_event *ev, const struct lc_step *st)
{
	json_t *rec = begin(r, "warning", st, ev->step);

	set(rec, "signal", json_string(metric_name(r, ev->metric)));
	set(rec, "now", lc_json_num(ev->score));
	set(rec, "crosses", lc_json_num(ev->level));
	set(rec, "in", json_integer((long)ceil(ev->steps)));
	return rec;
}

json_t *record_event(const struct run *r, const struct lc_event *ev, const struct lc_step *st)
{
	switch (ev->type) {
	case LC_OUTLIER: return outlier(r, ev, st);
	case LC_END: return end(r, ev, st);
	default: return warning(r, ev, st);
	}
}

/* What the step logged: who draws the index draws these over it. */
static json_t *metrics_of(const struct run *r, const struct lc_step *st)
{
	json_t *all = json_object();

	for (int m = 0; m < LC_METRICS; m++)
		if (lc_step_has(st, m) && m != LC_TOKENS && m != LC_WALL_S)
			set(all, metric_name(r, m), lc_json_num(st->v[m]));
	return all;
}

json_t *record_index(const struct run *r, const struct lc_step *st)
{
	json_t *rec = begin(r, "index", st, st->step);
	double index = lc_detect_index(r->d);

	set(rec, "index", lc_json_num(isfinite(index) ? round(1e4 * index) / 1e4 : index));
	set(rec, "signals", signals_now(r));
	set(rec, "metrics", metrics_of(r, st));
	return rec;
}

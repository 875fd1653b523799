/* judge: the index of a run whose records have none: lc-detect's, with its defaults. */
#include <math.h>
#include <stdio.h>

#include "detect.h"
#include "io.h"
#include "json.h"
#include "take.h"

static json_t *alert_record(const struct lc_alert *a)
{
	json_t *rec = lc_record_new("alert", 1);

	json_object_set_new(rec, "step", json_integer(a->step));
	json_object_set_new(rec, "index", lc_json_num(a->index));
	json_object_set_new(rec, "threshold", lc_json_num(a->threshold));
	json_object_set_new(rec, "kind", json_string(lc_alert_kind_name(a->kind)));
	json_object_set_new(rec, "onset", json_integer(a->onset));
	json_object_set_new(rec, "rewind", json_integer(a->rewind));
	json_object_set_new(rec, "first", json_string(lc_metric_name(a->first)));
	return rec;
}

static json_t *outlier_record(const struct lc_event *ev)
{
	json_t *rec = lc_record_new("outlier", 1);

	json_object_set_new(rec, "step", json_integer(ev->step));
	return rec;
}

static void keep_scores(struct cone *c, const struct lc_detect *d, double x)
{
	double index = lc_detect_index(d);
	struct lc_signal s[64];
	char name[80];
	int n;

	if (isnan(index))
		return;
	series_put(&c->c[INDEX], x, index);
	n = lc_detect_signals(d, s, 64);
	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%s%s%s",
			 s[i].name ? s[i].name : lc_metric_name(s[i].metric),
			 s[i].suffix[0] ? "_" : "", s[i].suffix);
		cone_signal(c, name, (size_t)i, x, s[i].score);
	}
}

/* Signs of what is found here, until records say otherwise. */
static void keep(struct cone *c, json_t *rec)
{
	json_object_set_new(rec, "own", json_true());
	json_array_append_new(c->alerts, rec);
}

static int has_alert(const struct cone *c)
{
	for (size_t i = 0; i < json_array_size(c->alerts); i++) {
		const json_t *a = json_array_get(c->alerts, i);
		if (!json_object_get(a, "own"))
			return 1;
	}
	return 0;
}

void judge_step(struct cone *c, const struct lc_step *st)
{
	struct lc_detect_conf conf = lc_detect_defaults;
	struct lc_alert alert;
	struct lc_event ev;

	if (c->index == TOLD)
		return;
	if (!c->judge) {
		conf.profile = lc_step_has(st, LC_REWARD) ? LC_PROFILE_RL : LC_PROFILE_LM;
		c->judge = lc_detect_open(&conf);
		c->index = JUDGED;
		c->alarmed = has_alert(c);
	}
	if (lc_detect_step(c->judge, st, &alert) && !c->alarmed)
		keep(c, alert_record(&alert));
	while (lc_detect_event(c->judge, &ev))
		if (ev.type == LC_OUTLIER && !c->alarmed)
			keep(c, outlier_record(&ev));
	keep_scores(c, c->judge, (double)st->step);
}

void judge_rewind(struct cone *c, long step)
{
	if (c->judge)
		lc_detect_rewind(c->judge, step);
}

/* Records have alerts: those found here are none. */
void judge_hush(struct cone *c)
{
	c->alarmed = 1;
	for (size_t i = json_array_size(c->alerts); i-- > 0;)
		if (json_object_get(json_array_get(c->alerts, i), "own"))
			json_array_remove(c->alerts, i);
	c->alerts_told = 0;
}

void judge_end(struct cone *c)
{
	size_t kept = 0;

	lc_detect_close(c->judge);
	c->judge = NULL;
	if (c->index != JUDGED)
		return;
	judge_hush(c);
	c->c[INDEX].n = 0;
	for (size_t k = 0; k < c->nsig; k++)
		c->sig[k].s.n = 0;
	for (size_t k = 0; k < c->nleft; k++)
		if (c->left[k].of == INDEX || c->left[k].of >= CURVES)
			series_release(&c->left[k].s);
		else
			c->left[kept++] = c->left[k];
	c->nleft = kept;
}

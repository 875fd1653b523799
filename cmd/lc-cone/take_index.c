/*
 * take_index: index records, a line each for every step: read without building them (scan.h), since
 * there are as many as there are steps.
 */
#include <math.h>
#include <string.h>

#include "json.h"
#include "scan.h"
#include "take.h"

/* What is read of one. */
struct index {
	double step, index;
	const char *signals, *metrics; /* after the brackets that open them, or NULL */
};

typedef void member_fn(void *ctx, const char *name, const struct lc_value *v, const char *at);

/* Each member of an object whose bracket is passed; at: where its value begins. 0, or -1. */
static int members(struct lc_scan *s, member_fn *fn, void *ctx)
{
	struct lc_text key;
	struct lc_value v;
	char name[96];
	const char *at;

	for (;;) {
		lc_scan_space(s);
		if (s->p < s->end && *s->p == ',') {
			s->p++;
			continue;
		}
		if (s->p < s->end && *s->p == '}')
			return 0;
		if (s->p >= s->end || *s->p++ != '"' || lc_scan_string(s, &key) < 0)
			return -1;
		lc_text_copy(&key, name, sizeof(name));
		lc_scan_space(s);
		if (s->p >= s->end || *s->p++ != ':')
			return -1;
		lc_scan_space(s);
		at = s->p;
		if (lc_scan_value(s, &v) < 0)
			return -1;
		fn(ctx, name, &v, at);
	}
}

static void take_member(void *ctx, const char *name, const struct lc_value *v, const char *at)
{
	struct index *x = ctx;

	if (strcmp(name, "step") == 0)
		lc_value_num(v, &x->step);
	else if (strcmp(name, "index") == 0)
		lc_value_num(v, &x->index);
	else if (strcmp(name, "signals") == 0 && *at == '{')
		x->signals = at + 1;
	else if (strcmp(name, "metrics") == 0 && *at == '{')
		x->metrics = at + 1;
}

struct scores {
	struct cone *c;
	double step;
	size_t at;
};

static void take_score(void *ctx, const char *name, const struct lc_value *v, const char *at)
{
	struct scores *s = ctx;
	double score;

	(void)at;
	if (lc_value_num(v, &score))
		cone_signal(s->c, name, s->at, s->step, score);
	s->at++;
}

static void take_metric(void *ctx, const char *name, const struct lc_value *v, const char *at)
{
	struct lc_step *st = ctx;

	(void)at;
	for (int m = 0; m < LC_OWN1; m++)
		if (strcmp(name, lc_metric_name(m)) == 0 && lc_value_num(v, &st->v[m]))
			st->has |= 1u << m;
}

int index_is(const char *line, size_t len)
{
	static const char start[] = "{\"type\":\"index\",";

	return len >= sizeof(start) && memcmp(line, start, sizeof(start) - 1) == 0;
}

int index_take(struct cone *c, const char *line, size_t len, struct lc_err *err)
{
	struct lc_scan s = {line, line + 1, line + len, err}, in = s;
	struct index x = {NAN, NAN, NULL, NULL};
	struct scores scores = {c, NAN, 0};
	struct lc_step st = {0};

	if (members(&s, take_member, &x) < 0)
		return lc_fail(err, LC_DATA, "index record broken off");
	if (!(x.step >= 0 && x.step < 1e15))
		return 0;
	if (x.metrics && !c->stepped) {
		in.p = x.metrics;
		members(&in, take_metric, &st);
		st.step = (long)x.step;
		run_metrics(c, &st);
	}
	if (isnan(x.index)) /* a young run has none */
		return 0;
	run_index(c, x.step, x.index);
	scores.step = x.step;
	in.p = x.signals;
	if (x.signals)
		members(&in, take_score, &scores);
	return 0;
}

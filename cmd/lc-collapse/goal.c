/* goal: see goal.h. */
#include "goal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int metric_named(const char *name, size_t len)
{
	for (int m = 0; m < LC_OWN1; m++)
		if (strlen(lc_metric_name(m)) == len && memcmp(lc_metric_name(m), name, len) == 0)
			return m;
	return -1;
}

static int number(const char *text, double *x)
{
	char *end;

	*x = strtod(text, &end);
	return end == text || *end || !isfinite(*x) ? -1 : 0;
}

int goal_add(struct goal *g, const char *text, struct lc_err *err)
{
	int max = strncmp(text, "max:", 4) == 0, metric;
	const char *name = text + 4, *colon;
	double weight = 1;

	if (!max && strncmp(text, "min:", 4) != 0)
		return lc_fail(err, LC_USAGE, "objective %.60s: wants min:METRIC or max:METRIC",
			       text);
	colon = strchr(name, ':');
	metric = metric_named(name, colon ? (size_t)(colon - name) : strlen(name));
	if (metric < 0)
		return lc_fail(err, LC_USAGE, "objective %.60s: no such metric", text);
	if (colon && (number(colon + 1, &weight) < 0 || !(weight > 0)))
		return lc_fail(err, LC_USAGE, "objective %.60s: a weight is a number above 0",
			       text);
	if (g->terms == GOAL_MOST || strlen(text) >= sizeof(g->term[0].text))
		return lc_fail(err, LC_USAGE, "objective %.60s: one too many, or too long", text);
	g->term[g->terms].metric = (enum lc_metric)metric;
	g->term[g->terms].weight = max ? -weight : weight;
	strcpy(g->term[g->terms++].text, text);
	return 0;
}

int goal_limit(struct goal *g, const char *text, struct lc_err *err)
{
	size_t len = strcspn(text, "<>");
	int metric = metric_named(text, len);
	double bound;

	if (metric < 0 || !text[len] || number(text + len + 1, &bound) < 0)
		return lc_fail(err, LC_USAGE, "limit %.60s: wants METRIC<NUMBER or METRIC>NUMBER",
			       text);
	if (g->limits == GOAL_MOST || strlen(text) >= sizeof(g->limit[0].text))
		return lc_fail(err, LC_USAGE, "limit %.60s: one too many, or too long", text);
	g->limit[g->limits].metric = (enum lc_metric)metric;
	g->limit[g->limits].bound = bound;
	g->limit[g->limits].above = text[len] == '>';
	strcpy(g->limit[g->limits++].text, text);
	return 0;
}

double goal_score(const struct goal *g, const double v[LC_METRICS])
{
	double sum = 0;

	for (int i = 0; i < g->terms; i++)
		sum += g->term[i].weight * v[g->term[i].metric];
	return sum;
}

void goal_write(json_t *decision, const struct goal *g)
{
	json_t *terms = json_array(), *limits = json_array();

	for (int i = 0; i < g->terms; i++)
		json_array_append_new(terms, json_string(g->term[i].text));
	for (int i = 0; i < g->limits; i++)
		json_array_append_new(limits, json_string(g->limit[i].text));
	if (g->terms)
		json_object_set(decision, "objective", terms);
	if (g->limits)
		json_object_set(decision, "limits", limits);
	json_decref(terms);
	json_decref(limits);
}

int goal_read(struct goal *g, const json_t *decision, struct lc_err *err)
{
	const json_t *terms = json_object_get(decision, "objective");
	const json_t *limits = json_object_get(decision, "limits");
	const char *text;
	struct lc_err why;

	memset(g, 0, sizeof(*g));
	for (size_t i = 0; i < json_array_size(terms); i++) {
		text = json_string_value(json_array_get(terms, i));
		if (!text || goal_add(g, text, &why) < 0)
			return lc_fail(err, LC_DATA, "the decision's objective is none");
	}
	for (size_t i = 0; i < json_array_size(limits); i++) {
		text = json_string_value(json_array_get(limits, i));
		if (!text || goal_limit(g, text, &why) < 0)
			return lc_fail(err, LC_DATA, "the decision's limits are none");
	}
	return 0;
}

void goal_text(const struct goal *g, char *text, size_t size)
{
	size_t n = 0;

	text[0] = '\0';
	for (int i = 0; i < g->terms && n < size; i++)
		n += (size_t)snprintf(text + n, size - n, "%s%s", i ? " + " : "", g->term[i].text);
}

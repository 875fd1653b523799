/* goal: see goal.h. */
#include "goal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"

#define OWN_MOST (LC_METRICS - LC_OWN1)
#define OWN_RANK 100 /* of a name that the user gave (names.h) */

/* The metric that is logged under this name, one of the user's own where lc-record(5) does not know
 * it; -1: no such name, -2: one name too many. */
static int metric_named(struct goal *g, const char *name, size_t len)
{
	int rank, key = lc_names_key(&g->names, name, len, &rank);
	char arg[128];

	if (key != LC_KEY_NONE && key < LC_OWN1)
		return key;
	if (key >= LC_METRICS || len == 0)
		return -1;
	if (rank == OWN_RANK && key != LC_KEY_NONE)
		return key;
	if (g->names.n == OWN_MOST)
		return -2;
	snprintf(arg, sizeof(arg), "own%d=%.*s", g->names.n + 1, (int)len, name);
	return lc_names_add(&g->names, arg, NULL) < 0 ? -1 : LC_OWN1 + g->names.n - 1;
}

/* The other held-out half of val_X is test_X; -1: no such thing, -2: one name too many. */
static int twin_named(struct goal *g, const char *name, size_t len)
{
	static const char *const held[] = {"val", "valid", "validation", "eval", "dev"};
	size_t first = strcspn(name, "_/.-:");
	char twin[96];

	for (size_t i = 0; i < sizeof(held) / sizeof(held[0]); i++) {
		if (first >= len || strlen(held[i]) != first || memcmp(held[i], name, first) != 0)
			continue;
		snprintf(twin, sizeof(twin), "test%.*s", (int)(len - first), name + first);
		return metric_named(g, twin, strlen(twin));
	}
	return -1;
}

static int number(const char *text, double *x)
{
	char *end;

	*x = strtod(text, &end);
	return end == text || *end || !isfinite(*x) ? -1 : 0;
}

/* What is no UTF-8, or too long, no decision could hold. */
static int is_text(const char *text)
{
	json_t *j =
		strlen(text) < sizeof(((struct goal *)0)->term[0].text) ? json_string(text) : NULL;

	json_decref(j);
	return j != NULL;
}

static int no_metric(int is, const char *what, const char *text, struct lc_err *err)
{
	return is == -1 ? lc_fail(err, LC_USAGE, "%s %.60s: names no metric", what, text)
			: lc_fail(err, LC_USAGE,
				  "%s %.60s: more than %d names of one's own (val_X brings test_X)",
				  what, text, OWN_MOST);
}

int goal_add(struct goal *g, const char *text, struct lc_err *err)
{
	int max = strncmp(text, "max:", 4) == 0, metric, twin;
	const char *name = text + 4, *colon;
	double weight = 1;
	size_t len;

	if (!max && strncmp(text, "min:", 4) != 0)
		return lc_fail(err, LC_USAGE, "objective %.60s: wants min:METRIC or max:METRIC",
			       text);
	colon = strchr(name, ':');
	len = colon ? (size_t)(colon - name) : strlen(name);
	if (colon && (number(colon + 1, &weight) < 0 || !(weight > 0)))
		return lc_fail(err, LC_USAGE, "objective %.60s: a weight is a number above 0",
			       text);
	if (g->terms == GOAL_MOST || !is_text(text))
		return lc_fail(err, LC_USAGE, "objective %.60s: one too many, or too long", text);
	metric = metric_named(g, name, len);
	twin = metric < 0 ? -1 : twin_named(g, name, len);
	if (metric < 0 || twin < -1)
		return no_metric(metric < 0 ? metric : twin, "objective", text, err);
	g->term[g->terms].metric = (enum lc_metric)metric;
	g->term[g->terms].twin = twin;
	g->term[g->terms].weight = max ? -weight : weight;
	strcpy(g->term[g->terms++].text, text);
	return 0;
}

int goal_limit(struct goal *g, const char *text, struct lc_err *err)
{
	size_t len = strcspn(text, "<>");
	double bound;
	int metric;

	if (!text[len] || number(text + len + 1, &bound) < 0)
		return lc_fail(err, LC_USAGE, "limit %.60s: wants METRIC<NUMBER or METRIC>NUMBER",
			       text);
	if (g->limits == GOAL_MOST || !is_text(text))
		return lc_fail(err, LC_USAGE, "limit %.60s: one too many, or too long", text);
	metric = metric_named(g, text, len);
	if (metric < 0)
		return no_metric(metric, "limit", text, err);
	g->limit[g->limits].metric = (enum lc_metric)metric;
	g->limit[g->limits].bound = bound;
	g->limit[g->limits].above = text[len] == '>';
	strcpy(g->limit[g->limits++].text, text);
	return 0;
}

double goal_score(const struct goal *g, const double v[LC_METRICS], int held)
{
	double sum = 0;

	for (int i = 0; i < g->terms; i++) {
		int m = held ? g->term[i].twin : (int)g->term[i].metric;
		sum += m < 0 ? NAN : g->term[i].weight * v[m];
	}
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

static const char *name_of(const struct goal *g, int m)
{
	return m < LC_OWN1 ? lc_metric_name((enum lc_metric)m) : g->names.map[m - LC_OWN1].name;
}

void goal_text(const struct goal *g, int held, char *text, size_t size)
{
	size_t n = 0;

	text[0] = '\0';
	for (int i = 0; i < g->terms && n < size; i++) {
		const char *t = g->term[i].text, *weight = strchr(t + 4, ':');
		if (held && g->term[i].twin >= 0)
			n += (size_t)snprintf(text + n, size - n, "%s%.4s%s%s", i ? " + " : "", t,
					      name_of(g, g->term[i].twin), weight ? weight : "");
		else
			n += (size_t)snprintf(text + n, size - n, "%s%s", i ? " + " : "", t);
	}
}

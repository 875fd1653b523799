/* case: see case.h. */
#include "case.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "json.h"

static char *copy(const char *s)
{
	return lc_path("%s", s);
}

/* "run" is short for run.jsonl, where there is no file of that name. */
static char *file_of(const char *name)
{
	char *longer = lc_path("%s.jsonl", name);

	if (access(name, F_OK) < 0 && access(longer, F_OK) == 0)
		return longer;
	free(longer);
	return copy(name);
}

void case_parse(struct bt_case *c, const json_t *j)
{
	const char *parent = lc_json_get_str(j, "parent", lc_json_get_str(j, "best_parent", ""));
	const char *branch = lc_json_get_str(j, "branch", "");
	struct lc_err err;
	json_t *one;
	size_t i;

	memset(c, 0, sizeof(*c));
	if (!*parent || !*branch) {
		lc_fail(&err, LC_DATA, "case: wants a parent and a branch");
		lc_die(&err);
	}
	c->parent = copy(parent);
	c->branch = copy(branch);
	c->group = copy(lc_json_get_str(j, "group", parent));
	c->strata = json_incref(json_object_get(j, "strata"));
	c->at = lc_json_get_int(j, "fork_step", 0);
	c->probe = lc_json_get_int(j, "probe", 0);
	c->whole = json_is_true(json_object_get(j, "whole"));
	c->known = lc_xalloc(json_array_size(json_object_get(j, "known")) + 1, sizeof(*c->known));
	json_array_foreach(json_object_get(j, "known"), i, one)
		if (json_is_string(one))
			c->known[c->nknown++] = copy(json_string_value(one));
}

void case_release(struct bt_case *c)
{
	for (int i = 0; i < c->nknown; i++)
		free(c->known[i]);
	free(c->known);
	free(c->parent);
	free(c->branch);
	free(c->group);
	json_decref(c->strata);
}

int cases_load(const char *path, struct bt_case **all)
{
	struct lc_lines lines;
	struct lc_err err;
	char *text, what[256];
	size_t len;
	int got, n = 0;

	*all = NULL;
	if (lc_lines_open(&lines, path, 0, &err) < 0)
		lc_die(&err);
	while ((got = lc_lines_next(&lines, &text, &len, &err)) > 0) {
		json_t *j;
		if (text[strspn(text, " \t")] == 0)
			continue;
		snprintf(what, sizeof(what), "%.200s line %lu", path, lines.line);
		if (!(j = lc_json_parse(text, len, what, &err)))
			lc_die(&err);
		*all = lc_xrealloc(*all, (size_t)n + 1, sizeof(**all));
		case_parse(&(*all)[n++], j);
		json_decref(j);
	}
	if (got < 0)
		lc_die(&err);
	lc_lines_close(&lines);
	if (n == 0)
		lc_warn("%s: no cases", path);
	return n;
}

void cases_release(struct bt_case *all, int n)
{
	for (int i = 0; i < n; i++)
		case_release(&all[i]);
	free(all);
}

int case_series(const struct options *o, struct lc_past *past, const char *name, long from)
{
	char *path = file_of(name);
	struct lc_past one;
	struct lc_err err;
	struct lc_series *s;
	int take = 0;

	lc_past_init(&one);
	if (lc_past_read(&one, path, &o->names, &err) < 0)
		lc_die(&err);
	for (int i = 0; i < one.n; i++) /* a branch's rows may carry its name */
		if (one.series[i].n > one.series[take].n)
			take = i;
	past->series = lc_xrealloc(past->series, (size_t)past->n + 1, sizeof(*past->series));
	s = &past->series[past->n];
	*s = one.series[take];
	one.series[take].row = NULL;
	snprintf(s->name, sizeof(s->name), "k%d", past->n);
	s->fork[0] = 0;
	s->parent = 0;
	s->from = from;
	lc_past_release(&one);
	free(path);
	return past->n++;
}

long case_rows_to(const struct lc_series *s, long at)
{
	long n = s->n;

	while (n && s->row[n - 1].step > at)
		n--;
	return n;
}

void case_read(const struct options *o, const struct bt_case *c, struct lc_past *past)
{
	char *file = file_of(c->parent);
	struct lc_err err;

	lc_past_init(past);
	if (lc_past_read(past, file, &o->names, &err) < 0)
		lc_die(&err);
	free(file);
	if (!c->whole)
		past->series[0].n = case_rows_to(&past->series[0], c->at);
	for (int i = 0; i < c->nknown; i++) {
		int k = case_series(o, past, c->known[i], 0);
		/* its own rows begin where it leaves the trunk */
		if (!c->whole && past->series[k].n)
			past->series[k].from = past->series[k].row[0].step;
	}
	case_series(o, past, c->branch, c->whole ? 0 : c->at);
}

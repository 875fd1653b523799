/* space: see space.h. This file: the file's parts into dimensions, and what is wrong with them. */
#include "space.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "action.h"
#include "expr.h"
#include "io.h"
#include "json.h"
#include "jsonline.h"

#define MOST_DIMS 64

struct reading {
	struct lc_space *s;
	const char *text, *what;
	size_t len;
	struct lc_err *err;
};

static int wrong(const struct reading *in, const char *path, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* An error that says the line of what path leads to. */
static int wrong(const struct reading *in, const char *path, const char *fmt, ...)
{
	char why[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	return lc_fail(in->err, LC_DATA, "%.120s:%d: %s", in->what,
		       lc_json_line(in->text, in->len, path), why);
}

/* Counts to the planner, though actions of that name are not numbers of that kind. */
static int is_count(const char *name)
{
	return strcmp(name, "rewind") == 0 || strcmp(name, "skip") == 0;
}

static int is_whole(const char *name)
{
	return is_count(name) || !strcmp(name, "lr_warmup") || !strcmp(name, "lr_for") ||
	       !strcmp(name, "reseed") || !strcmp(name, "data_shift");
}

/* Is v a value that the action can have? */
static int is_value(const char *name, json_t *v, struct lc_err *why)
{
	json_t *a;
	int ok;

	if (is_count(name) && json_is_integer(v))
		return json_integer_value(v) >= 0 ? 0 : lc_fail(why, LC_DATA, "%s: below 0", name);
	a = json_pack("{s:O}", name, v);
	ok = a ? lc_actions_check(a, why) : lc_fail(why, LC_DATA, "no such action");
	json_decref(a);
	return ok;
}

static struct lc_dim *new_dim(struct lc_space *s, char *name)
{
	struct lc_dim *d;

	s->dim = lc_xrealloc(s->dim, (size_t)s->n + 1, sizeof(*s->dim));
	d = &s->dim[s->n++];
	memset(d, 0, sizeof(*d));
	d->name = name;
	return d;
}

static int read_numbers(const struct reading *in, const char *path, const char *name,
			enum lc_domain domain, const json_t *v)
{
	struct lc_dim *d;
	double lo = NAN, hi = NAN;

	if (json_array_size(v) == 2) {
		lo = json_number_value(json_array_get(v, 0));
		hi = json_number_value(json_array_get(v, 1));
	}
	if (json_array_size(v) != 2 || !json_is_number(json_array_get(v, 0)) ||
	    !json_is_number(json_array_get(v, 1)) || !(lo < hi) || !isfinite(hi - lo) ||
	    (domain == LC_LOG && lo <= 0))
		return wrong(in, path, "%s: wants [low,high] with %slow < high", name,
			     domain == LC_LOG ? "0 < " : "");
	d = new_dim(in->s, lc_path("%s", name));
	d->domain = domain;
	d->lo = lo;
	d->hi = hi;
	return 0;
}

static int read_choice(const struct reading *in, const char *path, const char *name, json_t *v,
		       const char *action)
{
	struct lc_dim *d;
	struct lc_err why;
	json_t *one;
	size_t i;

	if (json_array_size(v) < 1 || json_array_size(v) > 1000)
		return wrong(in, path, "%s: wants a list of values to choose from", name);
	json_array_foreach(v, i, one)
		if (action && strcmp(json_is_string(one) ? json_string_value(one) : "", "none") &&
		    is_value(action, one, &why) < 0)
			return wrong(in, path, "%.200s", why.text);
	d = new_dim(in->s, lc_path("%s", name));
	d->domain = LC_CHOICE;
	d->n = (int)json_array_size(v);
	d->choices = json_incref(v);
	return 0;
}

/* {"shape":[...],"to":[lo,hi],"steps":[lo,hi]}: three dimensions of one action. */
static int read_schedule(const struct reading *in, const char *path, const char *name, json_t *v)
{
	static const char *const shapes[] = {"linear", "cosine", "constant"};
	json_t *shape = json_object_get(v, "shape"), *one, *to = json_object_get(v, "to"),
	       *steps = json_object_get(v, "steps");
	size_t i;

	if (strcmp(name, "lr_tail") != 0)
		return wrong(in, path, "%s: only lr_tail is a schedule", name);
	if (json_object_size(v) != 3 || !shape || !to || !steps)
		return wrong(in, path, "%s: a schedule has shape, to and steps", name);
	json_array_foreach(shape, i, one) {
		int known = 0;
		for (int k = 0; k < 3; k++)
			known |= json_is_string(one) && !strcmp(json_string_value(one), shapes[k]);
		if (!known)
			return wrong(in, path, "lr_tail: a shape is linear, cosine or constant");
	}
	if (read_choice(in, path, "lr_tail.shape", shape, NULL) < 0 ||
	    read_numbers(in, path, "lr_tail.to", LC_LINEAR, to) < 0 ||
	    read_numbers(in, path, "lr_tail.steps", LC_LOG, steps) < 0)
		return -1;
	in->s->dim[in->s->n - 1].whole = 1;
	if (in->s->dim[in->s->n - 2].lo < 0 || in->s->dim[in->s->n - 1].lo < 1)
		return wrong(in, path, "lr_tail: to is from 0, steps from 1");
	return 0;
}

/* The ends of a domain of numbers must be values of the action, and then all between are. */
static int check_ends(const struct reading *in, const char *path, const char *name)
{
	struct lc_dim *d = &in->s->dim[in->s->n - 1];
	struct lc_err why;
	int bad = 0;

	d->whole |= is_whole(name);
	if (d->whole && (d->lo != floor(d->lo) || d->hi != floor(d->hi) || fabs(d->lo) > 1e15 ||
			 fabs(d->hi) > 1e15))
		return wrong(in, path, "%s: its ends are whole numbers", name);
	for (int i = 0; i < 2 && !bad; i++) {
		double x = i ? d->hi : d->lo;
		json_t *v = d->whole ? json_integer((json_int_t)x) : json_real(x);
		bad = is_value(name, v, &why) < 0;
		json_decref(v);
	}
	return bad ? wrong(in, path, "%.200s", why.text) : 0;
}

static int read_variable(const struct reading *in, const char *name, json_t *v)
{
	static const char *const domains[] = {"linear", "log", "choice", "schedule"};
	char *path = lc_path("variables/%s", name), *inner = NULL;
	json_t *domain = NULL, *whole = json_object_get(v, "whole");
	int which = -1, ret = -1;

	for (int i = 0; i < 4; i++)
		if (json_object_get(v, domains[i])) {
			which = which < 0 ? i : 4;
			domain = json_object_get(v, domains[i]);
		}
	if (strchr(name, '/') || strchr(name, '.'))
		wrong(in, path, "%.60s: no such action", name);
	else if (which < 0 || which > 3 || json_object_size(v) != 1 + (whole != NULL) ||
		 (whole && !json_is_boolean(whole)))
		wrong(in, path, "%.60s: wants one of linear, log, choice and schedule", name);
	else if (in->s->n + 3 > MOST_DIMS)
		wrong(in, path, "more than %d variables", MOST_DIMS);
	else {
		inner = lc_path("%s/%s", path, domains[which]);
		if (which == 3)
			ret = read_schedule(in, inner, name, domain);
		else if (which == 2)
			ret = read_choice(in, inner, name, domain, name);
		else
			ret = read_numbers(in, inner, name, which ? LC_LOG : LC_LINEAR, domain);
		if (ret == 0 && which < 2) {
			in->s->dim[in->s->n - 1].whole = json_is_true(whole);
			ret = check_ends(in, inner, name);
		}
	}
	free(path);
	free(inner);
	return ret;
}

static int knows(void *ctx, const char *name)
{
	const struct lc_space *s = ctx;

	for (int i = 0; i < s->n; i++)
		if (strcmp(s->dim[i].name, name) == 0)
			return 1;
	return json_object_get(s->fixed, name) != NULL;
}

static int read_rules(const struct reading *in, json_t *list)
{
	struct lc_space *s = in->s;
	struct lc_err why;
	const char *name;
	char path[40];
	json_t *one;
	size_t i;

	if (list && !json_is_array(list))
		return wrong(in, "constraints", "constraints: wants a list of rules");
	s->rule = lc_xalloc(json_array_size(list) + 1, sizeof(struct lc_expr *));
	json_array_foreach(list, i, one) {
		snprintf(path, sizeof(path), "constraints/%zu", i);
		if (!json_is_string(one))
			return wrong(in, path, "a rule is a text");
		s->rule[s->nrules] = lc_expr_parse(json_string_value(one), &why);
		if (!s->rule[s->nrules])
			return wrong(in, path, "\"%.100s\": %.150s", json_string_value(one),
				     why.text);
		name = lc_expr_unknown(s->rule[s->nrules++], knows, s);
		if (name)
			return wrong(in, path, "\"%.100s\": %.60s is no variable of this space",
				     json_string_value(one), name);
	}
	return 0;
}

static int read_objective(const struct reading *in, const json_t *o)
{
	const char *metric = lc_json_get_str(o, "metric", "val_loss"), *key;
	const char *direction = lc_json_get_str(o, "direction", "min");
	const char *at = lc_json_get_str(o, "read", "return");
	json_t *v;

	if (o && !json_is_object(o))
		return wrong(in, "objective", "objective: wants an object");
	json_object_foreach((json_t *)o, key, v)
		if ((strcmp(key, "metric") && strcmp(key, "direction") && strcmp(key, "read")) ||
		    !json_is_string(v))
			return wrong(in, "objective",
				     "objective: has metric, direction and read, each a text");
	if (strcmp(direction, "min") && strcmp(direction, "max"))
		return wrong(in, "objective/direction", "direction: min or max");
	if (strcmp(at, "end") && strcmp(at, "return") && strcmp(at, "cool"))
		return wrong(in, "objective/read", "read: end, return or cool");
	if (!*metric || strlen(metric) > 90)
		return wrong(in, "objective/metric", "metric: wants a name");
	in->s->metric = lc_path("%s", metric);
	in->s->maximise = strcmp(direction, "max") == 0;
	in->s->read = lc_path("%s", at);
	return 0;
}

static int read_budget(const struct reading *in, const json_t *b)
{
	const char *key;
	json_t *v;

	if (b && !json_is_object(b))
		return wrong(in, "budget", "budget: wants an object");
	json_object_foreach((json_t *)b, key, v) {
		if (strcmp(key, "branches") && strcmp(key, "steps"))
			return wrong(in, "budget", "budget: has branches and steps");
		if (!json_is_integer(v) || json_integer_value(v) < 1)
			return wrong(in, *key == 'b' ? "budget/branches" : "budget/steps",
				     "%s: wants a whole number from 1", key);
	}
	in->s->branches = lc_json_get_int(b, "branches", 0);
	in->s->steps = lc_json_get_int(b, "steps", 0);
	return 0;
}

static int read_all(const struct reading *in, json_t *file)
{
	static const char *const parts[] = {"type",	   "v",		"variables", "fixed",
					    "constraints", "objective", "budget"};
	json_t *vars = json_object_get(file, "variables"), *fixed = json_object_get(file, "fixed"),
	       *v;
	struct lc_err why;
	const char *name;

	json_object_foreach(file, name, v) {
		int known = 0;
		for (int i = 0; i < 7; i++)
			known |= strcmp(name, parts[i]) == 0;
		if (!known)
			return wrong(in, name, "%.60s: no part of a space", name);
	}
	if (lc_record_is(file, "space", 1, &why) < 1 && json_object_get(file, "type"))
		return wrong(in, "type", "no space of a version that is known");
	if (json_object_size(vars) == 0)
		return wrong(in, "variables", "a space has variables");
	if (fixed && lc_actions_check(fixed, &why) < 0)
		return wrong(in, "fixed", "%.200s", why.text);
	in->s->fixed = fixed ? json_incref(fixed) : json_object();
	json_object_foreach(vars, name, v) {
		if (json_object_get(in->s->fixed, name))
			return wrong(in, "fixed", "%.60s: fixed and a variable", name);
		if (read_variable(in, name, v) < 0)
			return -1;
	}
	return read_rules(in, json_object_get(file, "constraints")) < 0 ||
			       read_objective(in, json_object_get(file, "objective")) < 0 ||
			       read_budget(in, json_object_get(file, "budget")) < 0
		       ? -1
		       : 0;
}

int lc_space_parse(struct lc_space *s, const char *text, size_t len, const char *what,
		   struct lc_err *err)
{
	struct reading in = {s, text, what, len, err};
	json_error_t why;
	json_t *file;
	int ret = -1;

	memset(s, 0, sizeof(*s));
	file = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
	if (!file)
		return lc_fail(err, LC_DATA, "%.120s:%d: %.160s", what, why.line, why.text);
	if (!json_is_object(file))
		wrong(&in, "", "a space is an object");
	else
		ret = read_all(&in, file);
	json_decref(file);
	if (ret < 0)
		lc_space_release(s);
	return ret;
}

int lc_space_load(struct lc_space *s, const char *path, struct lc_err *err)
{
	size_t len;
	char *text;
	int ret;

	memset(s, 0, sizeof(*s));
	if (lc_read_file(path, &text, &len, err) < 0)
		return -1;
	ret = lc_space_parse(s, text, len, path, err);
	free(text);
	return ret;
}

void lc_space_release(struct lc_space *s)
{
	for (int i = 0; i < s->n; i++) {
		free(s->dim[i].name);
		json_decref(s->dim[i].choices);
	}
	for (int i = 0; i < s->nrules; i++)
		lc_expr_free(s->rule[i]);
	free(s->dim);
	free(s->rule);
	free(s->metric);
	free(s->read);
	json_decref(s->fixed);
	memset(s, 0, sizeof(*s));
}

/* action: see action.h. */
#include "action.h"

#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "json.h"

enum kind { POSITIVE, NOT_NEGATIVE, BELOW_ONE, COUNT, WHOLE, SKIP, TAIL, RESET, REWIND };

#define MAX_SHIFT (INT64_C(1) << 39) /* steps: sums of steps and shifts stay far from overflow */

static const struct spec {
	const char *name;
	enum kind kind;
	const char *wants;
} specs[] = {
	{"lr_scale", POSITIVE, "a number above 0"},
	{"lr_for", COUNT, "a number of steps"},
	{"lr_warmup", COUNT, "a number of steps"},
	{"lr_tail", TAIL, "{\"shape\":\"linear|cosine|constant|points\",\"to\":X,\"steps\":N}"},
	{"skip", SKIP, "[first,last] or a list of such"},
	{"weight_decay_scale", NOT_NEGATIVE, "a number from 0"},
	{"clip", POSITIVE, "a number above 0"},
	{"beta2", BELOW_ONE, "a number in [0,1)"},
	{"reset", RESET, "\"m\", \"v\" or \"mv\""},
	{"batch_scale", POSITIVE, "a number above 0"},
	{"reseed", COUNT, "a whole number from 0"},
	{"data_shift", WHOLE, "a whole number of steps"},
	{"jitter", NOT_NEGATIVE, "a number from 0"},
	{"rewind", REWIND, "a step or a snapshot's id"},
};

static const struct spec *find_spec(const char *name)
{
	for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++)
		if (strcmp(specs[i].name, name) == 0)
			return &specs[i];
	return NULL;
}

/* x_<name>: the user's own, any scalar. */
static int is_own(const char *name)
{
	if (strncmp(name, "x_", 2) != 0 || !name[2])
		return 0;
	return name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

static int is_range(const json_t *v)
{
	const json_t *a = json_array_get(v, 0), *b = json_array_get(v, 1);

	return json_array_size(v) == 2 && json_is_integer(a) && json_is_integer(b) &&
	       json_integer_value(a) >= 0 && json_integer_value(a) <= json_integer_value(b);
}

static int is_skip(const json_t *v)
{
	json_t *range;
	size_t i;

	if (is_range(v))
		return 1;
	json_array_foreach(v, i, range)
		if (!is_range(range))
			return 0;
	return json_array_size(v) > 0;
}

static int is_tail(const json_t *v)
{
	static const char *shapes[] = {"linear", "cosine", "constant", "points"};
	const char *shape = lc_json_get_str(v, "shape", ""), *key;
	const json_t *points = json_object_get(v, "points");
	json_t *x;
	size_t i;
	int known = 0;

	for (i = 0; i < 4; i++)
		known |= strcmp(shape, shapes[i]) == 0;
	if ((strcmp(shape, "points") == 0) != (json_array_size(points) > 0) ||
	    json_array_size(points) >= LC_TAIL_POINTS)
		return 0;
	json_array_foreach(points, i, x)
		if (!json_is_number(x) || !(json_number_value(x) >= 0))
			return 0;
	json_object_foreach((json_t *)v, key, x)
		if (strcmp(key, "shape") != 0 && strcmp(key, "to") != 0 &&
		    strcmp(key, "steps") != 0 && strcmp(key, "from") != 0 &&
		    strcmp(key, "points") != 0)
			return 0;
	return known && lc_json_get_num(v, "to", -1) >= 0 && lc_json_get_int(v, "steps", 0) >= 1 &&
	       lc_json_get_num(v, "from", 1) >= 0;
}

void lc_tail_read(struct lc_tail *t, const json_t *tail, double from)
{
	const char *shape = lc_json_get_str(tail, "shape", "linear");
	json_t *x;
	size_t i;

	memset(t, 0, sizeof(*t));
	t->cosine = strcmp(shape, "cosine") == 0;
	t->steps = lc_json_get_num(tail, "steps", 1);
	if (strcmp(shape, "constant") != 0)
		t->x[t->n++] = lc_json_get_num(tail, "from", from);
	json_array_foreach(json_object_get(tail, "points"), i, x)
		if (t->n < LC_TAIL_POINTS)
			t->x[t->n++] = json_number_value(x);
	t->x[t->n++] = lc_json_get_num(tail, "to", 0);
}

double lc_tail_at(const struct lc_tail *t, double d)
{
	double f = fmin(d / t->steps, 1);
	int k;

	if (t->n == 1)
		return t->x[0];
	f = t->cosine ? 0.5 * (1 - cos(M_PI * f)) : f;
	f *= t->n - 1;
	k = (int)fmin(f, t->n - 2);
	return t->x[k] + (t->x[k + 1] - t->x[k]) * (f - k);
}

static int in_domain(enum kind kind, const json_t *v)
{
	double x = json_is_number(v) ? json_number_value(v) : NAN;
	const char *s = json_string_value(v);

	switch (kind) {
	case POSITIVE: return x > 0 && isfinite(x);
	case NOT_NEGATIVE: return x >= 0 && isfinite(x);
	case BELOW_ONE: return x >= 0 && x < 1;
	case COUNT: return json_is_integer(v) && json_integer_value(v) >= 0;
	case WHOLE: return json_is_integer(v) && llabs(json_integer_value(v)) <= MAX_SHIFT;
	case SKIP: return is_skip(v);
	case TAIL: return is_tail(v);
	case RESET: return s && (!strcmp(s, "m") || !strcmp(s, "v") || !strcmp(s, "mv"));
	case REWIND: return (json_is_integer(v) && json_integer_value(v) >= 0) || (s && *s);
	}
	return 0;
}

static int check_one(const char *name, const json_t *v, struct lc_err *err)
{
	const struct spec *spec = find_spec(name);

	if (is_own(name)) {
		if (json_is_string(v) || json_is_number(v) || json_is_boolean(v))
			return 0;
		return lc_fail(err, LC_DATA, "action %s: wants a number, a string or a truth value",
			       name);
	}
	if (!spec)
		return lc_fail(err, LC_DATA, "action %s: no such action", name);
	if (!in_domain(spec->kind, v))
		return lc_fail(err, LC_DATA, "action %s: wants %s", name, spec->wants);
	return 0;
}

int lc_actions_check(const json_t *actions, struct lc_err *err)
{
	const char *name;
	json_t *v;

	if (!json_is_object(actions))
		return lc_fail(err, LC_DATA, "actions: not an object");
	json_object_foreach((json_t *)actions, name, v)
		if (check_one(name, v, err) < 0)
			return -1;
	return 0;
}

static char *skip_word(const json_t *v)
{
	json_t *range;
	size_t i;
	char *word, *longer;

	if (is_range(v))
		return lc_path("%lld-%lld", (long long)json_integer_value(json_array_get(v, 0)),
			       (long long)json_integer_value(json_array_get(v, 1)));
	word = lc_path("%s", "");
	json_array_foreach(v, i, range) {
		char *one = skip_word(range);
		longer = lc_path("%s%s%s", word, i ? "," : "", one);
		free(one);
		free(word);
		word = longer;
	}
	return word;
}

static char *value_word(const char *name, const json_t *v)
{
	if (strcmp(name, "skip") == 0)
		return skip_word(v);
	if (json_is_string(v))
		return lc_path("%s", json_string_value(v));
	return lc_json_text(v);
}

char *lc_action_value(const json_t *actions, const char *name)
{
	const json_t *v = json_object_get(actions, name);

	if (!find_spec(name) && !is_own(name))
		return NULL;
	return v ? value_word(name, v) : lc_path("none");
}

char **lc_actions_words(const json_t *actions)
{
	char **words = lc_xalloc(2 * json_object_size(actions) + 1, sizeof(*words));
	const char *name;
	json_t *v;
	size_t n = 0;

	json_object_foreach((json_t *)actions, name, v) {
		if (strcmp(name, "rewind") == 0)
			continue;
		words[n] = lc_path("--%s", name);
		for (char *p = words[n]; *p; p++)
			if (*p == '_')
				*p = '-';
		words[n + 1] = value_word(name, v);
		n += 2;
	}
	return words;
}

void lc_words_free(char **words)
{
	for (char **w = words; w && *w; w++)
		free(*w);
	free(words);
}

/* "100-150" or "100-150,300-310" */
static json_t *parse_skip(const char *word)
{
	json_t *list = json_array();
	const char *p = word;
	long a, b;
	int n = 0;

	while (sscanf(p, "%ld-%ld%n", &a, &b, &n) == 2) {
		json_array_append_new(list, json_pack("[I,I]", (json_int_t)a, (json_int_t)b));
		p += n;
		if (*p != ',' || !p[1])
			break;
		p++;
	}
	if (*p || !is_skip(list)) {
		json_decref(list);
		return NULL;
	}
	if (json_array_size(list) == 1) {
		json_t *only = json_incref(json_array_get(list, 0));
		json_decref(list);
		return only;
	}
	return list;
}

static json_t *parse_number(const char *word, int whole)
{
	char *end;
	double x;
	long n;

	if (whole) {
		n = strtol(word, &end, 10);
		return *word && !*end && n < LONG_MAX && n > LONG_MIN ? json_integer(n) : NULL;
	}
	x = strtod(word, &end);
	return *word && !*end && isfinite(x) ? json_real(x) : NULL;
}

static json_t *parse_word(const struct spec *spec, const char *word)
{
	json_t *v;

	if (!spec)
		return json_string(word);
	switch (spec->kind) {
	case SKIP: return parse_skip(word);
	case TAIL: return json_loads(word, 0, NULL);
	case COUNT:
	case WHOLE: return parse_number(word, 1);
	case RESET: return json_string(word);
	case REWIND: v = parse_number(word, 1); return v ? v : json_string(word);
	default: return parse_number(word, 0);
	}
}

char *lc_actions_text(const json_t *actions)
{
	static const char *const says[][2] = {
		{"rewind", "back to step %s"},	    {"skip", "pass over the batches of steps %s"},
		{"lr_scale", "learning rate x %s"}, {"reset", "reset the moments (%s)"},
		{"lr_for", "for %s steps"},	    {"lr_warmup", "warm up over %s steps"},
	};
	char *text = lc_path("%s", json_object_size(actions) ? "" : "change nothing");
	const char *name;
	json_t *v;

	json_object_foreach((json_t *)actions, name, v) {
		char *value = lc_action_value(actions, name), *said = NULL, *old = text;
		const char *word = value ? value : "?";
		for (size_t i = 0; i < sizeof(says) / sizeof(*says) && !said; i++)
			if (strcmp(says[i][0], name) == 0)
				said = lc_path("%.*s%s%s", (int)strcspn(says[i][1], "%"),
					       says[i][1], word, strchr(says[i][1], '%') + 2);
		if (!said)
			said = lc_path("%s %s", name, word);
		text = lc_path("%s%s%s", old, *old ? ", " : "", said);
		free(old);
		free(said);
		free(value);
	}
	return text;
}

int lc_action_parse(json_t *actions, const char *name, const char *word, struct lc_err *err)
{
	const struct spec *spec = find_spec(name);
	json_t *v;

	if (!spec && !is_own(name))
		return lc_fail(err, LC_USAGE, "action %s: no such action", name);
	if (strcmp(word, "none") == 0 || !*word) {
		json_object_del(actions, name);
		return 0;
	}
	v = parse_word(spec, word);
	if (!v)
		return lc_fail(err, LC_USAGE, "action %s: \"%s\": wants %s", name, word,
			       spec ? spec->wants : "a value");
	if (check_one(name, v, err) < 0) {
		json_decref(v);
		if (err)
			err->code = LC_USAGE;
		return -1;
	}
	json_object_set_new(actions, name, v);
	return 0;
}

static void add_ranges(json_t *list, const json_t *skip)
{
	json_t *range, *have;
	size_t i, k;

	if (is_range(skip)) {
		json_array_foreach(list, k, have)
			if (json_equal(have, skip))
				return;
		json_array_append(list, (json_t *)skip);
		return;
	}
	json_array_foreach(skip, i, range)
		add_ranges(list, range);
}

json_t *lc_actions_over(const json_t *base, const json_t *now)
{
	json_t *all = base ? json_copy((json_t *)base) : json_object(), *skip = json_array();

	json_object_update(all, (json_t *)now);
	add_ranges(skip, json_object_get(base, "skip"));
	add_ranges(skip, json_object_get(now, "skip"));
	if (json_array_size(skip) > 0)
		json_object_set(all, "skip",
				json_array_size(skip) == 1 ? json_array_get(skip, 0) : skip);
	json_decref(skip);
	return all;
}

json_t *lc_actions_in_force(const json_t *base, const json_t *now)
{
	static const char *const once[] = {"rewind", "reset", "jitter", "lr_warmup", "lr_for"};
	json_t *all, *lasting = json_copy((json_t *)now);

	if (json_object_get(now, "lr_for")) /* then the lr is what it was */
		json_object_del(lasting, "lr_scale");
	all = lc_actions_over(base, lasting);
	json_decref(lasting);

	for (size_t i = 0; i < sizeof(once) / sizeof(once[0]); i++)
		json_object_del(all, once[i]);
	return all;
}

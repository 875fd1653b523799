/* space_point: points of a space and the actions they stand for. See space.h. */
#include <math.h>
#include <string.h>

#include "expr.h"
#include "json.h"
#include "space.h"

int lc_dim_choice(const struct lc_dim *d, double u)
{
	int k = (int)floor(u * d->n);

	return k < 0 ? 0 : k >= d->n ? d->n - 1 : k;
}

static double number_at(const struct lc_dim *d, double u)
{
	double x =
		d->domain == LC_LOG ? d->lo * pow(d->hi / d->lo, u) : d->lo + (d->hi - d->lo) * u;

	x = d->whole ? round(x) : x;
	return x < d->lo ? d->lo : x > d->hi ? d->hi : x;
}

/* Three digits are as many as a learning rate is chosen to; the ends stay what they are. */
static double short_number(const struct lc_dim *d, double x)
{
	double scale;

	if (x == 0 || x == d->lo || x == d->hi || d->whole)
		return x;
	scale = pow(10, floor(log10(fabs(x))) - 3);
	return isnormal(scale) ? round(x / scale) * scale : x;
}

static json_t *value_at(const struct lc_dim *d, double u)
{
	double x;

	if (d->domain == LC_CHOICE)
		return json_incref(json_array_get(d->choices, (size_t)lc_dim_choice(d, u)));
	x = number_at(d, u);
	return d->whole ? json_integer((json_int_t)x) : json_real(short_number(d, x));
}

json_t *lc_space_actions(const struct lc_space *s, const double *u)
{
	json_t *a = json_deep_copy(s->fixed), *v;

	for (int i = 0; i < s->n; i++) {
		const char *dot = strchr(s->dim[i].name, '.');
		v = value_at(&s->dim[i], u[i]);
		if (dot) {
			json_t *tail = json_object_get(a, "lr_tail");
			if (!tail) {
				tail = json_object();
				json_object_set_new(a, "lr_tail", tail);
			}
			json_object_set_new(tail, dot + 1, v);
		} else if (json_is_string(v) && strcmp(json_string_value(v), "none") == 0) {
			json_decref(v);
		} else {
			json_object_set_new(a, s->dim[i].name, v);
		}
	}
	return a;
}

static const json_t *value_in(const json_t *actions, const char *name)
{
	const char *dot = strchr(name, '.');

	if (!dot)
		return json_object_get(actions, name);
	return json_object_get(json_object_get(actions, "lr_tail"), dot + 1);
}

/* What an action that is absent comes to, as a number: scales are 1, counts are 0; else NaN. */
static double absent(const char *name)
{
	size_t n = strlen(name);

	if (n > 6 && strcmp(name + n - 6, "_scale") == 0)
		return 1;
	return strncmp(name, "x_", 2) == 0 || strchr(name, '.') || !strcmp(name, "clip") ||
			       !strcmp(name, "beta2")
		       ? NAN
		       : 0;
}

static int locate(const struct lc_dim *d, const json_t *v, double *u)
{
	double x = json_is_number(v) ? json_number_value(v) : v ? NAN : absent(d->name);

	if (d->domain == LC_CHOICE) {
		for (int k = 0; k < d->n; k++) {
			const json_t *c = json_array_get(d->choices, (size_t)k);
			int none = json_is_string(c) && !strcmp(json_string_value(c), "none");
			if (v ? json_equal(c, v) || (json_is_number(c) && json_number_value(c) == x)
			      : none || (json_is_number(c) && json_number_value(c) == x)) {
				*u = (k + .5) / d->n;
				return 0;
			}
		}
		return -1;
	}
	if (!(x >= d->lo * (1 - 1e-9) - 1e-12 && x <= d->hi * (1 + 1e-9) + 1e-12))
		return -1;
	*u = d->domain == LC_LOG ? log(x / d->lo) / log(d->hi / d->lo)
				 : (x - d->lo) / (d->hi - d->lo);
	*u = *u < 0 ? 0 : *u > 1 ? 1 : *u;
	return 0;
}

int lc_space_locate(const struct lc_space *s, const json_t *actions, double *u)
{
	const char *name;
	json_t *v;

	for (int i = 0; i < s->n; i++)
		if (locate(&s->dim[i], value_in(actions, s->dim[i].name), &u[i]) < 0)
			return -1;
	json_object_foreach((json_t *)actions, name, v) {
		int known = json_object_get(s->fixed, name) != NULL;
		for (int i = 0; i < s->n && !known; i++)
			known = strncmp(s->dim[i].name, name, strlen(name)) == 0 &&
				strchr(".", s->dim[i].name[strlen(name)]) != NULL;
		if (!known)
			return -1;
	}
	return 0;
}

int lc_space_allows(const struct lc_space *s, const json_t *actions)
{
	for (int i = 0; i < s->nrules; i++)
		if (!lc_expr_holds(s->rule[i], actions))
			return 0;
	return 1;
}

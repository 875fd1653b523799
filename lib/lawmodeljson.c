/* lawmodeljson: a model of past runs as versioned JSON. See lawmodel.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "json.h"
#include "lawmodel.h"

static const char *const feature[LC_RUN_FEATURES] = {"lr",	     "batch", "params", "tokens",
						     "weight_decay", "gvar",  "updates"};

/* Six digits: a model is as uncertain as its members, and is shipped. */
static json_t *rounded(double x)
{
	char text[32];

	snprintf(text, sizeof(text), "%.6g", x);
	return lc_json_num(strtod(text, NULL));
}

static json_t *variant_json(const struct lc_member *a, int v)
{
	json_t *j = json_object(), *b = json_array();

	for (int p = 0; p < LC_MODES; p++)
		json_array_append_new(b, rounded(a->b[v][p]));
	json_object_set_new(j, "weight", rounded(a->weight[v]));
	json_object_set_new(j, "b", b);
	return j;
}

enum { WIDTHS = LC_CALIBS * 2 * LC_BUCKETS };

static json_t *calib_json(const struct lc_law_model *m)
{
	json_t *a = json_array();

	for (int i = 0; i < WIDTHS; i++)
		json_array_append_new(a, rounded((&m->calib[0][0][0])[i]));
	return a;
}

/* A model without widths believes the law. */
static int read_calib(struct lc_law_model *m, const json_t *a)
{
	for (int i = 0; i < WIDTHS; i++)
		(&m->calib[0][0][0])[i] = 1;
	if (a && json_array_size(a) != WIDTHS)
		return -1;
	for (int i = 0; a && i < WIDTHS; i++) {
		double *x = &(&m->calib[0][0][0])[i];
		if (lc_json_to_num(json_array_get(a, (size_t)i), x) < 0 || !(*x >= 0 && *x <= 1e3))
			return -1;
	}
	return 0;
}

static json_t *hazard_json(const struct lc_hazard_fitted *h)
{
	json_t *j = json_object(), *beta = json_array();

	for (int i = 0; i < LC_HAZARD_X; i++)
		json_array_append_new(beta, rounded(h->h.beta[i]));
	json_object_set_new(j, "beta", beta);
	json_object_set_new(j, "forks", json_integer(h->forks));
	json_object_set_new(j, "diverged", json_integer(h->diverged));
	json_object_set_new(j, "auroc", rounded(h->auroc));
	json_object_set_new(j, "brier", rounded(h->brier));
	return j;
}

/* A model without one has learned nothing of divergence. */
static int read_hazard(struct lc_hazard_fitted *h, const json_t *j)
{
	const json_t *beta = json_object_get(j, "beta");

	memset(h, 0, sizeof(*h));
	if (!j)
		return 0;
	h->forks = (int)lc_json_get_int(j, "forks", -1);
	h->diverged = (int)lc_json_get_int(j, "diverged", -1);
	h->auroc = lc_json_get_num(j, "auroc", NAN);
	h->brier = lc_json_get_num(j, "brier", NAN);
	if (h->forks < 1 || h->diverged < 0 || json_array_size(beta) != LC_HAZARD_X)
		return -1;
	for (size_t i = 0; i < LC_HAZARD_X; i++)
		if (lc_json_to_num(json_array_get(beta, i), &h->h.beta[i]) < 0 ||
		    !(fabs(h->h.beta[i]) <= 100))
			return -1;
	return 0;
}

json_t *lc_model_json(const struct lc_law_model *m)
{
	json_t *j = lc_record_new("model", 1), *members = json_array();

	for (int i = 0; i < m->n; i++) {
		const struct lc_member *a = &m->member[i];
		json_t *one = json_object(), *variants = json_array(), *x = json_object();
		for (int f = 0; f < LC_RUN_FEATURES; f++)
			if (isfinite(a->run.x[f]))
				json_object_set_new(x, feature[f], rounded(a->run.x[f]));
		json_object_set_new(one, "run", json_string(a->name));
		json_object_set_new(one, "log", x);
		json_object_set_new(one, "optimizer", json_string(a->run.optimizer));
		json_object_set_new(one, "lam0", lc_json_num(a->lam0));
		for (int v = 0; v < LC_VARIANTS; v++)
			json_array_append_new(variants, variant_json(a, v));
		json_object_set_new(one, "variants", variants);
		json_array_append_new(members, one);
	}
	json_object_set_new(j, "members", members);
	json_object_set_new(j, "width", calib_json(m));
	json_object_set_new(j, "experts", lc_mix_model_json(&m->mix));
	if (m->hazard.forks)
		json_object_set_new(j, "hazard", hazard_json(&m->hazard));
	return j;
}

static int read_variant(struct lc_member *a, int v, const json_t *j)
{
	const json_t *b = json_object_get(j, "b");

	a->weight[v] = lc_json_get_num(j, "weight", -1);
	if (!(a->weight[v] >= 0 && a->weight[v] <= 1) || json_array_size(b) != LC_MODES)
		return -1;
	for (int p = 0; p < LC_MODES; p++)
		if (lc_json_to_num(json_array_get(b, (size_t)p), &a->b[v][p]) < 0 ||
		    !(fabs(a->b[v][p]) < 1e3))
			return -1;
	return 0;
}

static int read_member(struct lc_member *a, const json_t *j)
{
	const json_t *x = json_object_get(j, "log"), *variants = json_object_get(j, "variants");

	memset(a, 0, sizeof(*a));
	snprintf(a->name, sizeof(a->name), "%s", lc_json_get_str(j, "run", ""));
	snprintf(a->run.optimizer, sizeof(a->run.optimizer), "%s",
		 lc_json_get_str(j, "optimizer", ""));
	for (int f = 0; f < LC_RUN_FEATURES; f++) {
		a->run.x[f] = lc_json_get_num(x, feature[f], NAN);
		if (fabs(a->run.x[f]) > 200)
			return -1;
	}
	a->lam0 = lc_json_get_num(j, "lam0", 0);
	if (!(a->lam0 > 0 && a->lam0 <= 1) || json_array_size(variants) != LC_VARIANTS)
		return -1;
	for (int v = 0; v < LC_VARIANTS; v++)
		if (read_variant(a, v, json_array_get(variants, (size_t)v)) < 0)
			return -1;
	return 0;
}

int lc_model_parse(struct lc_law_model *m, const json_t *j, struct lc_err *err)
{
	const json_t *members = json_object_get(j, "members");
	int is = lc_record_is(j, "model", 1, err);

	memset(m, 0, sizeof(*m));
	if (is <= 0)
		return is < 0 ? -1
			      : lc_fail(err, LC_DATA, "model: not a model that lc-proxy fit wrote");
	if (read_calib(m, json_object_get(j, "width")) < 0)
		return lc_fail(err, LC_DATA, "model: its widths are not %d positive numbers",
			       WIDTHS);
	if (lc_mix_model_parse(&m->mix, json_object_get(j, "experts"), err) < 0)
		return -1;
	if (read_hazard(&m->hazard, json_object_get(j, "hazard")) < 0)
		return lc_fail(err, LC_DATA,
			       "model: its hazard of divergence is not %d numbers and counts",
			       LC_HAZARD_X);
	m->member = lc_xalloc(json_array_size(members) + 1, sizeof(*m->member));
	for (size_t i = 0; i < json_array_size(members); i++)
		if (read_member(&m->member[m->n++], json_array_get(members, i)) < 0) {
			lc_model_release(m);
			return lc_fail(err, LC_DATA,
				       "model: member %zu: a field is missing or out of range", i);
		}
	return 0;
}

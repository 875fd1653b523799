/* lawjson: a law as versioned JSON. See law.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "json.h"
#include "lawcalib.h"

static json_t *numbers(const double *x, int n)
{
	json_t *a = json_array();

	for (int i = 0; i < n; i++)
		json_array_append_new(a, lc_json_num(x[i]));
	return a;
}

static json_t *variant_json(const struct lc_posterior *p, int v)
{
	json_t *j = json_object(), *f = json_array();

	for (int i = 0; i < LC_FEATS; i++)
		json_array_append_new(f, numbers(p->factor[v][i], i + 1));
	json_object_set_new(j, "weight", lc_json_num(p->weight[v]));
	json_object_set_new(j, "mean", numbers(p->mean[v], LC_FEATS));
	json_object_set_new(j, "factor", f);
	return j;
}

/* What a law may hold: squares of these, times each other, are numbers still. */
#define MUCH 1e100  /* a loss */
#define LONG 1e15   /* updates */
#define RATE 1e9    /* an lr, in eta_ref or not */
#define WIDE 1e6    /* a factor on a sd */
#define STEEP 100.  /* a coefficient of the hazard, as of a model's */
#define EXPONENT 4. /* of a clock or a drive */
#define SUM_TO_1 1e-6

/* Scalars of the law by name, and their range: written and read by the same table. */
struct field {
	const char *name;
	size_t at;
	double least, most;
};
#define FIELD(m, least, most)                                                                      \
	{                                                                                          \
#m, offsetof(struct lc_law, m), least, most                                        \
	}
static const struct field fields[] = {
	FIELD(eta_ref, 0, RATE),
	FIELD(level, -MUCH, MUCH),
	FIELD(noise, 0, MUCH),
	FIELD(first, -LONG, LONG),
	FIELD(last, -LONG, LONG),
	FIELD(lr_lo, 0, RATE),
	FIELD(lr_hi, 0, RATE),
	FIELD(chi2, 0, MUCH),
	FIELD(gvar, -INFINITY, INFINITY),
	FIELD(damage, -MUCH, MUCH),
	{"lam0", offsetof(struct lc_law, basis.lam0), 1e-18, 1},
	{"t_drift", offsetof(struct lc_law, post.t_drift), -LONG, LONG},
	{"drift_len", offsetof(struct lc_law, post.drift_len), 1e-3, 1e3},
	{"misfit", offsetof(struct lc_law, post.misfit), 0, WIDE},
	{"drift_var", offsetof(struct lc_law, post.drift_var), 0, MUCH},
};
enum { FIELDS = sizeof(fields) / sizeof(fields[0]) };

json_t *lc_law_json(const struct lc_law *law)
{
	json_t *j = lc_record_new("law", 1), *paths = json_array(), *variants = json_array();

	json_object_set_new(j, "metric", json_string(lc_metric_name(law->metric)));
	for (int i = 0; i < FIELDS; i++)
		json_object_set_new(
			j, fields[i].name,
			lc_json_num(*(const double *)((const char *)law + fields[i].at)));
	json_object_set_new(j, "nobs", json_integer(law->nobs));
	json_object_set_new(j, "nbranch", json_integer(law->nbranch));
	json_object_set_new(j, "onset", json_integer(law->onset));
	json_object_set_new(j, "width", numbers(&law->width[0][0], 2 * LC_BUCKETS));
	json_object_set_new(j, "hazard", numbers(law->hazard.beta, LC_HAZARD_X));
	json_object_set_new(j, "kind", json_string(law->kind));
	json_object_set_new(j, "broken", json_boolean(law->broken));
	json_object_set_new(j, "grad", lc_gradlaw_json(&law->grad));
	json_object_set_new(j, "experts", lc_mix_json(&law->mix));
	json_object_set_new(j, "clock", numbers(law->basis.clock, LC_CLOCKS));
	json_object_set_new(j, "drive", numbers(law->basis.drive, LC_DRIVES));
	for (int i = 0; i < law->npath; i++) {
		json_t *one = json_object();
		json_object_set_new(one, "branch", json_string(law->name[i]));
		json_object_set_new(one, "at", numbers(law->path[i].at, law->path[i].n));
		json_object_set_new(one, "lr", numbers(law->path[i].lr, law->path[i].n));
		json_array_append_new(paths, one);
	}
	json_object_set_new(j, "lr", paths);
	for (int v = 0; v < LC_VARIANTS; v++)
		json_array_append_new(variants, variant_json(&law->post, v));
	json_object_set_new(j, "variants", variants);
	return j;
}

/* An array of exactly n numbers in [least, most]. */
static int read_numbers(const json_t *a, double *x, size_t n, double least, double most)
{
	if (!json_is_array(a) || json_array_size(a) != n)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (lc_json_to_num(json_array_get(a, i), &x[i]) < 0 ||
		    !(x[i] >= least && x[i] <= most))
			return -1;
	return 0;
}

static int read_variant(struct lc_posterior *p, int v, const json_t *j)
{
	const json_t *f = json_object_get(j, "factor");

	p->weight[v] = lc_json_get_num(j, "weight", -1);
	if (!(p->weight[v] >= 0 && p->weight[v] <= 1) || json_array_size(f) != LC_FEATS ||
	    read_numbers(json_object_get(j, "mean"), p->mean[v], LC_FEATS, -MUCH, MUCH) < 0)
		return -1;
	for (size_t i = 0; i < LC_FEATS; i++)
		if (read_numbers(json_array_get(f, i), p->factor[v][i], i + 1, -MUCH, MUCH) < 0)
			return -1;
	return 0;
}

static int read_paths(struct lc_law *law, const json_t *paths)
{
	size_t n = json_array_size(paths);

	if (n == 0)
		return -1;
	law->path = lc_xalloc(n, sizeof(*law->path));
	law->name = lc_xalloc(n, sizeof(*law->name));
	law->npath = (int)n;
	for (size_t i = 0; i < n; i++) {
		const json_t *one = json_array_get(paths, i), *at = json_object_get(one, "at");
		struct lc_lrpath *p = &law->path[i];
		p->n = p->cap = (int)json_array_size(at);
		p->at = lc_xalloc((size_t)p->n + 1, sizeof(double));
		p->lr = lc_xalloc((size_t)p->n + 1, sizeof(double));
		snprintf(law->name[i], sizeof(*law->name), "%s",
			 lc_json_get_str(one, "branch", ""));
		if (read_numbers(at, p->at, (size_t)p->n, -LONG, LONG) < 0 ||
		    read_numbers(json_object_get(one, "lr"), p->lr, (size_t)p->n, 0, RATE) < 0)
			return -1;
		for (int k = 0; k < p->n; k++)
			if (k && p->at[k] <= p->at[k - 1])
				return -1;
	}
	return 0;
}

static int read_scalars(struct lc_law *law, const json_t *j)
{
	const char *metric = lc_json_get_str(j, "metric", "");

	law->metric = strcmp(metric, lc_metric_name(LC_VAL_LOSS)) == 0 ? LC_VAL_LOSS : LC_LOSS;
	if (law->metric == LC_LOSS && strcmp(metric, lc_metric_name(LC_LOSS)) != 0)
		return -1;
	for (int i = 0; i < FIELDS; i++) {
		double *x = (double *)((char *)law + fields[i].at);
		if (lc_json_to_num(json_object_get(j, fields[i].name), x) < 0)
			return -1;
		if (!(*x >= fields[i].least && *x <= fields[i].most) &&
		    !(isnan(*x) && (x == &law->gvar || x == &law->damage)))
			return -1;
	}
	law->nobs = (int)lc_json_get_int(j, "nobs", 0);
	law->nbranch = (int)lc_json_get_int(j, "nbranch", 0);
	law->onset = lc_json_get_int(j, "onset", -1);
	law->broken = json_is_true(json_object_get(j, "broken"));
	snprintf(law->kind, sizeof(law->kind), "%s", lc_json_get_str(j, "kind", ""));
	return law->nobs > 0 ? 0 : -1;
}

int lc_law_parse(struct lc_law *law, const json_t *j, struct lc_err *err)
{
	const json_t *variants = json_object_get(j, "variants");
	int is = lc_record_is(j, "law", 1, err), ok;
	double sum = 0;

	memset(law, 0, sizeof(*law));
	if (is <= 0)
		return is < 0 ? -1
			      : lc_fail(err, LC_DATA, "law: not a law that lc-proxy fit wrote");
	lc_calib_take(law, NULL, INFINITY);
	lc_hazard_init(&law->hazard);
	ok = (!json_object_get(j, "width") ||
	      read_numbers(json_object_get(j, "width"), &law->width[0][0], 2 * LC_BUCKETS, 1 / WIDE,
			   WIDE) == 0) &&
	     (!json_object_get(j, "hazard") ||
	      read_numbers(json_object_get(j, "hazard"), law->hazard.beta, LC_HAZARD_X, -STEEP,
			   STEEP) == 0) &&
	     read_scalars(law, j) == 0 && json_array_size(variants) == LC_VARIANTS &&
	     read_numbers(json_object_get(j, "clock"), law->basis.clock, LC_CLOCKS, 0, EXPONENT) ==
		     0 &&
	     read_numbers(json_object_get(j, "drive"), law->basis.drive, LC_DRIVES, 0, EXPONENT) ==
		     0 &&
	     lc_gradlaw_parse(&law->grad, json_object_get(j, "grad")) == 0 &&
	     lc_mix_parse(&law->mix, json_object_get(j, "experts"), NULL) == 0 &&
	     read_paths(law, json_object_get(j, "lr")) == 0;
	for (int v = 0; ok && v < LC_VARIANTS; v++) {
		ok = read_variant(&law->post, v, json_array_get(variants, (size_t)v)) == 0;
		sum += law->post.weight[v];
	}
	if (ok && fabs(sum - 1) < SUM_TO_1)
		return 0;
	lc_law_release(law);
	return lc_fail(err, LC_DATA, "law: a field is missing or out of range");
}

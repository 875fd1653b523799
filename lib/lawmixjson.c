/* lawmixjson: weights and experts as JSON. See lawmix.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "lawmix.h"

static json_t *numbers(const double *x, int n)
{
	json_t *a = json_array();

	for (int i = 0; i < n; i++)
		json_array_append_new(a, lc_json_num(x[i]));
	return a;
}

/* An array of exactly n finite numbers no larger than `most`. */
static int read_numbers(const json_t *a, double *x, int n, double most)
{
	if ((int)json_array_size(a) != n)
		return -1;
	for (int i = 0; i < n; i++)
		if (lc_json_to_num(json_array_get(a, (size_t)i), &x[i]) < 0 ||
		    !(fabs(x[i]) <= most))
			return -1;
	return 0;
}

static json_t *weights_json(const struct lc_mix_weights *w)
{
	json_t *j = json_object(), *rms;

	json_object_set_new(j, "groups", json_integer(w->groups));
	if (w->groups == 0 || w->stack.experts == 0)
		return j;
	rms = json_array();
	for (int b = 0; b < LC_STACK_BUCKETS; b++)
		json_array_append_new(rms, numbers(w->rms[b], LC_MIXED));
	json_object_set_new(j, "gain", lc_json_num(w->gain));
	json_object_set_new(j, "se", lc_json_num(w->se));
	json_object_set_new(j, "stack", lc_stack_json(&w->stack));
	json_object_set_new(j, "rms", rms);
	return j;
}

/* Absent, or of no group: nothing was learned. */
static int weights_parse(struct lc_mix_weights *w, const json_t *j, struct lc_err *err)
{
	const json_t *rms = json_object_get(j, "rms");

	memset(w, 0, sizeof(*w));
	w->groups = (int)lc_json_get_int(j, "groups", 0);
	if (w->groups <= 0 || !json_object_get(j, "stack")) {
		w->groups = 0;
		return 0;
	}
	if (lc_stack_parse(&w->stack, json_object_get(j, "stack"), err) < 0)
		return -1;
	w->gain = lc_json_get_num(j, "gain", 0);
	w->se = lc_json_get_num(j, "se", 0);
	if (w->stack.experts != LC_MIXED || json_array_size(rms) != LC_STACK_BUCKETS)
		return lc_fail(err, LC_DATA, "experts: not %d of them", LC_MIXED);
	for (int b = 0; b < LC_STACK_BUCKETS; b++)
		if (read_numbers(json_array_get(rms, (size_t)b), w->rms[b], LC_MIXED, 1e9) < 0)
			return lc_fail(err, LC_DATA, "experts: an rms is missing");
	return 0;
}

json_t *lc_mix_model_json(const struct lc_mix_model *m)
{
	json_t *j = json_object(), *kinds = json_array(), *net = json_object();

	for (int k = 0; k < LC_MIX_KINDS; k++)
		json_array_append_new(kinds, weights_json(&m->kind[k]));
	if (m->resid.gate > 0)
		json_object_set_new(net, "network", lc_resid_json(&m->resid));
	json_object_set_new(net, "gate", lc_json_num(m->resid.gate));
	json_object_set_new(net, "gain", lc_json_num(m->resid_gain));
	json_object_set_new(net, "se", lc_json_num(m->resid_se));
	json_object_set_new(j, "kinds", kinds);
	json_object_set_new(j, "residual", net);
	return j;
}

int lc_mix_model_parse(struct lc_mix_model *m, const json_t *j, struct lc_err *err)
{
	const json_t *kinds = json_object_get(j, "kinds"), *net = json_object_get(j, "residual");

	memset(m, 0, sizeof(*m));
	if (!j)
		return 0;
	if (json_array_size(kinds) != LC_MIX_KINDS)
		return lc_fail(err, LC_DATA, "experts: not %d kinds of law", LC_MIX_KINDS);
	for (size_t k = 0; k < LC_MIX_KINDS; k++)
		if (weights_parse(&m->kind[k], json_array_get(kinds, k), err) < 0)
			return -1;
	m->resid_gain = lc_json_get_num(net, "gain", 0);
	m->resid_se = lc_json_get_num(net, "se", 0);
	return json_object_get(net, "network")
		       ? lc_resid_parse(&m->resid, json_object_get(net, "network"), err)
		       : 0;
}

static json_t *expert_json(const struct lc_expert *e)
{
	json_t *j = json_object();

	json_object_set_new(j, "name", json_string(lc_expert_name(e->kind)));
	json_object_set_new(j, "lr", lc_json_num(e->eta_ref));
	json_object_set_new(j, "skip", lc_json_num(e->skip));
	json_object_set_new(j, "par", numbers(e->par, LC_EXPERT_PARAMS));
	return j;
}

static int expert_parse(struct lc_mix *m, const json_t *j)
{
	const char *name = lc_json_get_str(j, "name", "");
	struct lc_expert *e = NULL;

	for (int k = LC_MIX_MPL; k <= LC_MIX_POWER; k++)
		if (strcmp(name, lc_mix_name(k)) == 0) {
			e = &m->expert[k];
			e->kind = k == LC_MIX_MPL ? LC_EXPERT_MPL : LC_EXPERT_POWER;
		}
	if (!e)
		return -1;
	e->eta_ref = lc_json_get_num(j, "lr", 0);
	e->skip = lc_json_get_num(j, "skip", 0);
	return e->eta_ref >= 0 && e->eta_ref < 1e9 && fabs(e->skip) < 1e15
		       ? read_numbers(json_object_get(j, "par"), e->par, LC_EXPERT_PARAMS, 1e15)
		       : -1;
}

json_t *lc_mix_json(const struct lc_mix *m)
{
	static const char *const from[] = {"none", "model", "own"};
	json_t *j = json_object(), *experts = json_array();

	json_object_set_new(j, "from", json_string(from[m->from]));
	if (m->from == LC_MIX_NONE)
		return json_decref(experts), j;
	json_object_set_new(j, "weights", weights_json(&m->w));
	for (int e = LC_MIX_MPL; e <= LC_MIX_POWER; e++)
		if (m->expert[e].kind == LC_EXPERT_MPL || m->expert[e].kind == LC_EXPERT_POWER)
			json_array_append_new(experts, expert_json(&m->expert[e]));
	json_object_set_new(j, "fitted", experts);
	if (m->resid.gate > 0)
		json_object_set_new(j, "network", lc_resid_json(&m->resid));
	return j;
}

int lc_mix_parse(struct lc_mix *m, const json_t *j, struct lc_err *err)
{
	const char *from = lc_json_get_str(j, "from", "none");
	const json_t *fitted = json_object_get(j, "fitted"), *one;
	size_t i;

	memset(m, 0, sizeof(*m));
	for (int e = 0; e < LC_MIXED; e++)
		m->expert[e].kind = LC_EXPERTS;
	if (strcmp(from, "none") == 0)
		return 0;
	m->from = strcmp(from, "own") == 0 ? LC_MIX_OWN : LC_MIX_MODEL;
	if (weights_parse(&m->w, json_object_get(j, "weights"), err) < 0)
		return -1;
	if (m->w.groups == 0)
		return lc_fail(err, LC_DATA, "experts: they have no weights");
	json_array_foreach(fitted, i, one)
		if (expert_parse(m, one) < 0)
			return lc_fail(err, LC_DATA, "experts: %zu is none of ours", i);
	if (json_object_get(j, "network"))
		return lc_resid_parse(&m->resid, json_object_get(j, "network"), err);
	return 0;
}

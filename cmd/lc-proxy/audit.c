/*
 * lc-proxy audit: where a forecast can be trusted. Errors of known branches by stratum and by pairs
 * of strata, coverage by what a width is of, a negative control (the lr of another branch), the
 * form check, what the model knows of divergence, and worlds whose truth is exact.
 */
#include "audit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "json.h"
#include "skill.h"

enum { SHIFTS = 3 };

json_t *audit_record(const char *part, const char *name)
{
	json_t *j = lc_record_new("audit", 1);

	json_object_set_new(j, "part", json_string(part));
	json_object_set_new(j, "name", json_string(name));
	return j;
}

void audit_put(json_t *rec, const char *key, double x)
{
	char text[32];

	if (!isfinite(x))
		return;
	snprintf(text, sizeof(text), "%.4g", x);
	json_object_set_new(rec, key, lc_json_num(strtod(text, NULL)));
}

void audit_emit(json_t *rec)
{
	struct lc_err err;

	if (lc_json_emit(stdout, rec, &err) < 0)
		lc_die(&err);
	json_decref(rec);
}

static void report_rank(const struct options *o, const char *part, const char *name, double tau,
			double regret, int groups)
{
	if (o->json) {
		json_t *j = audit_record(part, name);
		audit_put(j, "tau", tau);
		audit_put(j, "regret", regret);
		json_object_set_new(j, "groups", json_integer(groups));
		audit_emit(j);
	} else if (groups) {
		printf("%s, %s: tau %.2f", part, name, tau);
		if (isfinite(regret))
			printf(", regret %.5f", regret);
		printf(" (%d groups)\n", groups);
	} else {
		printf("%s, %s: no group of branches to tell it by\n", part, name);
	}
}

/* Ranking within groups by their last values. */
static void rank_all(const struct options *o, const struct audited *a, int n)
{
	double *f = lc_xalloc((size_t)n, sizeof(*f)), *t = lc_xalloc((size_t)n, sizeof(*t));
	double tau = 0, regret = 0;
	int groups = 0;

	for (int i = 0; i < n; i++) {
		int m = 0, first = 1;
		double one;
		for (int k = 0; k < n; k++) {
			if (strcmp(a[k].group, a[i].group) != 0)
				continue;
			first &= k >= i;
			f[m] = a[k].last;
			t[m++] = a[k].truth;
		}
		one = first && m > 1 ? lc_skill_tau(f, t, m, a[i].noise) : NAN;
		if (!isfinite(one))
			continue;
		tau += one;
		regret += lc_skill_regret(f, t, m);
		groups++;
	}
	report_rank(o, "rank", "within groups", tau / groups, regret / groups, groups);
	free(f);
	free(t);
}

/*
 * The negative control: each branch is forecast under the lr of another one of the same fork and
 * the same end. If the ranking survives that, it does not come from the lr.
 */
static void shuffled(const struct options *o, struct bt_case *c, const struct audited *a, int n)
{
	double *f = lc_xalloc((size_t)n, sizeof(*f)), *t = lc_xalloc((size_t)n, sizeof(*t)),
	       sum = 0;
	int *of = lc_xalloc((size_t)n, sizeof(*of)), groups = 0;

	for (int i = 0; i < n; i++) {
		int m = 0;
		for (int k = 0; k < n; k++)
			if (strcmp(a[k].group, a[i].group) == 0 && a[k].from == a[i].from &&
			    a[k].end == a[i].end)
				of[m++] = k;
		if (m < 3 || of[0] != i)
			continue;
		for (int shift = 1; shift <= SHIFTS && shift < m; shift++) {
			double tau;
			for (int k = 0; k < m; k++) {
				struct outcome out;
				c[of[k]].lr_of = c[of[(k + shift) % m]].branch;
				case_run(o, &c[of[k]], 0, &out);
				c[of[k]].lr_of = NULL;
				f[k] = out.mean[AUDITED][out.n - 1];
				t[k] = a[of[k]].truth;
				outcome_release(&out);
			}
			tau = lc_skill_tau(f, t, m, a[i].noise);
			if (isfinite(tau)) {
				sum += tau;
				groups++;
			}
		}
	}
	report_rank(o, "control", "the lr of another branch (should be 0)", sum / groups, NAN,
		    groups);
	free(f);
	free(t);
	free(of);
}

static int audit_cases(const struct options *o)
{
	struct bt_case *c;
	struct audited *a;
	int all = cases_load(o->cases, &c), n = 0;

	a = lc_xalloc((size_t)all + 1, sizeof(*a));
	for (int i = 0; i < all; i++) {
		struct outcome out;
		struct audited *one = &a[n];
		if (!case_run(o, &c[i], 0, &out)) {
			outcome_release(&out);
			lc_warn("%s: no value after the fork: passed over", c[i].branch);
			case_release(&c[i]);
			continue;
		}
		c[n] = c[i];
		tally_take(&one->t, &out, AUDITED);
		one->noise = out.noise;
		one->truth = out.y[out.n - 1];
		one->last = out.mean[AUDITED][out.n - 1];
		one->end = out.at[out.n - 1];
		one->from = (long)out.from;
		one->group = c[n].group;
		audit_stratify(one, &c[n], &out);
		audit_cover(one, &out);
		n++;
		outcome_release(&out);
	}
	if (n) {
		audit_strata(o, a, n);
		audit_coverage(o, a, n);
		rank_all(o, a, n);
		shuffled(o, c, a, n);
		audit_trust(o, c, n);
		audit_forms(o, c, n);
	}
	for (int i = 0; i < n; i++)
		for (int k = 0; k < a[i].nstrata; k++)
			free(a[i].stratum[k]);
	free(a);
	cases_release(c, n);
	return n;
}

/* What the model has learned of divergence, and how well each run was foretold by the others. */
static void audit_hazard(const struct options *o, const struct lc_hazard_fitted *h)
{
	static const char *const what[LC_HAZARD_X] = {"constant", "lr doubled", "time doubled",
						      "damaged", "broken"};

	if (o->json) {
		json_t *j = audit_record("hazard", "of divergence"), *beta = json_object();
		for (int i = 0; i < LC_HAZARD_X; i++)
			audit_put(beta, what[i], h->h.beta[i]);
		json_object_set_new(j, "beta", beta);
		json_object_set_new(j, "forks", json_integer(h->forks));
		json_object_set_new(j, "diverged", json_integer(h->diverged));
		audit_put(j, "auroc", h->auroc);
		audit_put(j, "brier", h->brier);
		audit_emit(j);
		return;
	}
	printf("hazard: %d of %d branches of past runs diverged;", h->diverged, h->forks);
	for (int i = 0; i < LC_HAZARD_X; i++)
		printf("%s %s %+.2f", i ? "," : " log odds:", what[i], h->h.beta[i]);
	if (isfinite(h->brier))
		printf("; run by run from the others: Brier %.4f", h->brier);
	if (isfinite(h->auroc))
		printf(", AUROC %.2f", h->auroc);
	putchar('\n');
}

int cmd_audit(const struct options *given)
{
	struct lc_law_model *model = read_model(given);
	struct options with = *given, *o = &with;
	int ret = LC_NO;

	with.model = model;
	if (o->nhistory || o->narg)
		lc_usage("audit: runs are given by --cases");
	if (!o->cases || audit_cases(o) > 0) {
		if (model && model->hazard.forks)
			audit_hazard(o, &model->hazard);
		ret = audit_worlds(o);
	}
	if (model)
		lc_model_release(model);
	free(model);
	return ret;
}

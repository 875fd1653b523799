/*
 * lc-proxy audit: where a forecast can be trusted. Errors of known branches by stratum and by pairs
 * of strata, a negative control (the lr of another branch), the form check, and worlds whose truth
 * is exact.
 */
#include "audit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "json.h"
#include "skill.h"

enum { STRATA = 12, SHIFTS = 3 };
#define HULL .02 /* an lr within so much of what was seen is in the hull */

struct audited {
	struct tally t;
	double noise, truth, last, end;
	const char *group;
	long from;
	int nstrata;
	char *stratum[STRATA]; /* "name=value" */
};

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

static void add_stratum(struct audited *a, const char *name, const char *value)
{
	if (a->nstrata < STRATA)
		a->stratum[a->nstrata++] = lc_path("%s=%s", name, value);
}

/* What the case itself says: how far ahead, which lr, of what shape; then the user's own. */
static void stratify(struct audited *a, const struct bt_case *c, const struct outcome *o)
{
	double ahead = o->at[o->n - 1] - o->from, past = fmax(o->from, 1), lo = INFINITY, hi = 0;
	double first = o->lr[0], rise = 0, fall = 0;
	const char *key;
	json_t *v;

	if (c->whole)
		add_stratum(a, "horizon", "another run");
	else
		add_stratum(a, "horizon",
			    ahead <= past / 4 ? "up to 1/4 of the past"
			    : ahead <= past   ? "up to the past"
					      : "beyond the past");
	for (int i = 0; i < o->n; i++) {
		lo = fmin(lo, o->lr[i]);
		hi = fmax(hi, o->lr[i]);
		rise = fmax(rise, o->lr[i] / first - 1);
		fall = fmax(fall, 1 - o->lr[i] / first);
	}
	if (o->eta_ref > 0 && hi > 0) {
		int above = hi / o->eta_ref > o->lr_hi * (1 + HULL),
		    below = lo / o->eta_ref < o->lr_lo * (1 - HULL);
		add_stratum(a, "lr",
			    above   ? "above the hull"
			    : below ? "below the hull"
				    : "in the hull");
		add_stratum(a, "schedule",
			    rise > HULL && fall > HULL ? "rises and falls"
			    : rise > HULL	       ? "rises"
			    : fall > HULL	       ? "falls"
						       : "constant");
	} else {
		add_stratum(a, "lr", "not logged");
	}
	add_stratum(a, "known", c->nknown ? "other branches" : "its past alone");
	json_object_foreach(c->strata, key, v) {
		char *text =
			json_is_string(v) ? lc_path("%s", json_string_value(v)) : lc_json_text(v);
		add_stratum(a, key, text);
		free(text);
	}
}

static int is_in(const struct audited *a, const char *s)
{
	for (int i = 0; i < a->nstrata; i++)
		if (strcmp(a->stratum[i], s) == 0)
			return 1;
	return 0;
}

/* One line: the cases in both strata (NULL: all). Returns how many there are. */
static int report(const struct options *o, const struct audited *a, int n, const char *s,
		  const char *also, int fewest)
{
	double rmse = 0, last = 0, crps = 0, cover = 0, noise = 0;
	char *name = also ? lc_path("%s, %s", s, also) : lc_path("%s", s ? s : "all");
	int m = 0;

	for (int i = 0; i < n; i++) {
		const struct tally *t = &a[i].t;
		if ((s && !is_in(&a[i], s)) || (also && !is_in(&a[i], also)))
			continue;
		rmse += sqrt(t->sq / (double)t->n);
		last += fabs(t->last);
		crps += t->crps / (double)t->n;
		cover += (double)t->inside / (double)t->n;
		noise += a[i].noise;
		m++;
	}
	if (m >= fewest && o->json) {
		json_t *j = audit_record("stratum", name);
		json_object_set_new(j, "n", json_integer(m));
		audit_put(j, "floor", noise / m);
		audit_put(j, "rmse", rmse / m);
		audit_put(j, "final", last / m);
		audit_put(j, "crps", crps / m);
		audit_put(j, "cover90", cover / m);
		audit_emit(j);
	} else if (m >= fewest) {
		printf("%-56.56s %4d %8.5f %8.5f %8.5f %8.5f %7.2f\n", name, m, noise / m, rmse / m,
		       last / m, crps / m, cover / m);
	}
	free(name);
	return m;
}

/* All strata, then pairs that are neither of them alone. */
static void report_strata(const struct options *o, const struct audited *a, int n)
{
	const char **seen = lc_xalloc((size_t)n * STRATA + 1, sizeof(*seen));
	int *count = lc_xalloc((size_t)n * STRATA + 1, sizeof(*count)), m = 0;

	if (!o->json)
		printf("%-56s %4s %8s %8s %8s %8s %7s\n", "stratum", "n", "floor", "rmse", "final",
		       "crps", "cover90");
	report(o, a, n, NULL, NULL, 1);
	for (int i = 0; i < n; i++)
		for (int k = 0; k < a[i].nstrata; k++) {
			int known = 0;
			for (int j = 0; j < m; j++)
				known |= strcmp(seen[j], a[i].stratum[k]) == 0;
			if (known)
				continue;
			seen[m] = a[i].stratum[k];
			count[m++] = report(o, a, n, a[i].stratum[k], NULL, 1);
		}
	for (int i = 0; i < m; i++)
		for (int k = i + 1; k < m; k++) {
			int both = 0;
			for (int j = 0; j < n; j++)
				both += is_in(&a[j], seen[i]) && is_in(&a[j], seen[k]);
			if (both >= 2 && both < count[i] && both < count[k])
				report(o, a, n, seen[i], seen[k], 2);
		}
	free(seen);
	free(count);
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
				f[k] = out.mean[MODEL_LAW][out.n - 1];
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
		tally_take(&one->t, &out, MODEL_LAW);
		one->noise = out.noise;
		one->truth = out.y[out.n - 1];
		one->last = out.mean[MODEL_LAW][out.n - 1];
		one->end = out.at[out.n - 1];
		one->from = (long)out.from;
		one->group = c[n].group;
		stratify(one, &c[n++], &out);
		outcome_release(&out);
	}
	if (n) {
		report_strata(o, a, n);
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

int cmd_audit(const struct options *given)
{
	struct lc_law_model *model = read_model(given);
	struct options with = *given, *o = &with;
	int ret = LC_NO;

	with.model = model;
	if (o->nhistory || o->narg)
		lc_usage("audit: runs are given by --cases");
	if (!o->cases || audit_cases(o) > 0)
		ret = audit_worlds(o);
	if (model)
		lc_model_release(model);
	free(model);
	return ret;
}

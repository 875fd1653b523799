/*
 * audit_strata: errors of known branches by stratum and by pairs of strata; and how much of what
 * came the 90 % intervals held, by what a width is of: an lr that was seen or not, and how far
 * ahead.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "io.h"
#include "json.h"

#define HULL .02 /* an lr within so much of what was seen is in the hull */
#define Z90 1.6448536269514722

static void add_stratum(struct audited *a, const char *name, const char *value)
{
	if (a->nstrata < STRATA)
		a->stratum[a->nstrata++] = lc_path("%s=%s", name, value);
}

/* What the case itself says: how far ahead, which lr, of what shape; then the user's own. */
void audit_stratify(struct audited *a, const struct bt_case *c, const struct outcome *o)
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
void audit_strata(const struct options *o, const struct audited *a, int n)
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

void audit_cover(struct audited *a, const struct outcome *o)
{
	for (int i = 0; i < o->n; i++) {
		a->cell[o->cell[i]][0]++;
		a->cell[o->cell[i]][1] += fabs(o->mean[AUDITED][i] - o->y[i]) <= Z90 * o->mix_sd[i];
	}
}

/* Mean over the branches that have values in the cells [from, to). */
static void report_cells(const struct options *o, const struct audited *a, int n, int from, int to,
			 const char *name)
{
	double cover = 0;
	long values = 0;
	int m = 0;

	for (int i = 0; i < n; i++) {
		long all = 0, in = 0;
		for (int c = from; c < to; c++) {
			all += a[i].cell[c][0];
			in += a[i].cell[c][1];
		}
		values += all;
		m += all > 0;
		cover += all ? (double)in / (double)all : 0;
	}
	if (m && o->json) {
		json_t *j = audit_record("coverage", name);
		json_object_set_new(j, "n", json_integer(m));
		json_object_set_new(j, "values", json_integer(values));
		audit_put(j, "cover90", cover / m);
		audit_emit(j);
	} else if (m) {
		printf("coverage, %-46.46s %4d branches, %6ld values %7.2f\n", name, m, values,
		       cover / m);
	}
}

void audit_coverage(const struct options *o, const struct audited *a, int n)
{
	static const char *const lr[] = {"lr seen", "lr not seen"}, *const far[LC_BUCKETS] = {
									    "to .03 of the past",
									    "to .1", "to .3",
									    "beyond"};

	for (int u = 0; u < 2; u++) {
		report_cells(o, a, n, u * LC_BUCKETS, (u + 1) * LC_BUCKETS, lr[u]);
		for (int b = 0; b < LC_BUCKETS; b++) {
			char *name = lc_path("%s, %s", lr[u], far[b]);
			report_cells(o, a, n, u * LC_BUCKETS + b, u * LC_BUCKETS + b + 1, name);
			free(name);
		}
	}
}

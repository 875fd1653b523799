/* stack: see stack.h. */
#include "stack.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "json.h"

#define PRIOR 1.   /* groups that the weights start from count as so many */
#define WORST -20. /* log p below the best expert's: no single value is worth more than this */
enum { ROUNDS = 500, ALL = -1 };

void lc_stack_init(struct lc_stack *s, int experts)
{
	memset(s, 0, sizeof(*s));
	s->experts = experts;
	for (int b = 0; b < LC_STACK_BUCKETS; b++)
		s->weight[b][0] = 1;
}

int lc_stack_bucket(double horizon)
{
	int b = 0;

	while (b < LC_STACK_BUCKETS - 1 && horizon > ldexp(1. / 32, b))
		b++;
	return b;
}

double lc_log_normal(double y, double mean, double sd)
{
	double z = (y - mean) / sd;

	return -.5 * z * z - log(sd) - .5 * log(2 * M_PI);
}

/* The densities of a case over its best one's. */
static void densities(const struct lc_stack_case *c, int experts, double p[LC_STACK_EXPERTS])
{
	double best = -INFINITY;

	for (int e = 0; e < experts; e++)
		best = fmax(best, c->logp[e]); /* of a NaN and a number, the number */
	for (int e = 0; e < experts; e++) {
		double l = isfinite(best) ? c->logp[e] - best : 0;
		p[e] = exp(isnan(l) ? WORST : fmax(l, WORST));
	}
}

/* What takes part: a bucket or ALL, every group but one (-1: every group). */
struct part {
	int experts, bucket, without;
	const struct lc_stack_case *c;
	size_t n;
};

static int takes(const struct part *p, size_t i)
{
	return p->c[i].group != p->without &&
	       (p->bucket == ALL || lc_stack_bucket(p->c[i].horizon) == p->bucket);
}

/* share[i] = 1 / cases of i's group that take part, 0 for one that does not. Returns groups. */
static double shares(const struct part *p, double *share)
{
	double groups = 0;
	int most = 0;
	long *count;

	for (size_t i = 0; i < p->n; i++)
		most = p->c[i].group > most ? p->c[i].group : most;
	count = lc_xalloc((size_t)most + 1, sizeof(*count));
	for (size_t i = 0; i < p->n; i++)
		groups += takes(p, i) && count[p->c[i].group]++ == 0;
	for (size_t i = 0; i < p->n; i++)
		share[i] = takes(p, i) ? 1 / (double)count[p->c[i].group] : 0;
	free(count);
	return groups;
}

/* EM from, and drawn to, the weights in w; returns how many groups spoke. */
static double fit(const struct part *p, double *w)
{
	double *share = lc_xalloc(p->n + 1, sizeof(*share)), start[LC_STACK_EXPERTS];
	double groups = shares(p, share), *d = lc_xalloc(p->n + 1, LC_STACK_EXPERTS * sizeof(*d));

	memcpy(start, w, sizeof(start));
	for (size_t i = 0; i < p->n; i++)
		densities(&p->c[i], p->experts, d + i * LC_STACK_EXPERTS);
	for (int e = 0; e < p->experts; e++) /* EM never leaves zero */
		w[e] = .5 * w[e] + .5 / p->experts;
	for (int round = 0; round < ROUNDS && groups > 0; round++) {
		double sum[LC_STACK_EXPERTS] = {0};
		for (size_t i = 0; i < p->n; i++) {
			const double *q = d + i * LC_STACK_EXPERTS;
			double mix = 0;
			for (int e = 0; e < p->experts; e++)
				mix += w[e] * q[e];
			for (int e = 0; e < p->experts && share[i] > 0; e++)
				sum[e] += share[i] * w[e] * q[e] / mix;
		}
		for (int e = 0; e < p->experts; e++)
			w[e] = (sum[e] + PRIOR * start[e]) / (groups + PRIOR);
	}
	if (groups == 0)
		memcpy(w, start, sizeof(start));
	free(share);
	free(d);
	return groups;
}

static void fit_without(struct lc_stack *s, int experts, const struct lc_stack_case *c, size_t n,
			int without)
{
	double all[LC_STACK_EXPERTS] = {1};
	struct part p = {experts, ALL, without, c, n};

	lc_stack_init(s, experts);
	fit(&p, all);
	for (p.bucket = 0; p.bucket < LC_STACK_BUCKETS; p.bucket++) {
		memcpy(s->weight[p.bucket], all, sizeof(all));
		s->groups[p.bucket] = fit(&p, s->weight[p.bucket]);
	}
}

void lc_stack_fit(struct lc_stack *s, int experts, const struct lc_stack_case *c, size_t n)
{
	fit_without(s, experts, c, n, -1);
}

/* Mean gain over the cases of a group under weights that have not seen it. */
static double group_gain(const struct lc_stack *s, const struct lc_stack_case *c, size_t n,
			 int group)
{
	double gain = 0, p[LC_STACK_EXPERTS];
	long count = 0;

	for (size_t i = 0; i < n; i++) {
		const double *w = s->weight[lc_stack_bucket(c[i].horizon)];
		double mix = 0;
		if (c[i].group != group)
			continue;
		densities(&c[i], s->experts, p);
		for (int e = 0; e < s->experts; e++)
			mix += w[e] * p[e];
		gain += log(mix / p[0]);
		count++;
	}
	return count ? gain / (double)count : NAN;
}

double lc_stack_gain(int experts, const struct lc_stack_case *c, size_t n, double *se)
{
	double sum = 0, sq = 0, groups = 0;
	int most = -1;
	struct lc_stack s;

	for (size_t i = 0; i < n; i++)
		most = c[i].group > most ? c[i].group : most;
	for (int g = 0; g <= most; g++) {
		double gain;
		fit_without(&s, experts, c, n, g);
		gain = group_gain(&s, c, n, g);
		if (isnan(gain))
			continue;
		sum += gain;
		sq += gain * gain;
		groups++;
	}
	if (se)
		*se = 0;
	if (groups < 2)
		return 0;
	sum /= groups;
	if (se)
		*se = sqrt(fmax(0, sq / groups - sum * sum) / (groups - 1));
	return sum;
}

void lc_stack_mix(const struct lc_stack *s, double horizon, const double *mean, const double *sd,
		  double *mix_mean, double *mix_sd)
{
	const double *w = s->weight[lc_stack_bucket(horizon)];
	double total = 0, m = 0, var = 0;

	for (int e = 0; e < s->experts; e++)
		if (isfinite(mean[e]) && isfinite(sd[e])) {
			total += w[e];
			m += w[e] * mean[e];
		}
	m /= total;
	for (int e = 0; e < s->experts; e++)
		if (isfinite(mean[e]) && isfinite(sd[e]))
			var += w[e] * (sd[e] * sd[e] + (mean[e] - m) * (mean[e] - m));
	*mix_mean = m;
	*mix_sd = sqrt(var / total);
}

json_t *lc_stack_json(const struct lc_stack *s)
{
	json_t *j = json_object(), *rows = json_array(), *groups = json_array();

	for (int b = 0; b < LC_STACK_BUCKETS; b++) {
		json_t *row = json_array();
		for (int e = 0; e < s->experts; e++)
			json_array_append_new(row, lc_json_num(s->weight[b][e]));
		json_array_append_new(rows, row);
		json_array_append_new(groups, lc_json_num(s->groups[b]));
	}
	json_object_set_new(j, "experts", json_integer(s->experts));
	json_object_set_new(j, "weight", rows);
	json_object_set_new(j, "groups", groups);
	return j;
}

static int read_row(const json_t *row, double *w, int experts)
{
	double sum = 0;

	if ((int)json_array_size(row) != experts)
		return -1;
	for (int e = 0; e < experts; e++) {
		if (lc_json_to_num(json_array_get(row, (size_t)e), &w[e]) < 0 || !(w[e] >= 0))
			return -1;
		sum += w[e];
	}
	return fabs(sum - 1) < 1e-6 ? 0 : -1;
}

int lc_stack_parse(struct lc_stack *s, const json_t *j, struct lc_err *err)
{
	const json_t *rows = json_object_get(j, "weight"), *groups = json_object_get(j, "groups");
	long experts = lc_json_get_int(j, "experts", 0);
	int ok = experts >= 1 && experts <= LC_STACK_EXPERTS &&
		 json_array_size(rows) == LC_STACK_BUCKETS &&
		 json_array_size(groups) == LC_STACK_BUCKETS;

	lc_stack_init(s, ok ? (int)experts : 1);
	for (size_t b = 0; ok && b < LC_STACK_BUCKETS; b++)
		ok = read_row(json_array_get(rows, b), s->weight[b], s->experts) == 0 &&
		     lc_json_to_num(json_array_get(groups, b), &s->groups[b]) == 0 &&
		     s->groups[b] >= 0;
	return ok ? 0 : lc_fail(err, LC_DATA, "stack: a field is missing or out of range");
}

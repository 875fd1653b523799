/* residgate: when the networks may speak, and their JSON. See resid.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "json.h"
#include "resid.h"
#include "skill.h"

enum { GATES = 10 };

/* Mean over groups, and its standard error, of what gate g takes off a group's CRPS; in sd's. */
static double gain_at(const struct lc_resid_case *c, const float *z, size_t n, int groups, double g,
		      double *se, double *before)
{
	double *sum = lc_xalloc((size_t)groups, 3 * sizeof(*sum)), mean = 0, sq = 0, count = 0;

	*before = 0;
	for (size_t i = 0; i < n; i++) {
		double *s = sum + 3 * c[i].group;
		s[0] += lc_skill_crps(0, 1, c[i].z);
		s[1] += lc_skill_crps(g * z[i], 1, c[i].z);
		s[2]++;
	}
	for (int k = 0; k < groups; k++) {
		const double *s = sum + 3 * k;
		double gain = s[2] > 0 ? (s[0] - s[1]) / s[2] : 0;
		if (!(s[2] > 0))
			continue;
		*before += s[0] / s[2];
		mean += gain;
		sq += gain * gain;
		count++;
	}
	free(sum);
	*se = INFINITY;
	if (count < 2)
		return 0;
	mean /= count;
	*before /= count;
	*se = sqrt(fmax(0, sq / count - mean * mean) / (count - 1));
	return mean;
}

static int groups_of(const struct lc_resid_case *c, size_t n)
{
	int most = -1;

	for (size_t i = 0; i < n; i++)
		most = c[i].group > most ? c[i].group : most;
	return most + 1;
}

#define SURE 2. /* standard errors: the best of GATES is lucky by about one */

double lc_resid_gate(const struct lc_resid_case *c, const float *z, size_t n, double *gain,
		     double *se)
{
	double best = 0, best_gain = 0, best_se = 0, before = 1;
	int groups = groups_of(c, n);

	for (int i = 1; i <= GATES; i++) {
		double s, b, g = gain_at(c, z, n, groups, (double)i / GATES, &s, &b);
		if (g > best_gain) {
			best = (double)i / GATES;
			best_gain = g;
			best_se = s;
			before = b;
		}
	}
	*gain = best_gain / before;
	*se = best_se / before;
	return best_gain > SURE * best_se ? best : 0;
}

void lc_resid_fit(struct lc_resid *r, const struct lc_resid_case *c, size_t n, double *gain,
		  double *se)
{
	float *z = lc_xalloc(n + 1, sizeof(*z));
	int groups = groups_of(c, n);

	for (int g = 0; g < groups; g++) {
		int seen = 0;
		for (size_t i = 0; i < n && !seen; i++)
			seen = c[i].group == g;
		if (seen)
			lc_resid_train(r, c, n, g);
		for (size_t i = 0; i < n && seen; i++)
			if (c[i].group == g)
				lc_resid_predict(r, c[i].x, 1, &z[i]);
	}
	lc_resid_train(r, c, n, -1);
	r->gate = lc_resid_gate(c, z, n, gain, se);
	free(z);
}

/* The arrays by name, for writing and reading. */
#define PART(m)                                                                                    \
	{                                                                                          \
#m, offsetof(struct lc_resid, m),                                                  \
			sizeof(((struct lc_resid *)0)->m) / sizeof(float)                          \
	}
static const struct part {
	const char *name;
	size_t at, n;
} parts[] = {PART(shift), PART(scale), PART(w1), PART(b1), PART(w2), PART(b2), PART(w3), PART(b3)};
enum { PARTS = sizeof(parts) / sizeof(parts[0]) };

json_t *lc_resid_json(const struct lc_resid *r)
{
	json_t *j = json_object();

	json_object_set_new(j, "gate", lc_json_num(r->gate));
	for (int p = 0; p < PARTS && r->gate > 0; p++) {
		const float *x = (const float *)((const char *)r + parts[p].at);
		json_t *a = json_array();
		for (size_t i = 0; i < parts[p].n; i++)
			json_array_append_new(a, lc_json_num((double)x[i]));
		json_object_set_new(j, parts[p].name, a);
	}
	return j;
}

static int read_part(const json_t *a, float *x, size_t n)
{
	if (json_array_size(a) != n)
		return -1;
	for (size_t i = 0; i < n; i++) {
		double v;
		if (lc_json_to_num(json_array_get(a, i), &v) < 0 || !(fabs(v) < 1e6))
			return -1;
		x[i] = (float)v;
	}
	return 0;
}

int lc_resid_parse(struct lc_resid *r, const json_t *j, struct lc_err *err)
{
	int ok;

	memset(r, 0, sizeof(*r));
	r->gate = lc_json_get_num(j, "gate", -1);
	ok = r->gate >= 0 && r->gate <= 1;
	for (int p = 0; p < PARTS && ok && r->gate > 0; p++)
		ok = read_part(json_object_get(j, parts[p].name),
			       (float *)((char *)r + parts[p].at), parts[p].n) == 0;
	if (ok)
		return 0;
	r->gate = 0;
	return lc_fail(err, LC_DATA, "resid: a field is missing or out of range");
}

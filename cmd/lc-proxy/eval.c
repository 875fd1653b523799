/*
 * lc-proxy eval: how well known branches would have been forecast from their parents' past alone.
 *
 * Cases on stdin, one a line:
 * {"parent":FILE,"fork_step":N,"branch":FILE,"known":[FILE...],"whole":bool}. The law sees the
 * parent up to the fork (whole: all of it, for runs that only share their start) and the known
 * branches; the branch's own lr is given, its loss is what is scored. Beside it persistence (the
 * last value) and a power law in the step, L0 + A t^-c, by least squares over the last 95 % of the
 * past.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "json.h"
#include "proxy.h"
#include "stat.h"

#define PIECE_TOL .05

struct score {
	long n, inside;
	double sq, sq_hold, sq_power, sd;   /* sums */
	double last, last_hold, last_power; /* errors at the last point */
};

struct points {
	int n;
	double *at, *y;
};

static void read_points(const struct lc_series *s, enum lc_metric m, double t0, double t1,
			struct points *p)
{
	p->n = 0;
	p->at = lc_xalloc((size_t)s->n + 1, sizeof(double));
	p->y = lc_xalloc((size_t)s->n + 1, sizeof(double));
	for (long i = 0; i < s->n; i++) {
		double y = m == LC_VAL_LOSS ? s->row[i].val_loss : s->row[i].loss;
		double t = (double)s->row[i].step;
		if (!isfinite(y) || t <= t0 || t > t1)
			continue;
		p->at[p->n] = t;
		p->y[p->n++] = y;
	}
}

static void points_release(struct points *p)
{
	free(p->at);
	free(p->y);
}

/* L0 + A t^-c: linear in (L0, A) for each of 60 exponents. */
static void power_law(const struct points *p, double *l0, double *a, double *c)
{
	double best = INFINITY;

	*l0 = p->n ? p->y[p->n - 1] : 0;
	*a = *c = 0;
	for (int i = 1; i <= 60 && p->n > 2; i++) {
		double e = .025 * i, n = p->n, sx = 0, sy = 0, sxx = 0, sxy = 0, syy = 0, b, rss;
		for (int k = 0; k < p->n; k++) {
			double x = pow(p->at[k] / p->at[p->n - 1], -e),
			       y = p->y[k] - p->y[p->n - 1];
			sx += x, sy += y, sxx += x * x, sxy += x * y, syy += y * y;
		}
		b = (n * sxy - sx * sy) / (n * sxx - sx * sx);
		rss = syy - sy * sy / n - b * (sxy - sx * sy / n);
		if (rss < best) {
			best = rss;
			*c = e;
			*a = b * pow(p->at[p->n - 1], e);
			*l0 = (sy - b * sx) / n + p->y[p->n - 1];
		}
	}
}

static void roll(const struct lc_law *law, const struct lc_lrpath *path, double from,
		 const struct points *p, double *mean, double *sd)
{
	struct lc_lrpath ahead;
	struct lc_modes start;
	double *out = lc_xalloc((size_t)p->n, sizeof(*out)),
	       ref = law->eta_ref > 0 ? law->eta_ref : 1;
	struct lc_rollout_branch br = {.start = &start,
				       .from = from,
				       .scale = 1,
				       .nout = p->n,
				       .out = out,
				       .mean = mean,
				       .sd = sd};

	lc_lrpath_init(&ahead);
	lc_lrpath_add(&ahead, 1, lc_lrpath_at(path, from + 1) / ref);
	for (int i = 0; i < path->n; i++)
		if (path->at[i] > from + 1)
			lc_lrpath_add(&ahead, path->at[i] - from, path->lr[i] / ref);
	for (int i = 0; i < p->n; i++)
		out[i] = p->at[i] - from;
	br.npoint = ahead.n;
	br.at = ahead.at;
	br.eta = ahead.lr;
	lc_law_modes(law, 0, from, &start);
	lc_rollout_cpu(&law->basis, &law->post, PIECE_TOL, &br, 1, NULL);
	lc_lrpath_release(&ahead);
	free(out);
}

static void add(struct score *s, const struct lc_law *law, const struct points *past,
		const struct points *p, const double *mean, const double *sd)
{
	double l0, a, c;

	power_law(past, &l0, &a, &c);
	for (int i = 0; i < p->n; i++) {
		double var = sd[i] * sd[i] + law->noise * law->noise;
		double hold = past->n ? past->y[past->n - 1] : p->y[0];
		s->last = mean[i] - p->y[i];
		s->last_hold = hold - p->y[i];
		s->last_power = l0 + a * pow(p->at[i], -c) - p->y[i];
		s->sq += s->last * s->last;
		s->sq_hold += s->last_hold * s->last_hold;
		s->sq_power += s->last_power * s->last_power;
		s->sd += sqrt(var);
		s->inside += fabs(s->last) <= 1.6448536269514722 * sqrt(var);
		s->n++;
	}
}

static char *file_of(const char *name)
{
	size_t n = strlen(name);

	return lc_path("%s%s", name, n > 6 && strcmp(name + n - 6, ".jsonl") == 0 ? "" : ".jsonl");
}

/* Read a file as a branch that leaves the trunk at `from`; its index. */
static int read_series(const struct options *o, struct lc_past *past, const char *name, long from)
{
	char *path = file_of(name);
	struct lc_past one;
	struct lc_err err;
	struct lc_series *s;

	lc_past_init(&one);
	if (lc_past_read(&one, path, &o->names, &err) < 0)
		lc_die(&err);
	past->series = lc_xrealloc(past->series, (size_t)past->n + 1, sizeof(*past->series));
	s = &past->series[past->n];
	*s = one.series[0];
	one.series[0].row = NULL;
	snprintf(s->name, sizeof(s->name), "k%d", past->n);
	s->parent = 0;
	s->from = from;
	lc_past_release(&one);
	free(path);
	return past->n++;
}

static void cut(struct lc_past *past, long at)
{
	struct lc_series *s = &past->series[0];

	while (s->n && s->row[s->n - 1].step > at)
		s->n--;
}

/*
 * First step of a known branch's own rows: it leaves the trunk there; 0 when the runs only share
 * their start.
 */
static long leaves_at(const struct lc_past *p, int series, int whole)
{
	const struct lc_series *s = &p->series[series];

	return whole || s->n == 0 ? 0 : s->row[0].step;
}

static int one_case(const struct options *o, const json_t *j, struct score *total, struct score *s)
{
	const char *parent = lc_json_get_str(j, "parent", lc_json_get_str(j, "best_parent", ""));
	const char *branch = lc_json_get_str(j, "branch", "");
	int whole = json_is_true(json_object_get(j, "whole")), test;
	long at = lc_json_get_int(j, "fork_step", 0);
	struct points past_pts, pts;
	struct lc_lrpath path;
	struct lc_past past;
	struct lc_law law;
	struct lc_err err;
	double *mean, *sd;
	char *file = file_of(parent);
	json_t *known;
	size_t i;

	lc_past_init(&past);
	if (lc_past_read(&past, file, &o->names, &err) < 0)
		lc_die(&err);
	free(file);
	if (!whole)
		cut(&past, at);
	json_array_foreach(json_object_get(j, "known"), i, known) {
		int k = read_series(o, &past, json_string_value(known), 0);
		past.series[k].from = leaves_at(&past, k, whole);
	}
	test = read_series(o, &past, branch, whole ? 0 : at);
	lc_lrpath_init(&path);
	lc_past_lrpath(&past, test, -1, &path);
	past.n--;
	if (lc_law_fit(&law, &past, 0, &err) < 0)
		lc_die(&err);
	past.n++;
	read_points(&past.series[0], law.metric, law.last / 20, law.last, &past_pts);
	read_points(&past.series[test], law.metric, whole ? law.last / 20 : (double)at, INFINITY,
		    &pts);
	mean = lc_xalloc((size_t)pts.n + 1, sizeof(*mean));
	sd = lc_xalloc((size_t)pts.n + 1, sizeof(*sd));
	roll(&law, &path, whole ? 0 : (double)at, &pts, mean, sd);
	memset(s, 0, sizeof(*s));
	add(s, &law, &past_pts, &pts, mean, sd);
	add(total, &law, &past_pts, &pts, mean, sd);
	free(mean);
	free(sd);
	points_release(&pts);
	points_release(&past_pts);
	lc_lrpath_release(&path);
	lc_law_release(&law);
	lc_past_release(&past);
	return s->n > 0;
}

static void print(const struct score *s, const char *name)
{
	double n = (double)s->n;
	json_t *j = json_string(name);
	char *text = lc_json_text(j);

	printf("{\"branch\":%s,\"n\":%ld,\"rmse\":%.5f,\"rmse_hold\":%.5f,\"rmse_power\":%.5f,"
	       "\"cover90\":%.3f,"
	       "\"sd\":%.5f,\"final\":%.5f,\"final_hold\":%.5f,\"final_power\":%.5f}\n",
	       text, s->n, sqrt(s->sq / n), sqrt(s->sq_hold / n), sqrt(s->sq_power / n),
	       (double)s->inside / n, s->sd / n, s->last, s->last_hold, s->last_power);
	free(text);
	json_decref(j);
}

int cmd_eval(const struct options *o)
{
	struct score total = {0}, s;
	double rmse = 0, hold = 0, power = 0;
	struct lc_lines lines;
	struct lc_err err;
	char *text, what[64];
	size_t len;
	int got, n = 0;

	if (lc_lines_open(&lines, "-", 0, &err) < 0)
		lc_die(&err);
	while ((got = lc_lines_next(&lines, &text, &len, &err)) > 0) {
		json_t *j;
		snprintf(what, sizeof(what), "cases line %lu", lines.line);
		if (!(j = lc_json_parse(text, len, what, &err)))
			lc_die(&err);
		if (one_case(o, j, &total, &s)) {
			print(&s, lc_json_get_str(j, "branch", ""));
			rmse += sqrt(s.sq / (double)s.n);
			hold += sqrt(s.sq_hold / (double)s.n);
			power += sqrt(s.sq_power / (double)s.n);
			n++;
		}
		json_decref(j);
	}
	if (got < 0)
		lc_die(&err);
	if (n)
		printf("{\"cases\":%d,\"rmse\":%.5f,\"rmse_hold\":%.5f,\"rmse_power\":%.5f,"
		       "\"cover90\":%.3f}\n",
		       n, rmse / n, hold / n, power / n, (double)total.inside / (double)total.n);
	lc_lines_close(&lines);
	return n ? LC_OK : LC_NO;
}

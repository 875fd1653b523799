/*
 * lc-proxy backtest: how well known branches would have been forecast from their parents' past
 * alone, by the law and by what others published (lib/expert.h).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "case.h"
#include "io.h"
#include "json.h"
#include "skill.h"

/* What came of one case, and the sums over all. */
struct row {
	char *branch, *group;
	struct tally by[MODELS];
	double noise, truth, last[MODELS], weight[LC_MIXED]; /* at the last point */
};

static struct row *rows;
static int nrow;

static void take_case(const struct options *o, const struct bt_case *c)
{
	struct outcome out;
	struct row *r;

	if (!case_run(o, c, 1, &out)) {
		outcome_release(&out);
		lc_warn("%s: no value after the fork: passed over", c->branch);
		return;
	}
	rows = lc_xrealloc(rows, (size_t)nrow + 1, sizeof(*rows));
	r = &rows[nrow++];
	memset(r, 0, sizeof(*r));
	r->branch = lc_path("%s", c->branch);
	r->group = lc_path("%s", c->group);
	r->noise = out.noise;
	r->truth = out.y[out.n - 1];
	memcpy(r->weight, out.weight, sizeof(r->weight));
	for (int m = 0; m < MODELS; m++) {
		tally_take(&r->by[m], &out, m);
		r->last[m] = out.mean[m][out.n - 1];
	}
	outcome_release(&out);
}

static double rmse(const struct tally *t)
{
	return sqrt(t->sq / (double)t->n);
}

/* Over all branches: means of their figures; tau and regret means over groups of two and more. */
struct sum {
	double rmse, last, crps, cover, tau, regret;
	int ntau, nregret;
};

static void rank_groups(int m, struct sum *s)
{
	double *f = lc_xalloc((size_t)nrow, sizeof(*f)), *t = lc_xalloc((size_t)nrow, sizeof(*t));
	char *done = lc_xalloc((size_t)nrow, 1);

	for (int i = 0; i < nrow; i++) {
		double tau, gap = 0;
		int n = 0;
		for (int k = i; k < nrow && !done[i]; k++)
			if (strcmp(rows[k].group, rows[i].group) == 0) {
				done[k] = k > i;
				f[n] = rows[k].last[m];
				t[n++] = rows[k].truth;
				gap = fmax(gap, rows[k].noise);
			}
		if (n < 2)
			continue;
		tau = lc_skill_tau(f, t, n, gap);
		if (isfinite(tau)) {
			s->tau += tau;
			s->ntau++;
		}
		s->regret += lc_skill_regret(f, t, n);
		s->nregret++;
	}
	s->tau = s->ntau ? s->tau / s->ntau : NAN;
	s->regret = s->nregret ? s->regret / s->nregret : NAN;
	free(f);
	free(t);
	free(done);
}

static void sum_up(int m, struct sum *s)
{
	memset(s, 0, sizeof(*s));
	for (int i = 0; i < nrow; i++) {
		const struct tally *t = &rows[i].by[m];
		s->rmse += rmse(t) / nrow;
		s->last += fabs(t->last) / nrow;
		s->crps += t->crps / (double)t->n / nrow;
		s->cover += (double)t->inside / (double)t->n / nrow;
	}
	rank_groups(m, s);
}

static double floor_of_all(void)
{
	double sum = 0;

	for (int i = 0; i < nrow; i++)
		sum += rows[i].noise / nrow;
	return sum;
}

static json_t *rounded(double x)
{
	char text[32];

	snprintf(text, sizeof(text), "%.4g", x);
	return lc_json_num(strtod(text, NULL));
}

static void put(json_t *j, const char *key, double x)
{
	if (isfinite(x))
		json_object_set_new(j, key, rounded(x));
}

static json_t *weights_json(const double *w)
{
	json_t *j = json_object();

	for (int e = 0; e < LC_MIXED; e++)
		if (w[e] > 0)
			json_object_set_new(j, lc_mix_name(e), rounded(w[e]));
	return j;
}

/* Means over all branches. */
static void mean_weights(double *w)
{
	memset(w, 0, LC_MIXED * sizeof(*w));
	for (int i = 0; i < nrow; i++)
		for (int e = 0; e < LC_MIXED; e++)
			w[e] += rows[i].weight[e] / nrow;
}

static void print_row_json(const struct row *r)
{
	json_t *j = lc_record_new("backtest", 1);
	struct lc_err err;

	json_object_set_new(j, "branch", json_string(r->branch));
	json_object_set_new(j, "n", json_integer(r->by[MODEL_LAW].n));
	put(j, "floor", r->noise);
	put(j, "final", r->truth);
	json_object_set_new(j, "experts", weights_json(r->weight));
	for (int m = MODELS - 1; m >= 0; m--) {
		json_t *one = json_object();
		put(one, "rmse", rmse(&r->by[m]));
		put(one, "final", r->by[m].last);
		put(one, "crps", r->by[m].crps / (double)r->by[m].n);
		if (m >= MODEL_LAW)
			put(one, "cover90", (double)r->by[m].inside / (double)r->by[m].n);
		json_object_set_new(j, model_name(m), one);
	}
	if (lc_json_emit(stdout, j, &err) < 0)
		lc_die(&err);
	json_decref(j);
}

static void print_sum_json(void)
{
	json_t *j = lc_record_new("backtest", 1);
	double w[LC_MIXED];
	struct lc_err err;

	json_object_set_new(j, "branches", json_integer(nrow));
	put(j, "floor", floor_of_all());
	mean_weights(w);
	json_object_set_new(j, "experts", weights_json(w));
	for (int m = MODELS - 1; m >= 0; m--) {
		json_t *one = json_object();
		struct sum s;
		sum_up(m, &s);
		put(one, "rmse", s.rmse);
		put(one, "final", s.last);
		put(one, "tau", s.tau);
		put(one, "regret", s.regret);
		put(one, "crps", s.crps);
		if (m >= MODEL_LAW)
			put(one, "cover90", s.cover);
		json_object_set_new(j, model_name(m), one);
	}
	if (lc_json_emit(stdout, j, &err) < 0)
		lc_die(&err);
	json_decref(j);
}

/* The end of a long name says more than its beginning. */
static const char *tail(const char *name, size_t width)
{
	size_t n = strlen(name);

	return n > width ? name + n - width : name;
}

static void print_table(void)
{
	double w[LC_MIXED];

	printf("%-18s %4s %7s", "rmse of branch", "n", "floor");
	for (int m = MODELS - 1; m >= 0; m--)
		printf(" %6s", model_name(m));
	putchar('\n');
	for (int i = 0; i < nrow; i++) {
		printf("%-18s %4ld %7.5f", tail(rows[i].branch, 18), rows[i].by[0].n,
		       rows[i].noise);
		for (int m = MODELS - 1; m >= 0; m--)
			printf(" %6.4f", rmse(&rows[i].by[m]));
		putchar('\n');
	}
	printf("\n%-10s %8s %8s %8s %8s %8s %8s\n", "model", "rmse", "final", "tau", "regret",
	       "crps", "cover90");
	for (int m = MODELS - 1; m >= 0; m--) {
		struct sum s;
		sum_up(m, &s);
		printf("%-10s %8.5f %8.5f ", model_name(m), s.rmse, s.last);
		if (isfinite(s.tau))
			printf("%8.2f ", s.tau);
		else
			printf("%8s ", "-");
		if (isfinite(s.regret))
			printf("%8.5f ", s.regret);
		else
			printf("%8s ", "-");
		printf("%8.5f ", s.crps);
		if (m >= MODEL_LAW)
			printf("%8.2f\n", s.cover);
		else
			printf("%8s\n", "-");
	}
	mean_weights(w);
	printf("mix       ");
	for (int e = 0; e < LC_MIXED; e++)
		printf(" %s %.2f%s", lc_mix_name(e), w[e], e < LC_MIXED - 1 ? "," : "\n");
	printf("floor      %8.5f  white noise of one value: no forecast does better\n",
	       floor_of_all());
}

static void cases_of_file(const struct options *o)
{
	struct bt_case *all;
	int n = cases_load(o->cases, &all);

	for (int i = 0; i < n; i++)
		take_case(o, &all[i]);
	cases_release(all, n);
}

static void cases_of_words(const struct options *o)
{
	if (o->nhistory != 1)
		lc_usage("backtest: wants one -H, the parent's log");
	if (o->step < 0)
		lc_usage("backtest: -s STEP is missing: where the branches left their parent");
	if (o->narg == 0)
		lc_usage("backtest: wants the logs of branches");
	for (int i = 0; i < o->narg; i++) {
		struct bt_case c = {.parent = (char *)o->history[0],
				    .branch = o->arg[i],
				    .group = "",
				    .at = o->step,
				    .known = (char **)o->known,
				    .nknown = o->nknown};
		take_case(o, &c);
	}
}

int cmd_backtest(const struct options *given)
{
	struct lc_law_model *model = read_model(given);
	struct options with = *given, *o = &with;

	with.model = model;
	if (o->cases && (o->nhistory || o->narg || o->nknown))
		lc_usage("backtest: --cases says all of it");
	if (o->cases)
		cases_of_file(o);
	else
		cases_of_words(o);
	for (int i = 0; i < nrow && o->json; i++)
		print_row_json(&rows[i]);
	if (nrow && o->json)
		print_sum_json();
	else if (nrow)
		print_table();
	for (int i = 0; i < nrow; i++) {
		free(rows[i].branch);
		free(rows[i].group);
	}
	free(rows);
	if (model)
		lc_model_release(model);
	free(model);
	return nrow ? LC_OK : LC_NO;
}

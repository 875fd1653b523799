/*
 * residual: would learned residuals (lib/resid.h) improve the law's forecasts? And a GRU in their
 *place?
 *
 *	residual < cases        as lc-proxy backtest's; "group" names the family that is left out
 *whole
 *
 * Each family is corrected by networks trained on the others.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/lc-proxy/case.h"
#include "gru.h"
#include "io.h"
#include "resid.h"

enum { POINTS = 24, MOST = 512 };

struct data {
	size_t n, seqs;
	int groups;
	char *name[MOST];
	struct lc_resid_case c[MOST * POINTS];
	double sd[MOST * POINTS];
	size_t first[MOST + 1]; /* of each branch */
};

static int group_of(struct data *d, const char *name)
{
	for (int i = 0; i < d->groups; i++)
		if (strcmp(d->name[i], name) == 0)
			return i;
	d->name[d->groups] = lc_path("%s", name);
	return d->groups++;
}

static void add(struct data *d, const struct bt_case *c, const struct outcome *o)
{
	int group = group_of(d, c->group), n = o->n < POINTS ? o->n : POINTS, seen = 0;
	double ref = o->eta_ref > 0 ? o->eta_ref : 1, sum = 0, least = INFINITY;

	d->first[d->seqs++] = d->n;
	for (int i = 0, k = 0; i < o->n; i++) {
		double lr = isfinite(o->lr[i]) ? o->lr[i] / ref : 1;
		struct lc_resid_about a = {o->at[i] - o->from,
					   fmax(o->from, o->at[o->n - 1] / 3),
					   lr,
					   0,
					   0,
					   o->mean[MODEL_LAW][i],
					   o->sd[i],
					   o->level,
					   o->chi2,
					   o->eta_ref,
					   c->nknown};
		sum += lr;
		least = fmin(least, lr);
		a.lr_mean = sum / ++seen;
		a.lr_least = least;
		if (i < (long)(k + 1) * o->n / n - 1)
			continue;
		k++;
		lc_resid_x(&a, d->c[d->n].x);
		d->c[d->n].group = group;
		d->c[d->n].z = (float)((o->y[i] - o->mean[MODEL_LAW][i]) / o->sd[i]);
		d->sd[d->n++] = o->sd[i];
	}
	d->first[d->seqs] = d->n;
}

static void report(const char *what, const struct data *d, const float *z)
{
	double sq[3] = {0}, gain, se, gate = lc_resid_gate(d->c, z, d->n, &gain, &se);

	for (size_t i = 0; i < d->n; i++) {
		double off = d->c[i].z * d->sd[i], by = (double)z[i] * d->sd[i];
		sq[0] += off * off;
		sq[1] += (off - by) * (off - by);
		sq[2] += (off - gate * by) * (off - gate * by);
	}
	printf("%s: gate %.1f, CRPS %+.1f %% (se %.1f); RMSE of the law %.5f, corrected %.5f, "
	       "gated %.5f\n",
	       what, gate, -100 * gain, 100 * se, sqrt(sq[0] / (double)d->n),
	       sqrt(sq[1] / (double)d->n), sqrt(sq[2] / (double)d->n));
}

static void try_mlp(const struct data *d, float *z)
{
	struct lc_resid *r = lc_xalloc(1, sizeof(*r));

	for (int g = 0; g < d->groups; g++) {
		lc_resid_train(r, d->c, d->n, g);
		for (size_t i = 0; i < d->n; i++)
			if (d->c[i].group == g)
				lc_resid_predict(r, d->c[i].x, 1, &z[i]);
	}
	free(r);
}

static int run(const char *dir, const struct bt_case *c, struct outcome *out)
{
	char *path = lc_path("%s/model.%s", dir ? dir : "", c->group);
	struct options o = {.law = path, .quiet = 1};
	struct lc_law_model *model = NULL;
	int scored;

	if (dir)
		o.model = model = read_model(&o);
	scored = case_run(&o, c, 0, out);
	if (model)
		lc_model_release(model);
	free(model);
	free(path);
	return scored;
}

int main(int argc, char **argv)
{
	struct data *d = lc_xalloc(1, sizeof(*d));
	struct bt_case *all;
	int n;

	lc_setup("residual");
	n = cases_load("-", &all);
	for (int i = 0; i < n && d->seqs < MOST; i++) {
		struct outcome out;
		if (run(argc > 1 ? argv[1] : NULL, &all[i], &out))
			add(d, &all[i], &out);
		outcome_release(&out);
	}
	if (d->n) {
		float *z = lc_xalloc(d->n, sizeof(*z));
		printf("%zu branches, %zu points, %d families\n", d->seqs, d->n, d->groups);
		try_mlp(d, z);
		report("MLP ensemble", d, z);
		gru_leave_one_out(d->c, d->first, d->seqs, d->groups, z);
		report("GRU", d, z);
		free(z);
	}
	cases_release(all, n);
	free(d);
	return 0;
}

/* forecast_mix: the other experts' say in a forecast. See forecast.h and lawmix.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "forecast_impl.h"
#include "io.h"

/* The lr of a branch from the run's first update on, in eta_ref. */
static void path_of(const struct lc_law *law, const struct lc_forecast *f, struct lc_lrpath *path)
{
	const struct lc_lrpath *past = &law->path[f->path];

	lc_lrpath_init(path);
	for (int i = 0; i < past->n && past->at[i] <= f->from; i++)
		lc_lrpath_add(path, past->at[i], past->lr[i]);
	if (past->n && path->n && path->at[path->n - 1] < f->from)
		lc_lrpath_add(path, f->from, lc_lrpath_at(past, f->from));
	for (int i = 0; i < f->nknot; i++)
		if (path->n == 0 || f->from + f->knot[i] > path->at[path->n - 1])
			lc_lrpath_add(path, f->from + f->knot[i], f->eff[i]);
}

/*
 * They know the lr and nothing else: a branch whose noise is driven otherwise is the law's alone.
 */
int lc_forecast_mixes(const struct lc_law *law, const struct lc_forecast *f)
{
	return lc_mix_others(&law->mix) && law->eta_ref > 0 && f->scale == 1;
}

void lc_forecast_last(const struct lc_law *law, const struct lc_forecast *f, double say[LC_MIXED])
{
	double at = f->from + f->at[f->n - 1 + (f->end > 0)], sd = 1, mean = 0;
	struct lc_lrpath path;
	float z = 0; /* the network has nothing to say of a change */
	struct lc_mix_query q = {&path, f->from, 0, &at, 1, &mean, &sd, &z};

	path_of(law, f, &path);
	for (int e = 0; e < LC_MIXED; e++)
		lc_mix_expert(law, e, &q, &say[e]);
	lc_lrpath_release(&path);
}

/* Its mean and sd, as the law has them, as a question to the others; at and path are filled. */
static struct lc_mix_query query_of(const struct lc_law *law, const struct lc_forecast *f,
				    struct lc_lrpath *path, double *at)
{
	int n = f->n + (f->end > 0);

	path_of(law, f, path);
	for (int i = 0; i < n; i++)
		at[i] = f->from + f->at[i];
	return (struct lc_mix_query){path,  f->from, law->metric == LC_VAL_LOSS ? law->noise : 0,
				     at,    n,	     f->mean,
				     f->sd, NULL};
}

float *lc_forecast_networks(struct lc_forecaster *fc, const struct lc_forecast *f, int n,
			    size_t *first)
{
	const struct lc_resid *net = &fc->law->mix.resid;
	double at[LC_POINTS + 1];
	float(*x)[LC_RESID_IN], *z;
	struct lc_lrpath path;
	size_t rows = 0;

	for (int i = 0; i < n; i++) {
		first[i] = rows;
		if (fc->dev && net->gate > 0 && lc_forecast_mixes(fc->law, &f[i]))
			rows += (size_t)f[i].n + (f[i].end > 0);
	}
	if (rows == 0)
		return NULL;
	x = lc_xalloc(rows, sizeof(*x));
	z = lc_xalloc(rows, sizeof(*z));
	for (int i = 0; i < n; i++)
		if (lc_forecast_mixes(fc->law, &f[i])) {
			struct lc_mix_query q = query_of(fc->law, &f[i], &path, at);
			lc_mix_inputs(fc->law, &q, x + first[i]);
			lc_lrpath_release(&path);
		}
	if (fc->dev->ensemble(net, x[0], rows, z, &fc->refused) < 0) {
		free(z);
		z = NULL;
	}
	free(x);
	return z;
}

void lc_forecast_mix(const struct lc_law *law, struct lc_forecast *f, const double *ref,
		     const float *z)
{
	int n = f->n + (f->end > 0);
	double at[LC_POINTS + 1], w[LC_MIXED], say[LC_MIXED], sum = 0, delta = 0, var = 0;
	struct lc_lrpath path;
	struct lc_mix_query q;

	lc_mix_weigh(law, f->at[n - 1], w);
	lc_forecast_last(law, f, say);
	for (int e = 0; e < LC_MIXED; e++) {
		/* the network corrects what it is asked for, and has nothing to say of a change */
		say[e] = e == LC_MIX_LAW || e == LC_MIX_RESID ? f->delta : say[e] - ref[e];
		if (!isfinite(say[e]))
			w[e] = 0;
		sum += w[e];
		delta += w[e] > 0 ? w[e] * say[e] : 0;
	}
	if (sum > 0) {
		delta /= sum;
		for (int e = 0; e < LC_MIXED; e++)
			var += w[e] > 0 ? w[e] / sum * pow(say[e] - delta, 2) : 0;
		f->delta = delta;
		f->delta_sd = sqrt(f->delta_sd * f->delta_sd + var);
	}
	q = query_of(law, f, &path, at);
	q.z = z;
	lc_mix_apply(law, &q, f->mean, f->sd);
	lc_lrpath_release(&path);
}

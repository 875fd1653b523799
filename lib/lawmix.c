/* lawmix: the experts of one run, and their mixture. See lawmix.h; mixfit.c learns the weights. */
#include "lawmix.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ensemble.h"
#include "io.h"
#include "law.h"

const char *lc_mix_name(int expert)
{
	static const char *const names[LC_MIXED] = {"law", "mpl", "power", "residual"};

	return names[expert];
}

static const enum lc_expert_kind kind_of[LC_MIXED] = {
	[LC_MIX_MPL] = LC_EXPERT_MPL, [LC_MIX_POWER] = LC_EXPERT_POWER};

static int asked(const struct lc_mix_weights *w, int expert)
{
	double most = 0;

	for (int b = 0; w && b < LC_STACK_BUCKETS; b++)
		most = fmax(most, w->stack.weight[b][expert]);
	return !w || most > 0;
}

/* What an expert sees of a series: values after the warm-up, and of a branch its own. */
static void curve_init(struct lc_curve *c, const struct lc_law *law, const struct lc_past *past,
		       int series)
{
	const struct lc_series *s = &past->series[series];
	double *at = lc_xalloc((size_t)s->n + 1, sizeof(*at)),
	       *y = lc_xalloc((size_t)s->n + 1, sizeof(*y));
	double t0 = fmax(series ? (double)lc_series_from(s) : 0, law->last / 20);
	int n = 0;

	for (long i = 0; i < s->n; i++) {
		double v = law->metric == LC_VAL_LOSS ? s->row[i].val_loss : s->row[i].loss;
		double t = (double)s->row[i].step;
		if (!isfinite(v) || t <= t0 ||
		    (series == 0 && s->row[i].step > lc_past_clean(past)))
			continue;
		at[n] = t;
		y[n++] = v;
	}
	*c = (struct lc_curve){n, at, y, &law->path[series]};
}

void lc_mix_take(struct lc_law *law, const struct lc_past *past, enum lc_mix_from from,
		 const struct lc_mix_weights *w, const struct lc_resid *resid)
{
	struct lc_mix *mix = &law->mix;
	struct lc_curve *curve = lc_xalloc((size_t)past->n, sizeof(*curve));

	mix->from = from;
	if (w)
		mix->w = *w;
	if (resid && asked(w, LC_MIX_RESID))
		mix->resid = *resid;
	for (int e = 0; e < LC_MIXED; e++)
		mix->expert[e].kind = LC_EXPERTS; /* has nothing to say */
	for (int i = 0; i < past->n; i++)
		curve_init(&curve[i], law, past, i);
	for (int e = LC_MIX_MPL; e <= LC_MIX_POWER; e++)
		if (!asked(w, e) ||
		    lc_expert_fit(&mix->expert[e], kind_of[e], curve, past->n, NULL) < 0)
			mix->expert[e].kind = LC_EXPERTS;
	for (int i = 0; i < past->n; i++) {
		free((double *)curve[i].at);
		free((double *)curve[i].y);
	}
	free(curve);
}

void lc_mix_inputs(const struct lc_law *law, const struct lc_mix_query *q, float (*x)[LC_RESID_IN])
{
	struct lc_resid_about a = {.back = law->last,
				   .level = law->level,
				   .chi2 = law->chi2,
				   .eta_ref = law->eta_ref,
				   .branches = law->nbranch,
				   .lr_least = INFINITY};
	double sum = 0;

	for (int i = 0; i < q->n; i++) {
		a.ahead = q->at[i] - q->from;
		a.lr = lc_lrpath_at(q->path, q->at[i]);
		sum += a.lr;
		a.lr_mean = sum / (i + 1);
		a.lr_least = fmin(a.lr_least, a.lr);
		a.mean = q->mean[i];
		a.sd = q->sd[i];
		lc_resid_x(&a, x[i]);
	}
}

/* The network's correction is in units of the law's sd. */
static void ask_resid(const struct lc_law *law, const struct lc_mix_query *q, double *mean)
{
	float(*x)[LC_RESID_IN] = lc_xalloc((size_t)q->n, sizeof(*x)),
	*z = lc_xalloc((size_t)q->n, sizeof(*z));

	if (!q->z) {
		lc_mix_inputs(law, q, x);
		lc_ensemble_cpu(&law->mix.resid, x[0], (size_t)q->n, z, law->mix.sgemm);
	}
	for (int i = 0; i < q->n; i++)
		mean[i] =
			q->mean[i] + law->mix.resid.gate * (double)(q->z ? q->z : z)[i] * q->sd[i];
	free(x);
	free(z);
}

void lc_mix_expert(const struct lc_law *law, int expert, const struct lc_mix_query *q, double *mean)
{
	const struct lc_mix *mix = &law->mix;

	if (expert == LC_MIX_LAW)
		memcpy(mean, q->mean, (size_t)q->n * sizeof(*mean));
	else if (expert == LC_MIX_RESID && mix->resid.gate > 0)
		ask_resid(law, q, mean);
	else if (expert != LC_MIX_RESID && mix->expert[expert].kind == kind_of[expert])
		lc_expert_predict(&mix->expert[expert],
				  &(struct lc_curve){q->n, q->at, NULL, q->path}, mean);
	else
		for (int i = 0; i < q->n; i++)
			mean[i] = NAN;
}

void lc_mix_weigh(const struct lc_law *law, double ahead, double w[LC_MIXED])
{
	const struct lc_mix *mix = &law->mix;

	memset(w, 0, LC_MIXED * sizeof(*w));
	w[LC_MIX_LAW] = 1;
	if (mix->from != LC_MIX_NONE)
		memcpy(w, mix->w.stack.weight[lc_stack_bucket(ahead / fmax(law->last, 1))],
		       LC_MIXED * sizeof(*w));
}

int lc_mix_others(const struct lc_mix *mix)
{
	double least = 1;

	for (int b = 0; b < LC_STACK_BUCKETS && mix->from != LC_MIX_NONE; b++)
		least = fmin(least, mix->w.stack.weight[b][LC_MIX_LAW]);
	return least < 1;
}

void lc_mix_apply(const struct lc_law *law, const struct lc_mix_query *q, double *mean, double *sd)
{
	const struct lc_mix *mix = &law->mix;
	double level = fabs(law->level), *say[LC_MIXED];

	if (mean != q->mean)
		memcpy(mean, q->mean, (size_t)q->n * sizeof(*mean));
	if (sd != q->sd)
		memcpy(sd, q->sd, (size_t)q->n * sizeof(*sd));
	if (!lc_mix_others(mix) || q->n == 0)
		return;
	for (int e = 0; e < LC_MIXED; e++) {
		say[e] = lc_xalloc((size_t)q->n, sizeof(double));
		lc_mix_expert(law, e, q, say[e]);
	}
	for (int i = 0; i < q->n; i++) {
		double ahead = (q->at[i] - q->from) / fmax(law->last, 1), own = q->sd[i];
		const double *rms = mix->w.rms[lc_stack_bucket(ahead)];
		double m[LC_MIXED], s[LC_MIXED], mix_m, mix_s;
		for (int e = 0; e < LC_MIXED; e++) {
			m[e] = say[e][i];
			s[e] = e == LC_MIX_LAW || e == LC_MIX_RESID
				       ? own
				       : hypot(rms[e] * level, q->noise);
		}
		lc_stack_mix(&mix->w.stack, ahead, m, s, &mix_m, &mix_s);
		if (!isfinite(mix_m) || !isfinite(mix_s))
			continue; /* of all that have a weight none has anything to say */
		mean[i] = mix_m;
		sd[i] = mix_s;
	}
	for (int e = 0; e < LC_MIXED; e++)
		free(say[e]);
}

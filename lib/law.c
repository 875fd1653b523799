/* law: fitting a run's past. See law.h; lawobs.c makes the observations, lawpost.c the posterior.
 */
#include "law.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "lawcalib.h"
#include "lawlearn.h"
#include "stat.h"

static void basis_init(struct lc_basis *b, double total)
{
	static const double clock[LC_CLOCKS] = {1, .8, .6}, drive[LC_DRIVES] = {.5, .6, .7, .85, 1};

	memcpy(b->clock, clock, sizeof(clock));
	memcpy(b->drive, drive, sizeof(drive));
	/* on a grid of powers of 2, so that the rates of all runs are the same ones */
	b->lam0 = exp2(-ceil(log2(4 * total)));
}

/* A gvar from few micro-batches is noisy: the median of the last 16 clean ones. NaN: none. */
static double recent_gvar(const struct lc_past *p)
{
	const struct lc_series *s = &p->series[0];
	double g[16];
	size_t n = 0;

	for (long i = s->n - 1; i >= 0 && n < 16; i--)
		if (s->row[i].step <= lc_past_clean(p) && isfinite(s->row[i].gvar) &&
		    s->row[i].gvar > 0)
			g[n++] = s->row[i].gvar;
	return lc_median(g, n);
}

static void take_paths(struct lc_law *law, const struct lc_past *p)
{
	law->npath = p->n;
	law->path = lc_xalloc((size_t)p->n, sizeof(*law->path));
	law->name = lc_xalloc((size_t)p->n, sizeof(*law->name));
	for (int i = 0; i < p->n; i++) {
		memcpy(law->name[i], p->series[i].name, sizeof(*law->name));
		lc_past_lrpath(p, i, i == 0 && p->onset >= 0 ? lc_past_clean(p) : -1,
			       &law->path[i]);
		for (int k = 0; k < law->path[i].n; k++) {
			double *lr = &law->path[i].lr[k];
			*lr = law->eta_ref > 0 ? *lr / law->eta_ref : 1;
		}
	}
}

/* Range of the lr over the observations of all series: the hull in which the law has been seen. */
static void lr_range(struct lc_law *law, const struct lc_obs *obs, int n)
{
	law->lr_lo = law->lr_hi = 1;
	for (int i = 0; i < n && law->eta_ref > 0; i++) {
		double lr = lc_lrpath_at(&law->path[obs[i].series], obs[i].step);
		if (isfinite(lr)) {
			law->lr_lo = fmin(law->lr_lo, lr);
			law->lr_hi = fmax(law->lr_hi, lr);
		}
	}
}

/* How far the metric lies above the law between the onset and the end of the trunk. */
static void see_damage(struct lc_law *law, const struct lc_past *p)
{
	const struct lc_series *s = &p->series[0];
	double excess[16];
	size_t n = 0;

	law->damage = NAN;
	law->broken = 0;
	for (long i = s->n - 1; i >= 0 && n < 16 && p->onset >= 0 && s->row[i].step >= p->onset;
	     i--) {
		double v = law->metric == LC_VAL_LOSS ? s->row[i].val_loss : s->row[i].loss;
		double mean, sd, at = (double)s->row[i].step, one = 1,
				 eta = lc_lrpath_at(&law->path[0], at);
		struct lc_modes m;
		struct lc_rollout_branch br = {.start = &m,
					       .from = at - 1,
					       .scale = 1,
					       .npoint = 1,
					       .nout = 1,
					       .at = &one,
					       .eta = &eta,
					       .out = &one,
					       .mean = &mean,
					       .sd = &sd};
		/*
		 * a field that is absent is a NaN as well: only infinity and a lost loss are a
		 * break
		 */
		law->broken |= isinf(s->row[i].loss) || isinf(v);
		if (!isfinite(v))
			continue;
		if (isnan(eta))
			eta = 1;
		lc_law_modes(law, 0, at - 1, &m);
		lc_rollout_cpu(&law->basis, &law->post, 0, &br, 1, NULL);
		excess[n++] = v - mean;
	}
	if (n)
		law->damage = lc_median(excess, n);
}

int lc_law_fit(struct lc_law *law, const struct lc_past *past, double total, struct lc_err *err)
{
	return lc_law_fit_once(law, past, total, NULL, err);
}

/* The posterior, with the noise of past runs when they are given and can tell. */
static void condition(struct lc_law *law, const struct lc_past *past, const struct lc_obs *obs,
		      int n, double gvar, const struct lc_law_model *model, int member)
{
	struct lc_noise_prior *noise = lc_xalloc(1, sizeof(*noise));
	struct lc_run run;
	int have = 0;

	if (model && law->eta_ref > 0) {
		lc_run_features(&run, law, past);
		have = lc_model_prior(model, NULL, &run, law->basis.lam0, noise) == 0;
	}
	lc_law_condition(law, obs, n, gvar, have ? noise : NULL, member);
	lc_calib_take(law, model, have ? noise->doubt : INFINITY);
	free(noise);
}

static int fit(struct lc_law *law, const struct lc_past *past, double total,
	       const struct lc_law_model *model, int member, struct lc_err *err)
{
	struct lc_obs *obs = NULL;
	double gvar = 0;
	int n, on_trunk = 0;

	memset(law, 0, sizeof(*law));
	law->onset = past->onset;
	lc_hazard_init(&law->hazard);
	if (model && model->hazard.forks)
		law->hazard = model->hazard.h;
	snprintf(law->kind, sizeof(law->kind), "%s", past->kind);
	law->eta_ref = lc_past_lr_peak(past);
	law->gvar = recent_gvar(past);
	take_paths(law, past);
	for (long i = 0; i < past->series[0].n; i++)
		if (past->series[0].row[i].step <= lc_past_clean(past))
			law->last = (double)past->series[0].row[i].step;
	lc_gradlaw_fit(&law->grad, past, &law->path[0]);
	basis_init(&law->basis, fmax(fmax(total, 2 * law->last), 16));
	n = lc_law_observe(law, past, &obs);
	for (int i = 0; i < n; i++)
		on_trunk += !obs[i].series && !obs[i].other;
	if (on_trunk == 0) {
		free(obs);
		lc_law_release(law);
		return lc_fail(err, LC_DATA, "no finite loss%s",
			       past->onset >= 0 ? " before the onset" : "");
	}
	lr_range(law, obs, n);
	if (isfinite(law->gvar) && law->eta_ref > 0)
		gvar = law->eta_ref * law->gvar;
	/*
	 * a gvar in other units would say nonsense: it must speak of .2 % of the loss or more, and
	 * less than all of it
	 */
	if (gvar < 2e-3 * fabs(law->level) || gvar > fabs(law->level))
		gvar = 0;
	condition(law, past, obs, n, gvar, model, member);
	law->nbranch = past->n - 1;
	see_damage(law, past);
	free(obs);
	return 0;
}

int lc_law_fit_once(struct lc_law *law, const struct lc_past *past, double total,
		    const struct lc_law_model *model, struct lc_err *err)
{
	return fit(law, past, total, model, 0, err);
}

int lc_law_fit_member(struct lc_law *law, const struct lc_past *past, struct lc_err *err)
{
	return fit(law, past, 0, NULL, 1, err);
}

int lc_law_fit_model(struct lc_law *law, const struct lc_past *past, double total,
		     const struct lc_law_model *model, struct lc_err *err)
{
	if (lc_law_fit_once(law, past, total, model, err) < 0)
		return -1;
	lc_law_adapt(law, past, total, model);
	return 0;
}

int lc_law_own(const struct lc_law *law)
{
	return law->lr_lo < .7 * law->lr_hi;
}

void lc_law_release(struct lc_law *law)
{
	for (int i = 0; i < law->npath; i++)
		lc_lrpath_release(&law->path[i]);
	free(law->path);
	free(law->name);
	law->path = NULL;
	law->name = NULL;
	law->npath = 0;
}

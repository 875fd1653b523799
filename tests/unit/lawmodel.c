/*
 * lawmodel: runs whose noise follows a known rule; what a run of another lr gets from them.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "lawmodel.h"

#define LAM0 exp2(-16)

/* A law of noise .05 (lr/1e-3)^power of the loss, all of it in mode 8 of variant 2. */
static struct lc_law *law_of(double lr, double power)
{
	struct lc_law *law = calloc(1, sizeof(*law));

	law->eta_ref = lr;
	law->level = 2;
	law->last = 8000;
	law->gvar = NAN;
	law->lr_lo = .1;
	law->lr_hi = 1;
	law->basis.lam0 = LAM0;
	law->post.weight[2] = 1;
	law->post.mean[2][1 + LC_MODES + 8] = 2 * .05 * pow(lr / 1e-3, power);
	return law;
}

static void add(struct lc_law_model *m, const char *name, double lr, double power)
{
	struct lc_law *law = law_of(lr, power);
	struct lc_past past;
	struct lc_run run;

	lc_past_init(&past);
	lc_run_features(&run, law, &past);
	cr_assert(lc_model_add(m, name, &run, law) == 1);
	lc_past_release(&past);
	free(law);
}

static double total(const struct lc_noise_prior *p, int v, double *sd)
{
	double s = 0, var = 0;

	for (int i = 0; i < LC_MODES; i++) {
		s += p->mean[v][i];
		for (int j = 0; j < LC_MODES; j++)
			var += p->cov[v][i][j];
	}
	*sd = sqrt(var);
	return s;
}

static void ask(const struct lc_law_model *m, const char *skip, double lr, struct lc_noise_prior *p)
{
	struct lc_law *law = law_of(lr, 0);
	struct lc_past past;
	struct lc_run run;

	lc_past_init(&past);
	lc_run_features(&run, law, &past);
	cr_assert(lc_model_prior(m, skip, &run, LAM0, p) == 0);
	lc_past_release(&past);
	free(law);
}

Test(lawmodel, noise_follows_the_lr_and_doubt_the_distance)
{
	struct lc_noise_prior *p = malloc(sizeof(*p));
	struct lc_law_model m = {0};
	double at, far, sd, sd_far;

	add(&m, "a", 5e-4, .6);
	add(&m, "b", 1e-3, .6);
	add(&m, "c", 4e-3, .6);
	ask(&m, NULL, 2e-3, p);
	at = total(p, 2, &sd);
	cr_assert(fabs(at - .05 * pow(2, .6)) < .01, "%g", at);
	cr_assert(p->logw[2] > p->logw[0] && p->logw[2] > p->logw[14]);
	for (int j = 0; j < LC_MODES; j++)
		cr_assert(p->mean[2][j] <= p->mean[2][8]);
	ask(&m, NULL, 1, p);
	far = total(p, 2, &sd_far);
	cr_assert(sd_far / far > 1.5 * sd / at, "%g %g", sd_far / far, sd / at);
	/* without the nearest it is less sure */
	ask(&m, "c", 4e-3, p);
	at = total(p, 2, &sd_far);
	ask(&m, NULL, 4e-3, p);
	cr_assert(total(p, 2, &sd) > 0 && sd < sd_far);
	lc_model_release(&m);
	free(p);
}

/* How the noise is spread says nothing of how much it is: the total is as sure as the regression. */
Test(lawmodel, deviations_of_the_modes_keep_their_sum)
{
	struct lc_noise_prior *p = malloc(sizeof(*p));
	struct lc_law_model m = {0};
	double mean, sd;

	add(&m, "a", 5e-4, .6);
	add(&m, "b", 1e-3, .6);
	add(&m, "c", 4e-3, .6);
	ask(&m, NULL, 1e-3, p);
	for (int v = 0; v < LC_VARIANTS; v++) {
		double rel;
		mean = total(p, v, &sd);
		rel = sqrt(expm1(p->doubt * p->doubt));
		cr_assert_float_eq(sd / mean, rel, 1e-6 * rel, "%g %g", sd / mean, rel);
		cr_assert_gt(p->cov[v][8][8], 0);
	}
	lc_model_release(&m);
	free(p);
}

/* Rates are absolute: a run with a grid twice as slow has its noise one mode further up. */
Test(lawmodel, rates_are_absolute)
{
	struct lc_noise_prior *p = malloc(sizeof(*p));
	struct lc_law *law = law_of(1e-3, 0);
	struct lc_past past;
	struct lc_law_model m = {0};
	struct lc_run run;

	add(&m, "a", 1e-3, 0);
	lc_past_init(&past);
	lc_run_features(&run, law, &past);
	cr_assert(lc_model_prior(&m, NULL, &run, LAM0 / 2, p) == 0);
	cr_assert(p->mean[2][9] > 10 * p->mean[2][8]);
	cr_assert(lc_model_prior(&m, NULL, &run, LAM0 * exp2(9), p) == 0);
	cr_assert(p->mean[2][0] > 10 * p->mean[2][1]);
	lc_past_release(&past);
	lc_model_release(&m);
	free(law);
	free(p);
}

Test(lawmodel, what_never_changed_its_lr_teaches_nothing)
{
	struct lc_law *law = law_of(1e-3, 0);
	struct lc_noise_prior *p = malloc(sizeof(*p));
	struct lc_law_model m = {0};
	struct lc_run run = {.x = {NAN, NAN, NAN, NAN, NAN, NAN, NAN}};

	law->lr_lo = .9;
	cr_assert(lc_model_add(&m, "a", &run, law) == 0 && m.n == 0);
	cr_assert(lc_model_prior(&m, NULL, &run, LAM0, p) == -1);
	law->lr_lo = .1;
	law->eta_ref = 0;
	cr_assert(lc_model_add(&m, "a", &run, law) == 0);
	lc_model_release(&m);
	free(law);
	free(p);
}

Test(lawmodel, json_gives_the_same_prior)
{
	struct lc_noise_prior *p = malloc(sizeof(*p)), *q = malloc(sizeof(*q));
	struct lc_law_model m = {0}, back;
	struct lc_err err;
	json_t *j, *again, *variants;
	char *text;

	add(&m, "a", 5e-4, .5);
	add(&m, "b", 2e-3, .5);
	j = lc_model_json(&m);
	text = lc_json_text(j);
	again = lc_json_parse(text, strlen(text), "model", &err);
	cr_assert(lc_model_parse(&back, again, &err) == 0, "%s", err.text);
	ask(&m, NULL, 1e-3, p);
	ask(&back, NULL, 1e-3, q);
	for (int i = 0; i < LC_MODES; i++)
		cr_assert(fabs(p->mean[2][i] - q->mean[2][i]) < 1e-5 * fabs(p->mean[2][i]) + 1e-9);
	lc_model_release(&back);
	variants =
		json_object_get(json_array_get(json_object_get(again, "members"), 1), "variants");
	json_object_set_new(json_array_get(variants, 3), "weight", json_string("nan"));
	cr_assert(lc_model_parse(&back, again, &err) == -1 && err.code == LC_DATA);
	json_array_remove(variants, 14);
	cr_assert(lc_model_parse(&back, again, &err) == -1 && err.code == LC_DATA);
	json_object_set_new(again, "v", json_integer(2));
	cr_assert(lc_model_parse(&back, again, &err) == -1 && err.code == LC_DATA);
	json_decref(again);
	json_decref(j);
	free(text);
	lc_model_release(&m);
	free(p);
	free(q);
}

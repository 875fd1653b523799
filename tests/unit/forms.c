/* forms: a planted truth is found among the forms it was made by one of. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

#include "forms.h"
#include "rng.h"

enum { RUNS = 6, N = 80, T = 8000 };

static double at[N], y[RUNS][N];
static struct lc_lrpath lr[RUNS], gvar[RUNS];
static double knot[RUNS][4], val[RUNS][4], g_at[RUNS][2], g_val[RUNS][2];

/* A run of its own lr and gvar, by the definition, one update after another. */
static void make(int base, double q, int with, int c, struct lc_rng *rng)
{
	static const double shape[RUNS][4] = {{1, 1, 1, 1},    {1, 1, .05, .05},
					      {1, .3, .3, .3}, {.5, .5, .5, .1},
					      {.7, .7, 1, .2}, {1, .5, .25, .05}};
	double s = 0, h = 0, slow = 0;

	for (int k = 0; k < 4; k++) {
		knot[c][k] = 1 + k * (T - 1) / 3.;
		val[c][k] = 1e-3 * shape[c][k];
	}
	lr[c] = (struct lc_lrpath){4, 4, knot[c], val[c]};
	g_at[c][0] = 1;
	g_at[c][1] = T;
	g_val[c][0] = 2 + c % 3;
	g_val[c][1] = 1 + (c * 7 % 5) / 2.;
	gvar[c] = (struct lc_lrpath){2, 2, g_at[c], g_val[c]};
	for (int t = 1; t <= T; t++) {
		double eta = lc_lrpath_at(&lr[c], t) / 1e-3, e = pow(eta, q);
		if (with)
			e *= lc_lrpath_at(&gvar[c], t) / 2;
		s += eta;
		h = e + (h - e) * exp(-.2 * eta / 8);
		slow = e + (slow - e) * exp(-.2 * eta / 64);
		if (t % (T / N))
			continue;
		at[t / (T / N) - 1] = t;
		y[c][t / (T / N) - 1] = 2 + 20 * pow(base == LC_FORM_T ? t : s, -.48) + .1 * h +
					.06 * slow + 2e-4 * lc_rng_normal(rng);
	}
}

/* The best form, by the lowest error; what is within 1 % of it and has fewer parameters before it.
 */
static struct lc_form best_of(int base, double q, int with)
{
	struct lc_form_run run[RUNS];
	struct lc_form form[LC_FORMS], best = {.rmse = INFINITY};
	struct lc_rng rng = {.seed = 4};

	for (int c = 0; c < RUNS; c++) {
		make(base, q, with, c, &rng);
		run[c] = (struct lc_form_run){{N, at, y[c], &lr[c]}, &gvar[c]};
	}
	cr_assert_eq(lc_forms_check(run, RUNS, form, NULL), 0);
	for (int i = 0; i < LC_FORMS; i++)
		if (form[i].rmse < best.rmse / 1.01 ||
		    (form[i].rmse < best.rmse * 1.01 && form[i].params < best.params))
			best = form[i];
	cr_assert(best.front);
	return best;
}

Test(forms, planted_truths_are_found)
{
	for (int base = LC_FORM_T; base <= LC_FORM_S; base++)
		for (int free_q = 0; free_q < 2; free_q++)
			for (int with = 0; with < 2; with++) {
				struct lc_form f = best_of(base, free_q ? .5 : 1, with);
				char name[48];
				cr_assert(f.base == base && f.free_q == free_q && f.gvar == with,
					  "planted %d %d %d, found %s (rmse %g)", base, free_q,
					  with, lc_form_name(&f, name), f.rmse);
				cr_assert_float_eq(f.q, free_q ? .5 : 1, 1e-9);
			}
}

Test(forms, without_gvar_those_forms_are_left_out)
{
	struct lc_form_run run[RUNS];
	struct lc_form form[LC_FORMS];
	struct lc_rng rng = {.seed = 4};
	struct lc_err err;

	for (int c = 0; c < RUNS; c++) {
		make(LC_FORM_S, 1, 0, c, &rng);
		run[c] = (struct lc_form_run){{N, at, y[c], &lr[c]}, NULL};
	}
	cr_assert_eq(lc_forms_check(run, RUNS, form, &err), 0);
	for (int i = 0; i < LC_FORMS; i++)
		cr_assert_eq(isnan(form[i].rmse), form[i].gvar);
	cr_assert_eq(lc_forms_check(run, 2, form, &err), -1);
}

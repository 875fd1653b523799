/* skill: scores of forecasts, against values worked out by hand or by brute force. */
#include <criterion/criterion.h>
#include <math.h>

#include "skill.h"
#include "stat.h"

Test(skill, crps_is_the_integral_it_stands_for)
{
	double mean = .3, sd = 1.7, truth = 2.1, sum = 0, dx = 1e-3;

	for (double x = -20; x < 20; x += dx)
		sum += dx * pow(lc_normal_cdf((x - mean) / sd) - (x >= truth), 2);
	cr_assert_float_eq(lc_skill_crps(mean, sd, truth), sum, 2e-3);
	cr_assert_float_eq(lc_skill_crps(1, 0, 3), 2, 0);
}

Test(skill, tau_counts_pairs_beyond_chance)
{
	double f[] = {1, 2, 3, 3}, t[] = {1, 3, 2, 2.05};

	/* pairs in order: +, +, -, +, -, and a tie of 0 within the gap */
	cr_assert_float_eq(lc_skill_tau(f, t, 4, .1), 1 / 5., 1e-12);
	cr_assert_float_eq(lc_skill_tau(f, f, 3, 0), 1, 0);
	cr_assert(isnan(lc_skill_tau(f, t, 1, 0)));
	cr_assert(isnan(lc_skill_tau(f, t, 4, 10)));
}

Test(skill, regret_is_what_the_pick_costs)
{
	double f[] = {2, 1, 3}, t[] = {1, 1.5, 4};

	cr_assert_float_eq(lc_skill_regret(f, t, 3), .5, 0);
	cr_assert_float_eq(lc_skill_regret(t, t, 3), 0, 0);
	cr_assert(isnan(lc_skill_regret(f, t, 0)));
}

Test(skill, auroc)
{
	double s[] = {.1, .4, .4, .9};
	char one[] = {0, 0, 1, 1}, none[] = {0, 0, 0, 0};

	cr_assert_float_eq(lc_skill_auroc(s, one, 4), 3.5 / 4, 0);
	cr_assert(isnan(lc_skill_auroc(s, none, 4)));
}

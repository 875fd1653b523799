/* expert: each published law finds itself again in curves it made, and says something finite of
 * any. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "expert.h"
#include "rng.h"

enum { N = 120 };

/* A run of 12000 updates at lr 1, and one whose lr falls linearly over the last third. */
static struct lc_lrpath flat = {.n = 2, .at = (double[]){1, 12000}, .lr = (double[]){1, 1}};
static struct lc_lrpath decay = {
	.n = 3, .at = (double[]){1, 8000, 12000}, .lr = (double[]){1, 1, .05}};
static struct lc_lrpath step = {
	.n = 4, .at = (double[]){1, 6000, 6001, 12000}, .lr = (double[]){1, 1, .3, .3}};

static double at[N], y[3][N];

static void make(double (*law)(const struct lc_lrpath *lr, double t), double noise)
{
	struct lc_lrpath *lr[] = {&flat, &decay, &step};
	struct lc_rng rng = {.seed = 7};

	for (int c = 0; c < 3; c++)
		for (int i = 0; i < N; i++) {
			at[i] = 100. * (i + 1);
			y[c][i] = law(lr[c], at[i]) + noise * lc_rng_normal(&rng);
		}
}

/* One update after another, as the papers write it. */
static double tissue(const struct lc_lrpath *lr, double t)
{
	double s1 = 0, s2 = 0, m = 0, last = lc_lrpath_at(lr, 0);

	for (int k = 1; k <= (int)t; k++) {
		double eta = lc_lrpath_at(lr, k);
		m = .998 * m + last - eta;
		s1 += eta;
		s2 += m;
		last = eta;
	}
	return 2 + 3 * pow(s1, -.5) * 10 - 3e-4 * s2;
}

static double mpl(const struct lc_lrpath *lr, double t)
{
	double s = 0, area[12001], fall = 0;

	area[0] = 0;
	for (int k = 1; k <= (int)t; k++)
		area[k] = s += lc_lrpath_at(lr, k);
	for (int k = 1; k <= (int)t; k++) {
		double eta = lc_lrpath_at(lr, k), d = lc_lrpath_at(lr, k - 1) - eta;
		if (d != 0)
			fall += d * (1 - pow(1 + .03 * pow(eta, -.4) * (s - area[k - 1]), -.5));
	}
	return 2.2 + 30 * pow(s, -.5) - .12 * fall;
}

static double power(const struct lc_lrpath *lr, double t)
{
	(void)lr;
	return 2 + 40 * pow(t, -.6);
}

/* Fit the flat and one other curve, forecast the third: rms error. */
static double error(enum lc_expert_kind kind, int ncurve)
{
	struct lc_curve c[] = {{N, at, y[0], &flat}, {N, at, y[2], &step}},
			q = {N, at, y[1], &decay};
	double mean[N], sq = 0;
	struct lc_expert e;

	cr_assert_eq(lc_expert_fit(&e, kind, c, ncurve, NULL), 0);
	lc_expert_predict(&e, &q, mean);
	for (int i = 10; i < N; i++)
		sq += (mean[i] - y[1][i]) * (mean[i] - y[1][i]) / (N - 10);
	return sqrt(sq);
}

Test(expert, tissue_finds_itself)
{
	make(tissue, 1e-4);
	cr_assert_lt(error(LC_EXPERT_TISSUE, 2), 1e-3, "%g", error(LC_EXPERT_TISSUE, 2));
}

Test(expert, mpl_finds_itself)
{
	make(mpl, 1e-4);
	cr_assert_lt(error(LC_EXPERT_MPL, 2), 2e-3, "%g", error(LC_EXPERT_MPL, 2));
}

Test(expert, mpl_knows_that_a_cut_helps_from_its_prior)
{
	double own, blind;

	make(mpl, 1e-4);
	own = error(LC_EXPERT_MPL, 1);
	blind = error(LC_EXPERT_POWER, 1);
	cr_assert_lt(own, blind, "%g %g", own, blind);
}

Test(expert, power_law_and_curves_find_themselves)
{
	make(power, 1e-4);
	cr_assert_lt(error(LC_EXPERT_POWER, 1), 5e-4);
	cr_assert_lt(error(LC_EXPERT_CURVES, 1), 3e-3); /* an average of forms */
	cr_assert_gt(error(LC_EXPERT_LAST, 1), 1e-2);
}

Test(expert, anything_gives_something_finite)
{
	static const double odd[][5] = {{2, NAN, INFINITY, 1.9, NAN},
					{0, 0, 0, 0, 0},
					{1, 2, 4, 8, 16},
					{-3, -3.1, -3.2, -3.3, -3.4},
					{1e300, 1e300, 1e299, 1, 1}};
	static const double steps[] = {10, 20, 30, 40, 50}, ahead[] = {0, 51, 1e9};
	struct lc_lrpath none = {0};
	double mean[3];

	for (size_t k = 0; k < sizeof(odd) / sizeof(*odd); k++)
		for (int n = 1; n <= 5; n++)
			for (int kind = 0; kind < LC_EXPERTS; kind++) {
				struct lc_curve c = {n, steps, odd[k], &none},
						q = {3, ahead, NULL, &none};
				struct lc_expert e;
				cr_assert_eq(lc_expert_fit(&e, kind, &c, 1, NULL), 0);
				lc_expert_predict(&e, &q, mean);
				for (int i = 0; i < 3; i++)
					cr_assert(isfinite(mean[i]), "%s of row %zu, %d points",
						  lc_expert_name(kind), k, n);
			}
}

Test(expert, nothing_finite_is_refused)
{
	double nan[] = {NAN, INFINITY}, t[] = {1, 2};
	struct lc_curve c = {2, t, nan, &flat};
	struct lc_expert e;
	struct lc_err err;

	for (int kind = 0; kind < LC_EXPERTS; kind++)
		cr_assert_eq(lc_expert_fit(&e, kind, &c, 1, &err), -1);
	cr_assert_eq(err.code, LC_DATA);
}

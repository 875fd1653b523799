/* hazardfit: branches of a past become rows; runs that diverge make the hazard higher. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hazardfit.h"

/* A trunk of 200 steps at lr 1 and a loss of 2, and a branch at m times the lr for 100 more. */
static void run_of(struct lc_past *p, double m, double loss)
{
	struct lc_step st = {.has = 1u << LC_LOSS | 1u << LC_LR};

	lc_past_init(p);
	for (long t = 1; t <= 300; t++) {
		st.step = t;
		st.v[LC_LR] = t > 200 ? m : 1;
		st.v[LC_LOSS] = t > 200 && t % 7 ? loss : 2;
		snprintf(st.branch, sizeof(st.branch), "%s", t > 200 ? "b" : "");
		lc_past_add(p, &st);
	}
}

static int fork_of(double m, double loss, int run, struct lc_hazard_fork *f)
{
	struct lc_past p;
	int is;

	run_of(&p, m, loss);
	is = lc_hazard_fork(&p, 1, run, f);
	lc_past_release(&p);
	return is;
}

Test(hazardfit, a_branch_says_what_it_saw)
{
	struct lc_hazard_fork f;

	cr_assert(fork_of(8, 2, 0, &f) == 1);
	cr_assert(f.n == 4 && f.seen == 4 && !f.diverged);
	cr_assert(f.over[0] == 8 && f.row[3].x[1] == 3 && f.row[3].x[2] == 3);
	cr_assert(fork_of(8, 5, 0, &f) == 1 && f.diverged && f.n == 1);
	cr_assert(fork_of(.5, NAN, 0, &f) == 1 && f.diverged && f.row[0].x[1] == 0);
}

/* A loss that was not logged is not one that was lost. */
Test(hazardfit, what_was_not_said_is_no_divergence)
{
	struct lc_hazard_fork f;
	struct lc_past p;

	run_of(&p, 1, 2);
	for (long i = 0; i < p.series[1].n; i += 2)
		p.series[1].row[i].loss = NAN;
	cr_assert(lc_hazard_fork(&p, 1, 0, &f) == 1 && !f.diverged);
	for (long i = 0; i < p.series[1].n; i++)
		p.series[1].row[i].loss = NAN;
	cr_assert(lc_hazard_fork(&p, 1, 0, &f) == 0);
	lc_past_release(&p);
	run_of(&p, 1, 2);
	for (long i = 0; i < p.series[0].n; i++)
		p.series[0].row[i].lr = NAN;
	cr_assert(lc_hazard_fork(&p, 1, 0, &f) == 0, "no lr: nothing is inferred");
	lc_past_release(&p);
}

/* Runs whose branches diverge at 4 times the lr, or never: which of them it was is learned. */
Test(hazardfit, past_runs_move_the_hazard)
{
	struct lc_hazard_fork *f = calloc(40, sizeof(*f));
	struct lc_hazard_fitted frail, firm;
	double over[4] = {4, 4, 4, 4};

	for (int k = 0; k < 2; k++) {
		for (int i = 0; i < 40; i++)
			cr_assert(fork_of(i % 2 ? 4 : 1, k == 0 && i % 2 ? 9 : 2, i / 4, &f[i]) ==
				  1);
		lc_hazard_learn(f, 40, k ? &firm : &frail);
	}
	cr_assert(frail.forks == 40 && frail.diverged == 20 && firm.diverged == 0);
	cr_assert_gt(lc_hazard_risk(&frail.h, over, 4, 0, 0), .5);
	cr_assert_lt(lc_hazard_risk(&firm.h, over, 4, 0, 0), .1);
	cr_assert(frail.auroc == 1 && frail.brier < .15, "%g %g", frail.auroc, frail.brier);
	cr_assert(isnan(firm.auroc), "one kind only");
	lc_hazard_learn(f, 4, &firm);
	cr_assert(isnan(firm.brier), "one run only");
	free(f);
}

/*
 * score: what counts as found, in time, false and nobody's, at each edge; and the intervals.
 */
#include <criterion/criterion.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "score.h"

#define N 1000

/* Firings at these steps (0 ends them) of a run of N records, steps 1, 2, ... */
static struct lc_tally tally(const struct lc_labels *all, const char *path, const long *at)
{
	struct lc_score_conf conf = lc_score_defaults;
	static long step[N];
	static char fired[N];
	struct lc_tally t;

	memset(fired, 0, sizeof(fired));
	for (int i = 0; i < N; i++)
		step[i] = i + 1;
	for (; *at; at++)
		fired[*at - 1] = 1;
	lc_score_run(&conf, all, path, step, fired, N, &t);
	return t;
}

static char run_a[] = "x/a";
static struct lc_label event[] = {{run_a, 500, 510, 520, 0}};
static const struct lc_labels one = {event, 1};

Test(score, found_at_the_edges)
{
	static const struct {
		long at;
		int found, in_time, wrong;
	} cases[] = {{500, 1, 1, 0}, {515, 1, 1, 0}, {516, 1, 0, 0}, {520, 1, 0, 0},
		     {521, 0, 0, 0}, {570, 0, 0, 0}, {571, 0, 0, 1}, {499, 0, 0, 0},
		     {450, 0, 0, 0}, {449, 0, 0, 1}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		long at[] = {cases[i].at, 0};
		struct lc_tally t = tally(&one, "runs/x/a.jsonl", at);

		cr_assert_eq(t.events, 1);
		cr_assert_eq(t.found, cases[i].found, "found at %ld", cases[i].at);
		cr_assert_eq(t.in_time, cases[i].in_time, "in time at %ld", cases[i].at);
		cr_assert_eq(t.false_alarms, cases[i].wrong, "false at %ld", cases[i].at);
		cr_assert_eq(t.records, N - 21 - 100);
		if (t.found > 0) {
			cr_assert_eq(t.lead[0], 510 - (double)cases[i].at);
			cr_assert_eq(t.delay[0], (double)cases[i].at - 500);
		}
		lc_tally_release(&t);
	}
}

Test(score, firings_close_together_are_one)
{
	long at[] = {100, 150, 200, 251, 0};
	struct lc_tally t = tally(&one, "x/a.jsonl", at);

	cr_assert_eq(t.false_alarms, 2);
	cr_assert_eq(t.found, 0);
	lc_tally_release(&t);
}

Test(score, the_first_firing_counts)
{
	long at[] = {505, 506, 519, 0};
	struct lc_tally t = tally(&one, "x/a.jsonl", at);

	cr_assert_eq(t.found, 1);
	cr_assert_eq(t.lead[0], 5);
	lc_tally_release(&t);
}

Test(score, an_outlier_is_neither)
{
	struct lc_label l[] = {{run_a, 300, 300, 300, 1}};
	struct lc_labels all = {l, 1};
	long at[] = {305, 0}, late[] = {306, 0};
	struct lc_tally t = tally(&all, "x/a", at);

	cr_assert_eq(t.outliers, 1);
	cr_assert_eq(t.blamed, 1);
	cr_assert_eq(t.events + t.false_alarms, 0);
	lc_tally_release(&t);
	t = tally(&all, "x/a", late);
	cr_assert_eq(t.blamed + t.false_alarms, 0);
	lc_tally_release(&t);
}

Test(score, names_are_the_longest_that_ends_the_path)
{
	char a[] = "a", xa[] = "x/a";
	struct lc_label l[] = {{a, 100, 100, LONG_MAX, 0}, {xa, 900, 900, LONG_MAX, 0}};
	struct lc_labels all = {l, 2};
	long at[] = {950, 0};
	struct lc_tally t = tally(&all, "/d/x/a.jsonl", at);

	cr_assert_eq(t.events, 1);
	cr_assert_eq(t.lead[0], -50);
	lc_tally_release(&t);
	t = tally(&all, "/d/y/a.jsonl", at);
	cr_assert_eq(t.lead[0], -850);
	lc_tally_release(&t);
	t = tally(&all, "/d/y/ba.jsonl", at);
	cr_assert_eq(t.events, 0);
	cr_assert_eq(t.false_alarms, 1);
	lc_tally_release(&t);
}

Test(score, figures)
{
	double lead[] = {1, 3}, delay[] = {5, 7};
	struct lc_tally runs[] = {{.records = 5000, .false_alarms = 1},
				  {.records = 5000,
				   .events = 4,
				   .found = 2,
				   .in_time = 1,
				   .lead = lead,
				   .delay = delay}};
	struct lc_figure f[LC_FIGURES], again[LC_FIGURES];

	lc_score_figures(runs, 2, 7, 500, f);
	cr_assert_float_eq(f[LC_FALSE_10K].x, 1, 1e-12);
	cr_assert_float_eq(f[LC_RECALL].x, .5, 1e-12);
	cr_assert_float_eq(f[LC_IN_TIME].x, .25, 1e-12);
	cr_assert_float_eq(f[LC_LEAD].x, 2, 1e-12);
	cr_assert_float_eq(f[LC_DELAY].x, 6, 1e-12);
	/* of two runs a quarter of the resamples has the first twice, a quarter never */
	cr_assert_float_eq(f[LC_FALSE_10K].low, 0, 1e-12);
	cr_assert_float_eq(f[LC_FALSE_10K].high, 2, 1e-12);
	lc_score_figures(runs, 2, 7, 500, again);
	cr_assert_eq(memcmp(f, again, sizeof(f)), 0);
	lc_score_figures(runs, 1, 7, 10, f);
	cr_assert(isnan(f[LC_RECALL].x) && isnan(f[LC_LEAD].x));
}

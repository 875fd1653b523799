/* keep: each policy by hand, lines apart, and what is left when it is applied after every save. */
#include <criterion/criterion.h>
#include <string.h>

#include "keep.h"

#define N 400

static struct lc_keep_item x[N];

static size_t line(const char *run, const char *branch, long first, long gap, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x[i] = (struct lc_keep_item){run, branch, first + gap * (long)i, (long)i + 1, 0};
	return n;
}

static size_t kept(size_t n, unsigned why)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++)
		k += (x[i].why & why) != 0;
	return k;
}

Test(keep, last_by_the_order_of_saving)
{
	struct lc_keep_policy p = {.last = 3};
	size_t n = line("r", "", 100, 10, 9);

	x[0].seq = 50; /* an old step saved last: the run was rewound */
	lc_keep_choose(x, n, &p);
	cr_assert_eq(kept(n, ~0u), 3);
	cr_assert_eq(x[0].why, LC_KEEP_NEWEST | LC_KEEP_LAST);
	cr_assert_eq(x[8].why, LC_KEEP_LAST);
	cr_assert_eq(x[6].why, 0);
}

Test(keep, more_than_there_are)
{
	struct lc_keep_policy p = {.last = 30};
	size_t n = line("r", "", 0, 1, 5);

	lc_keep_choose(x, n, &p);
	cr_assert_eq(kept(n, LC_KEEP_LAST), 5);
	lc_keep_choose(x, 0, &p);
}

Test(keep, lines_apart)
{
	struct lc_keep_policy p = {.last = 1};
	size_t n = line("r", "", 0, 1, 9);

	for (size_t i = 0; i < n; i++)
		x[i].run = i % 2 ? "a" : "b", x[i].branch = i % 3 ? "" : "c";
	lc_keep_choose(x, n, &p);
	cr_assert_eq(kept(n, LC_KEEP_NEWEST), 4);
	cr_assert_eq(x[8].why, LC_KEEP_NEWEST | LC_KEEP_LAST); /* b */
	cr_assert_eq(x[7].why, LC_KEEP_NEWEST | LC_KEEP_LAST); /* a */
	cr_assert_eq(x[6].why, LC_KEEP_NEWEST | LC_KEEP_LAST); /* b, c */
	cr_assert_eq(x[3].why, LC_KEEP_NEWEST | LC_KEEP_LAST); /* a, c */
}

Test(keep, every_takes_the_first_at_or_after)
{
	struct lc_keep_policy p = {.every = 100};
	size_t n = line("r", "", 30, 40, 10); /* 30 70 110 150 190 230 270 310 350 390 */

	lc_keep_choose(x, n, &p);
	cr_assert_eq(kept(n, LC_KEEP_EVERY), 4);
	cr_assert(x[0].why & x[2].why & x[5].why & x[7].why & LC_KEEP_EVERY);
}

Test(keep, of_one_step_the_one_saved_last)
{
	struct lc_keep_policy p = {.every = 10, .log2 = 1};
	size_t n = line("r", "", 10, 10, 4);

	x[1].step = x[2].step = 20;
	lc_keep_choose(x, n, &p);
	cr_assert_eq(x[1].why, 0);
	cr_assert_eq(x[2].why & LC_KEEP_EVERY, LC_KEEP_EVERY);
}

Test(keep, log2_by_hand)
{
	struct lc_keep_policy p = {.log2 = 1};
	size_t n = line("r", "", 1, 1, 9); /* ages 8 7 6 5 4 3 2 1 0 */

	lc_keep_choose(x, n, &p);
	for (size_t i = 0; i < n; i++)
		cr_assert_eq((x[i].why & LC_KEEP_LOG2) != 0,
			     i == 0 || i == 1 || i == 5 || i == 7 || i == 8, "step %zu", i + 1);
}

/* After every save: one of every age from a power of two to the next stays there all the time. */
Test(keep, log2_again_and_again)
{
	long gaps[] = {1, 7, 100};

	for (size_t g = 0; g < 3; g++) {
		struct lc_keep_policy p = {.log2 = 1};
		size_t n = 0;
		for (long save = 0; save < 300; save++) {
			long step = save * gaps[g], oldest = 0, m = 0;
			x[n++] = (struct lc_keep_item){"r", "", step, save + 1, 0};
			for (size_t i = 0; i < n; i++)
				x[i].why = 0;
			lc_keep_choose(x, n, &p);
			for (size_t i = 0; i < n; i++)
				if (x[i].why)
					x[m++] = x[i];
			n = (size_t)m;
			cr_assert_leq(n, 18);
			for (size_t i = 0; i < n; i++)
				oldest = step - x[i].step > oldest ? step - x[i].step : oldest;
			cr_assert_geq(2 * oldest, step, "half of the history is covered");
			for (long age = gaps[g]; 2 * age <= oldest; age *= 2) {
				int found = 0;
				for (size_t i = 0; i < n; i++)
					found |= step - x[i].step >= age &&
						 step - x[i].step < 4 * age;
				cr_assert(found, "gap %ld, step %ld: none of age %ld", gaps[g],
					  step, age);
			}
		}
	}
}

/*
 * pool: every task once, all done when run returns, the same bits with any number of threads.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "pool.h"

#define N 1000

static void count(void *ctx, int i)
{
	atomic_fetch_add((atomic_int *)ctx + i, 1);
}

Test(pool, every_task_runs_once, .timeout = 30)
{
	static atomic_int seen[N];

	for (int threads = 1; threads <= 5; threads++) {
		struct lc_pool *p = lc_pool_open(threads);

		cr_assert_not_null(p);
		cr_assert_eq(lc_pool_threads(p), threads);
		for (int round = 0; round < 200; round++) {
			int n = round % 7 == 0 ? round % 3 : N / (round % 7);

			memset(seen, 0, sizeof(seen));
			lc_pool_run(p, n, count, seen);
			for (int i = 0; i < N; i++)
				cr_assert_eq(seen[i], i < n, "%d threads, round %d, task %d: %d",
					     threads, round, i, seen[i]);
		}
		lc_pool_close(p);
	}
}

static void term(void *ctx, int i)
{
	((double *)ctx)[i] = sin(i) / (i + 1);
}

Test(pool, threads_do_not_change_the_bits, .timeout = 30)
{
	double parts[N], sum, first = 0;

	for (int threads = 1; threads <= 4; threads++) {
		struct lc_pool *p = lc_pool_open(threads);

		lc_pool_run(p, N, term, parts);
		sum = 0;
		for (int i = 0; i < N; i++)
			sum += parts[i];
		if (threads == 1)
			first = sum;
		cr_assert_eq(memcmp(&sum, &first, sizeof(sum)), 0);
		lc_pool_close(p);
	}
}

Test(pool, opened_and_closed_without_work, .timeout = 30)
{
	lc_pool_close(NULL);
	for (int i = 0; i < 100; i++)
		lc_pool_close(lc_pool_open(4));
	cr_assert_geq(lc_cpu_count(), 1);
}

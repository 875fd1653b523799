/*
 * pool: a fixed set of threads that share out numbered tasks.
 *
 * Which thread runs a task is not determined; what a task computes must depend on its number alone,
 * and results that are added up must be added in the order of the numbers: then every run, with any
 * number of threads, gives the same bits.
 */
#ifndef LC_POOL_H
#define LC_POOL_H

struct lc_pool; /* opaque */

/* threads counts the calling one; 1 makes no thread at all. NULL when the system refuses. */
struct lc_pool *lc_pool_open(int threads);

/* Run fn(ctx, i) for i in [0, n) and return when all are done; p NULL: here. Not reentrant. */
void lc_pool_run(struct lc_pool *p, int n, void (*fn)(void *ctx, int i), void *ctx);

int lc_pool_threads(const struct lc_pool *p);
void lc_pool_close(struct lc_pool *p); /* accepts NULL */

int lc_cpu_count(void); /* processors this process may use */

#endif

/* pool: see pool.h. */
#include "pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

struct lc_pool {
	pthread_t *threads;
	int count; /* threads made, without the caller */
	pthread_mutex_t lock;
	pthread_cond_t work, idle;
	unsigned long round; /* how many runs were started: workers wait for the next one */
	int busy, stop;
	atomic_int next;
	int n;
	void (*fn)(void *ctx, int i);
	void *ctx;
};

static void take_tasks(struct lc_pool *p)
{
	int i;

	while ((i = atomic_fetch_add(&p->next, 1)) < p->n)
		p->fn(p->ctx, i);
}

static void *worker(void *arg)
{
	struct lc_pool *p = arg;
	unsigned long seen = 0;

	pthread_mutex_lock(&p->lock);
	for (;;) {
		while (p->round == seen && !p->stop)
			pthread_cond_wait(&p->work, &p->lock);
		if (p->stop)
			break;
		seen = p->round;
		pthread_mutex_unlock(&p->lock);
		take_tasks(p);
		pthread_mutex_lock(&p->lock);
		if (--p->busy == 0)
			pthread_cond_signal(&p->idle);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

struct lc_pool *lc_pool_open(int threads)
{
	struct lc_pool *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work, NULL);
	pthread_cond_init(&p->idle, NULL);
	p->threads = calloc((size_t)(threads > 1 ? threads : 1), sizeof(*p->threads));
	for (int i = 1; p->threads && i < threads; i++) {
		if (pthread_create(&p->threads[p->count], NULL, worker, p) != 0) {
			lc_pool_close(p);
			return NULL;
		}
		p->count++;
	}
	return p;
}

void lc_pool_run(struct lc_pool *p, int n, void (*fn)(void *ctx, int i), void *ctx)
{
	if (!p || p->count == 0 || n <= 1) {
		for (int i = 0; i < n; i++)
			fn(ctx, i);
		return;
	}
	pthread_mutex_lock(&p->lock);
	p->fn = fn;
	p->ctx = ctx;
	p->n = n;
	atomic_store(&p->next, 0);
	p->busy = p->count;
	p->round++;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	take_tasks(p);
	pthread_mutex_lock(&p->lock);
	while (p->busy > 0)
		pthread_cond_wait(&p->idle, &p->lock);
	pthread_mutex_unlock(&p->lock);
}

int lc_pool_threads(const struct lc_pool *p)
{
	return p->count + 1;
}

void lc_pool_close(struct lc_pool *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->stop = 1;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	for (int i = 0; i < p->count; i++)
		pthread_join(p->threads[i], NULL);
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->work);
	pthread_cond_destroy(&p->idle);
	free(p->threads);
	free(p);
}

int lc_cpu_count(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
}

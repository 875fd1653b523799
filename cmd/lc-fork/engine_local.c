/* engine_local: branches as processes of this machine, so many at a time. */
#include "engine.h"

#include <string.h>
#include <time.h>

#include "io.h"

static int open_local(struct fleet *f, struct lc_err *err)
{
	(void)f, (void)err;
	return 0;
}

static int room(const struct fleet *f)
{
	return f->set->jobs - f->nlive;
}

/* The lowest place that no running branch holds. */
static int free_slot(const struct fleet *f)
{
	for (int slot = 0;; slot++) {
		int taken = 0;
		for (int i = 0; i < f->nlive && !taken; i++)
			taken = f->live[i]->slot == slot;
		if (!taken)
			return slot;
	}
}

static int start(struct fleet *f, struct branch **b, int n, struct lc_err *err)
{
	for (int i = 0; i < n; i++) {
		/* those started in this call hold their slots too */
		int slot = free_slot(f);
		for (int k = 0; k < i; k++)
			if (b[k]->slot == slot) {
				slot++;
				k = -1;
			}
		b[i]->slot = slot;
		if (runner_start(b[i], &f->set->launch, &f->keeper, err) < 0)
			return -1;
	}
	return 0;
}

static int look(struct fleet *f, struct branch *b, FILE *out, struct lc_err *err)
{
	int over = runner_poll(b, &f->set->launch, &f->keeper, out, err);

	if (over > 0)
		b->slot = -1;
	return over;
}

/* Ask all that run to end, and give them time to. */
static void stop(struct fleet *f)
{
	double t0 = lc_now();
	int left = 1;

	for (int i = 0; i < f->nlive; i++)
		lc_proc_term(&f->live[i]->proc);
	while (left && lc_now() - t0 < f->set->launch.grace_s) {
		left = 0;
		for (int i = 0; i < f->nlive; i++)
			left += !lc_proc_poll(&f->live[i]->proc, &f->keeper, 0,
					      f->set->launch.grace_s);
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	}
}

static void close_local(struct fleet *f)
{
	for (int i = 0; i < f->nlive; i++)
		lc_proc_kill(&f->live[i]->proc, &f->keeper);
}

const struct engine engine_local = {"local", 0,	   open_local, room,	   start,
				    look,    NULL, stop,       close_local};

const struct engine *engine_find(const char *name)
{
	static const struct engine *const all[] = {&engine_local, &engine_slurm, &engine_parallel,
						   &engine_k8s, &engine_cmd};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(all[i]->name, name) == 0)
			return all[i];
	return NULL;
}

/* progress: one line on a terminal about a fleet that runs. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fleet.h"
#include "io.h"
#include "stat.h"

#define TAIL 8 /* losses whose median stands for a branch here */

static double late_loss(const struct branch *b)
{
	double x[TAIL];
	size_t n = 0;

	for (long i = b->steps.n - 1; i >= 0 && n < TAIL; i--)
		x[n++] = b->steps.p[i].loss;
	return lc_median(x, n);
}

/* Of those that reached their ends, the one with the lowest loss there. */
static const struct branch *best_of(const struct fleet *f, double *loss)
{
	const struct branch *best = NULL;

	for (int i = 0; i < f->n; i++) {
		const struct branch *b = f->b[i];
		double x;
		if (b->status != DONE || b->parent || !b->steps.n)
			continue;
		x = late_loss(b);
		if (!best || x < *loss) {
			best = b;
			*loss = x;
		}
	}
	return best;
}

/* Seconds to go, by the share of steps done. */
static double eta(const struct fleet *f, double started)
{
	double steps = 0, done = 0;

	for (int i = 0; i < f->n; i++) {
		const struct branch *b = f->b[i];
		steps += (double)b->horizon;
		done += b->status >= DONE ? (double)b->horizon
					  : (double)(branch_step(b) - b->from_step);
	}
	return done > 0 ? (lc_now() - started) * (steps - done) / done : -1;
}

void fleet_progress(const struct fleet *f, double started, int last)
{
	static double shown;
	int count[VOID + 1] = {0};
	const struct branch *best;
	double loss = 0, left;

	if (f->set->quiet || !isatty(STDERR_FILENO) || (!last && lc_now() - shown < 0.25))
		return;
	shown = lc_now();
	for (int i = 0; i < f->n; i++)
		count[f->b[i]->status]++;
	fprintf(stderr, "\r\033[Klc-fork: %d of %d done, %d running, %d void, %d killed, %d failed",
		count[DONE], f->n, count[RUNNING], count[VOID], count[KILLED], count[FAILED]);
	best = best_of(f, &loss);
	if (best)
		fprintf(stderr, ", best %.40s %.4g", best->id, loss);
	left = eta(f, started);
	if (!last && left >= 0)
		fprintf(stderr, ", %.0f s to go", left);
	if (last)
		fputc('\n', stderr);
}

/* progress: where the run stands, for a person who waits. See train.h. */
#include <stdio.h>
#include <unistd.h>

#include "io.h"
#include "train.h"

#define PERIOD 0.2 /* seconds between two looks */

void progress_begin(struct run *r)
{
	r->began = r->shown = lc_now();
	r->began_step = r->step;
}

void progress_show(struct run *r, const struct report *rep, long end)
{
	double now = lc_now(), each;
	int last = rep->step == end;

	if (r->job.quiet || (!last && now - r->shown < PERIOD) || !isatty(STDERR_FILENO) ||
	    isatty(STDOUT_FILENO))
		return;
	r->shown = now;
	each = (now - r->began) / (double)(rep->step - r->began_step);
	fprintf(stderr, "\rstep %ld/%ld  loss %.4f  %.2f ms a step  %.0f s left\033[K%s", rep->step,
		end, rep->loss, 1e3 * each, each * (double)(end - rep->step), last ? "\n" : "");
}

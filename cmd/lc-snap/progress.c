/* progress: how far a long read or write is. See snap.h. */
#include <stdio.h>
#include <unistd.h>

#include "io.h"
#include "snap.h"

void progress(const struct opts *o, uint64_t done, uint64_t total)
{
	static double start, last; /* one line for the whole program */
	double now = lc_now(), rate;

	if (o->quiet || !isatty(STDERR_FILENO))
		return;
	if (total == 0) {
		if (last > 0)
			fputs("\r\033[K", stderr);
		start = last = 0;
		return;
	}
	if (start == 0)
		start = now;
	if (now - start < 0.5 || now - last < 0.2) /* short work stays silent */
		return;
	last = now;
	rate = (double)done / (now - start);
	fprintf(stderr, "\r%3.0f %%  %.0f MB/s  %.0f s left \033[K",
		100.0 * (double)done / (double)total, rate / 1e6, (double)(total - done) / rate);
}

/*
 * labels: any bytes at all as labels of runs. What is taken is in order, and scoring by it keeps
 * its books: nothing is found more often than it happened, and no record is counted twice.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "io.h"
#include "score.h"

#define N 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_run(const struct lc_labels *all, const uint8_t *data, size_t size)
{
	struct lc_score_conf conf = {.within = 2, .margin = 3, .gap = 4};
	struct lc_tally t;
	long step[N];
	char fired[N];

	for (int i = 0; i < N; i++) {
		step[i] = 2L * i;
		fired[i] = size > 0 && (data[(size_t)i % size] & 1);
	}
	lc_score_run(&conf, all, "a/b.jsonl", step, fired, N, &t);
	if (t.found > t.events || t.in_time > t.found || t.blamed > t.outliers ||
	    t.events + t.outliers > (double)all->n || t.records > N || t.false_alarms > t.records)
		abort();
	lc_tally_release(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lc_err err = {LC_OK, ""};
	struct lc_labels all;
	char path[40];
	int fd = memfd_create("labels", MFD_CLOEXEC);

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fd < 0 || lc_write_all(fd, data, size, path, NULL) < 0)
		abort();
	if (lc_labels_load(&all, path, &err) == 0) {
		for (size_t i = 0; i < all.n; i++)
			if (all.label[i].onset < 0 || all.label[i].damage < all.label[i].onset ||
			    all.label[i].end < all.label[i].damage || !all.label[i].run[0])
				abort();
		check_run(&all, data, size);
	} else if (err.code != LC_DATA) {
		abort();
	}
	lc_labels_release(&all);
	close(fd);
	return 0;
}

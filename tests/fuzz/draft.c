/*
 * draft: any bytes as a forecast record (which is its branch record too). One that is taken can be
 * tested against steps, and its e-value is a number.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "draft.h"
#include "json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void test(struct lc_draft *d)
{
	double at[24], y[24], first = d->at[0], last = d->at[d->n - 1], reach;
	struct lc_evalue e;

	for (int i = 0; i < 24; i++) {
		at[i] = first + (last - first) * (i + 1) / 25;
		y[i] = d->mean[0] + (i % 3 - 1) * d->sd[0];
	}
	for (int i = 1; i < 24; i++)
		if (!(at[i] > at[i - 1]))
			return;
	d->noise = d->sd[0] / 3;
	lc_evalue_test(d, at, y, 24, .05, &e);
	reach = lc_evalue_reach(d, fmax(last / 24, 1), 5, .05);
	if (isnan(e.log_e) || e.n < 0 || e.n > 24 || (!isnan(reach) && !(reach > 0)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *j = lc_json_parse((const char *)data, size, "draft", NULL);
	struct lc_draft_read f;

	if (j && lc_draft_read(&f, j, j, NULL) == 0) {
		if (f.d.n < 200)
			test(&f.d);
		lc_draft_release(&f);
	}
	json_decref(j);
	return 0;
}

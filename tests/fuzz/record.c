/*
 * record: any bytes at all. The reader neither reads outside them nor leaves a half-filled record,
 * and the number reader agrees with strtod on whatever it takes.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "num.h"
#include "record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_number(const char *s, size_t len)
{
	char copy[1100];
	char *end;
	double x = 0, want;
	size_t n = lc_num_parse(s, len, &x);

	if (n == 0)
		return;
	if (n > len || n >= sizeof(copy))
		abort();
	memcpy(copy, s, n);
	copy[n] = '\0';
	want = strtod(copy, &end);
	if (*end || (isnan(want) ? !isnan(x) : x != want))
		abort();
}

static void check_record(const struct lc_step *st)
{
	if (st->step < 0 || st->has >> LC_METRICS)
		abort();
	for (int m = 0; m < LC_METRICS; m++)
		if (!lc_step_has(st, m) && !isnan(st->v[m]))
			abort();
	if (!memchr(st->batch, '\0', sizeof(st->batch)) ||
	    !memchr(st->run, '\0', sizeof(st->run)) ||
	    !memchr(st->branch, '\0', sizeof(st->branch)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *line = (const char *)data;
	struct lc_names names = {0};
	struct lc_step st;
	struct lc_err err = {LC_OK, ""};
	int is;

	lc_names_add(&names, "loss=my/name", NULL);
	is = lc_step_parse(line, size, NULL, &st, &err);
	if (is < -1 || is > 1 || (is < 0) != (err.code != LC_OK))
		abort();
	if (is == 1)
		check_record(&st);
	lc_step_parse(line, size, &names, &st, &err);
	check_number(line, size);
	return 0;
}

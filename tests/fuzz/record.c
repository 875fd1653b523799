/*
 * record: any bytes at all. The reader neither reads outside them nor leaves a half-filled record;
 * the number reader agrees with strtod on whatever it takes; and what jansson takes for an object,
 * the reader does too, with the same numbers in it.
 */
#include <jansson.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"
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

/* Of the members that mean one thing: how many, and the last. */
struct meaning {
	int members;
	const json_t *value;
};

static void check_numbers(const struct meaning *known, const struct lc_step *st)
{
	for (int m = 0; m < LC_METRICS; m++)
		if (known[m].members == 1 && json_is_number(known[m].value) &&
		    (!lc_step_has(st, m) || st->v[m] != json_number_value(known[m].value)))
			abort();
	if (known[LC_KEY_STEP].members == 1 && json_is_integer(known[LC_KEY_STEP].value) &&
	    st->step != json_integer_value(known[LC_KEY_STEP].value))
		abort();
}

static void check_jansson(const char *line, size_t size, int is, const struct lc_step *st,
			  const struct lc_err *err)
{
	struct meaning known[LC_KEYS] = {{0, NULL}};
	json_t *obj, *value;
	const char *name;

	if (memchr(line, '\0', size)) /* jansson 2.14 loses a NUL behind a number */
		return;
	obj = json_loadb(line, size, 0, NULL);
	if (json_is_object(obj)) {
		if (is < 0 && strncmp(err->text, "step record of version", 22) != 0 &&
		    strncmp(err->text, "object nested too deep", 22) != 0)
			abort();
		json_object_foreach(obj, name, value) {
			int rank, key = lc_name_key(name, strlen(name), &rank);

			if (key >= 0) {
				known[key].members++;
				known[key].value = value;
			}
		}
		if (is == 1)
			check_numbers(known, st);
	}
	json_decref(obj);
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
	check_jansson(line, size, is, &st, &err);
	lc_step_parse(line, size, &names, &st, &err);
	check_number(line, size);
	return 0;
}

/*
 * space: any text as a space. What parses gives points whose actions are actions, from every
 * sampler, and an error has a line.
 */
#include <stdlib.h>
#include <string.h>

#include "action.h"
#include "json.h"
#include "sampler.h"

static void sample(const struct lc_space *s)
{
	double *out = calloc((size_t)(4 * s->n), sizeof(*out)), value[4] = {1, 0, 3, 2};
	double *u = calloc((size_t)(4 * s->n), sizeof(*u));
	struct lc_trial past[4];
	struct lc_err err;
	int n;

	for (int i = 0; i < 4 * s->n; i++)
		u[i] = (double)(i % 7) / 6;
	for (int i = 0; i < 4; i++)
		past[i] = (struct lc_trial){u + i * s->n, value[i], 1};
	for (int how = 0; how < LC_SAMPLERS; how++) {
		n = lc_sample(s, (enum lc_sampler)how, 1, past, 4, 2, out);
		for (int k = 0; k < n; k++) {
			json_t *a = lc_space_actions(s, out + k * s->n);
			if (!lc_space_allows(s, a))
				abort();
			json_object_del(a, "skip"); /* counts here */
			json_object_del(a, "rewind");
			if (lc_actions_check(a, &err) < 0)
				abort();
			json_decref(a);
		}
	}
	free(u);
	free(out);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	struct lc_space s;
	struct lc_err err;

	if (lc_space_parse(&s, (const char *)data, len, "space", &err) < 0) {
		if (strncmp(err.text, "space:", 6) != 0 || atoi(err.text + 6) < 1)
			abort();
		return 0;
	}
	sample(&s);
	lc_space_release(&s);
	return 0;
}

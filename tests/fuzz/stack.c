/* stack: any bytes as the weights of experts, or as residual networks. What is taken mixes to
 * finite numbers and writes as what it was read from. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "resid.h"
#include "stack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_stack(const json_t *j)
{
	double mean[LC_STACK_EXPERTS] = {1, 2, NAN, 4},
	       sd[LC_STACK_EXPERTS] = {1, 1, 1, 1, 1, 1, 1, 1}, m, s;
	struct lc_stack a, b;
	json_t *again;

	if (lc_stack_parse(&a, j, NULL) < 0)
		return;
	for (double h = .01; h < 2; h *= 2) {
		lc_stack_mix(&a, h, mean, sd, &m, &s);
		if (a.weight[lc_stack_bucket(h)][0] > .01 && !(isfinite(m) && isfinite(s)))
			abort();
	}
	again = lc_stack_json(&a);
	if (lc_stack_parse(&b, again, NULL) < 0 || memcmp(&a, &b, sizeof(a)) != 0)
		abort();
	json_decref(again);
}

static void try_resid(const json_t *j)
{
	struct lc_resid *r = malloc(sizeof(*r)), *q = malloc(sizeof(*q));
	json_t *again;

	if (lc_resid_parse(r, j, NULL) == 0) {
		again = lc_resid_json(r);
		if (lc_resid_parse(q, again, NULL) < 0 || q->gate != r->gate)
			abort();
		json_decref(again);
	}
	free(r);
	free(q);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *j = lc_json_parse((const char *)data, size, "stack", NULL);

	if (!j)
		return 0;
	try_stack(j);
	try_resid(j);
	json_decref(j);
	return 0;
}

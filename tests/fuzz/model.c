/*
 * model: any bytes as a model of past runs. What is taken gives a finite prior, and writes as what
 * it was read from.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "lawmodel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_model(const json_t *j)
{
	struct lc_run run = {.x = {-7, NAN, 18, NAN, NAN, NAN, 9}, .optimizer = "adamw"};
	struct lc_noise_prior *p = malloc(sizeof(*p));
	struct lc_law_model m;
	json_t *again;

	if (lc_model_parse(&m, j, NULL) == 0) {
		if (m.n < 20 && lc_model_prior(&m, NULL, &run, exp2(-16), p) == 0)
			for (int v = 0; v < LC_VARIANTS; v++)
				for (int i = 0; i < LC_MODES; i++)
					if (!isfinite(p->mean[v][i]) || !(p->cov[v][i][i] >= 0))
						abort();
		again = lc_model_json(&m);
		lc_model_release(&m);
		if (lc_model_parse(&m, again, NULL) < 0)
			abort();
		lc_model_release(&m);
		json_decref(again);
	}
	free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *j = lc_json_parse((const char *)data, size, "model", NULL);

	if (!j)
		return 0;
	try_model(j);
	json_decref(j);
	return 0;
}

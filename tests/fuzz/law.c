/*
 * law: any bytes as the law of a run. What one that is taken forecasts is in order, or is
 * refused; it writes as what it was read from. A whole law is long: tests/fuzz/run lets these
 * inputs be so.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "forecast.h"
#include "io.h"
#include "json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void forecast(const struct lc_law *law, const char *actions)
{
	static struct lc_forecast f;
	struct lc_forecaster *fc = lc_forecaster_open(law, NULL, 8);
	double step = law->last >= 0 && law->last < 1e12 ? floor(law->last) : 0;
	char *text = lc_path("{\"branch\":\"b\",\"from\":{\"step\":%.0f},\"horizon\":400,"
			     "\"actions\":%s}",
			     step, actions);
	json_t *branch = json_loads(text, 0, NULL);

	if (lc_forecast_ask(fc, branch, &f, NULL) == 0) {
		lc_forecast_run(fc, &f, 1, NULL);
		for (int i = 0; i < f.n && lc_forecast_check(&f, NULL) == 0; i++)
			if (!(f.sd[i] >= 0) || !(f.delta_sd >= 0) || f.diverge > 1 || f.trust > 1)
				abort();
	}
	json_decref(branch);
	free(text);
	lc_forecaster_close(fc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *j = lc_json_parse((const char *)data, size, "law", NULL), *again;
	struct lc_law law;

	if (j && lc_law_parse(&law, j, NULL) == 0) {
		forecast(&law, "{}");
		forecast(&law, "{\"lr_scale\":0.1}");
		forecast(&law, "{\"lr_scale\":3,\"reset\":\"mv\",\"clip\":0.5,\"batch_scale\":2}");
		again = lc_law_json(&law);
		lc_law_release(&law);
		if (lc_law_parse(&law, again, NULL) < 0)
			abort();
		lc_law_release(&law);
		json_decref(again);
	}
	json_decref(j);
	return 0;
}

/* draft: see draft.h. */
#include "draft.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "json.h"

#define Z90 1.6448536269514722

/* Point i of the draft; 0, or why it is none. */
static const char *point(struct lc_draft_read *f, const json_t *steps, const json_t *loss, size_t i)
{
	double lo, hi;

	if (lc_json_to_num(json_array_get(steps, i), &f->at[i]) < 0 ||
	    lc_json_to_num(json_array_get(json_object_get(loss, "q50"), i), &f->mean[i]) < 0 ||
	    lc_json_to_num(json_array_get(json_object_get(loss, "q05"), i), &lo) < 0 ||
	    lc_json_to_num(json_array_get(json_object_get(loss, "q95"), i), &hi) < 0)
		return "not a number";
	f->sd[i] = (hi - lo) / (2 * Z90);
	f->at[i] -= f->from;
	if (!isfinite(f->at[i]) || !isfinite(f->mean[i]) || !isfinite(f->sd[i]) ||
	    !(f->sd[i] > 0) || !(f->at[i] > (i ? f->at[i - 1] : 0)))
		return "out of order or not finite";
	return NULL;
}

int lc_draft_read(struct lc_draft_read *f, const json_t *forecast, const json_t *branch,
		  struct lc_err *err)
{
	const json_t *steps = json_object_get(forecast, "steps"),
		     *loss = json_object_get(forecast, "loss");
	const char *name = lc_json_get_str(forecast, "branch", ""), *why = NULL;
	size_t n = json_array_size(steps);

	memset(f, 0, sizeof(*f));
	f->from = (double)lc_json_get_int(json_object_get(branch, "from"), "step", 0);
	f->metric = strcmp(lc_json_get_str(forecast, "metric", "loss"), "val_loss") == 0
			    ? LC_VAL_LOSS
			    : LC_LOSS;
	if (n == 0 || n > LC_DRAFT_POINTS || json_array_size(json_object_get(loss, "q05")) != n ||
	    json_array_size(json_object_get(loss, "q50")) != n ||
	    json_array_size(json_object_get(loss, "q95")) != n)
		return lc_fail(err, LC_DATA, "forecast of %s: steps and quantiles do not match",
			       name);
	f->at = lc_xalloc(n, sizeof(double));
	f->mean = lc_xalloc(n, sizeof(double));
	f->sd = lc_xalloc(n, sizeof(double));
	for (size_t i = 0; i < n && !why; i++)
		why = point(f, steps, loss, i);
	if (why) {
		lc_draft_release(f);
		return lc_fail(err, LC_DATA, "forecast of %s: %s", name, why);
	}
	f->d = (struct lc_draft){(int)n, f->at, f->mean, f->sd, 0, f->metric == LC_VAL_LOSS};
	return 0;
}

void lc_draft_release(struct lc_draft_read *f)
{
	free(f->at);
	free(f->mean);
	free(f->sd);
	memset(f, 0, sizeof(*f));
}

/* lrplan: the plan of the run's lr, as it stands in records. */
#include "collapse.h"
#include "json.h"

static const char *const shapes[] = {NULL, "constant", "cosine", "wsd"};

json_t *lrplan_json(const struct lc_schedule *p)
{
	return json_pack("{s:s,s:o,s:o,s:I,s:I,s:o}", "schedule", shapes[p->shape], "lr",
			 lc_json_num(p->lr), "min_lr", lc_json_num(p->min_lr), "warmup",
			 (json_int_t)p->warmup, "total", (json_int_t)p->total, "decay_frac",
			 lc_json_num(p->decay_frac));
}

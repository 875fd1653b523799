/* lrplan: the plan of the run's lr: from a file, from a record, and into one. */
#include "collapse.h"
#include "json.h"

static const char *const shapes[] = {NULL, "constant", "cosine", "wsd"};

int lrplan_load(struct lc_schedule *plan, const char *path, struct lc_err *err)
{
	json_t *j = lc_json_load(path, err), *part = json_object_get(j, "schedule");
	struct lc_err why;
	int ret;

	if (!j)
		return -1;
	/* a whole state.json will do as well */
	ret = lc_schedule_parse(plan, json_is_object(part) ? part : j, &why);
	json_decref(j);
	return ret < 0 ? lc_fail(err, why.code, "%s: %.400s", path, why.text) : 0;
}

json_t *lrplan_json(const struct lc_schedule *p)
{
	return json_pack("{s:s,s:o,s:o,s:I,s:I,s:o}", "schedule", shapes[p->shape], "lr",
			 lc_json_num(p->lr), "min_lr", lc_json_num(p->min_lr), "warmup",
			 (json_int_t)p->warmup, "total", (json_int_t)p->total, "decay_frac",
			 lc_json_num(p->decay_frac));
}

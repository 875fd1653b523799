/*
 * width: how many branches an occasion is worth.
 *
 * Without a budget what was asked for. With one, the louder the alert and the more the forecasts
 * of what could be done differ, the more arms: 4 at the threshold, 4 more each time the index
 * doubles, up to twice that where forecasts lie farther apart than each is uncertain. References
 * come first; what is left of the budget repeats arms and control over other orders, up to 3.
 */
#include <math.h>
#include <string.h>

#include "io.h"
#include "json.h"
#include "plan.h"
#include "stat.h"

#define USUAL 64
#define FEWEST_ARMS 2
#define MOST_ARMS 64
#define MOST_ORDERS 3

/* Of the forecasts in the file: how far apart their means are over how sure each is. */
static int forecast_spread(const char *path, double *spread, struct lc_err *err)
{
	struct lc_moments means = {0}, sds = {0};
	struct lc_lines in;
	char *line;
	size_t len;
	int more;

	*spread = 1;
	if (!path)
		return 0;
	if (lc_lines_open(&in, path, 0, err) < 0)
		return -1;
	while ((more = lc_lines_next(&in, &line, &len, err)) > 0) {
		json_t *rec = json_loadb(line, len, 0, NULL), *end;
		int is = rec ? lc_record_is(rec, "forecast", 1, err) : 0;
		double mean, sd;

		end = json_object_get(rec, json_object_get(rec, "end") ? "end" : "final");
		if (is > 0 && lc_json_to_num(json_object_get(end, "mean"), &mean) == 0 &&
		    lc_json_to_num(json_object_get(end, "sd"), &sd) == 0 && isfinite(mean + sd)) {
			lc_moments_add(&means, mean);
			lc_moments_add(&sds, sd);
		}
		json_decref(rec);
		if (is < 0) {
			more = -1;
			break;
		}
	}
	lc_lines_close(&in);
	if (more == 0 && means.n < 2)
		more = lc_fail(err, LC_DATA, "%s: fewer than two forecast records", path);
	if (sds.mean > 0)
		*spread = fmin(fmax(sqrt(lc_moments_var(&means)) / sds.mean, .5), 2);
	return more < 0 ? -1 : 0;
}

int plan_width(struct plan *p, struct lc_err *err)
{
	const struct asked *q = p->asked;
	long refs = 1 + (p->clean > 0) + (q->nulls > 0) + q->nulls,
	     cost = plan_cost(p, p->norigins - 1), room, arms;
	double spread;

	p->width = q->width ? q->width : USUAL;
	if (forecast_spread(q->forecast, &spread, err) < 0)
		return -1;
	if (q->budget <= 0 || q->probes == 2)
		return 0;
	room = (long)fmin(q->budget * (double)p->o[0].step / (double)cost, 65536);
	arms = lround(4 * (1 + log2(p->severity)) * spread);
	arms = arms > MOST_ARMS ? MOST_ARMS : arms;
	if (room < refs + FEWEST_ARMS)
		return lc_fail(err, LC_NO,
			       "%g times %ld steps is room for %ld branches of %ld steps, and the "
			       "smallest fork has %ld",
			       q->budget, p->o[0].step, room, cost, refs + FEWEST_ARMS);
	arms = arms > room - refs ? room - refs : arms;
	arms = arms < FEWEST_ARMS ? FEWEST_ARMS : arms;
	while (p->orders < MOST_ORDERS && refs + arms + p->orders * (1 + arms) <= room)
		p->orders++;
	p->width = refs + arms + (p->orders - 1) * (1 + arms);
	return 0;
}

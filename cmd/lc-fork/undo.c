/*
 * undo: is the run's lr off its plan? Then the first arms put it right.
 *
 * A cause that stays is not cured by going back (DESIGN section 8, truth 5), and no forecast of the
 * plan shows that its lr is not the plan's. What the run logs tells both, and by how much: 1/times
 * brings it back, from the clean state and from the present one. From the present one alone where
 * the lr is too low: that damages nothing, and in the steps between the clean state and the onset
 * an lr raised so many times would.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "forecast.h"
#include "json.h"
#include "past.h"
#include "plan.h"

#define OFF 1.2 /* times: less is rounding, or a plan that is read a little otherwise */
#define MARKS 3 /* newest steps that must agree */

/* Actions after which the plan and a scale do not tell the lr. */
static int leaves_plan(const json_t *base)
{
	return json_object_get(base, "lr_tail") || json_object_get(base, "lr_warmup") ||
	       json_object_get(base, "lr_for");
}

/* Does the alert say so? Then the scale in force, which explains it, undoes a cause that is gone.
 */
static int is_told(const json_t *alert, double times)
{
	double index = lc_json_get_num(alert, "index", 0);

	return strcmp(lc_json_get_str(alert, "first", ""), "lr") == 0 &&
	       fabs(index - fabs(log2(times))) < log2(OFF);
}

/* Over its newest steps, how many times the lr of the plan, or the one in force by it, whichever is
 * nearer (a scale may be there to undo a cause), the run's lr is; 1: it is that. */
static double times_off(const struct past *run, const struct lc_schedule *s, double scale,
			const json_t *alert)
{
	double first = 0;
	int n = 0;

	for (long i = run->n - 1; i >= 0 && n < MARKS; i--) {
		double by_plan = lc_schedule_lr(s, (double)run->m[i].step);
		double times = run->m[i].lr / by_plan;

		if (fabs(log(times / scale)) < fabs(log(times)) && !is_told(alert, times))
			times /= scale;
		if (!(by_plan > 0) || !(times > 0) || !isfinite(times))
			return 1;
		if (n++ == 0)
			first = times;
		if (fabs(log(times / first)) > log(OFF) / 2)
			return 1;
	}
	return n == MARKS && fabs(log(first)) > log(OFF) ? first : 1;
}

static int put(struct plan *p, int origin, double scale, struct lc_err *err)
{
	json_t *actions = json_pack("{s:f}", "lr_scale", scale);

	if (origin > 0)
		json_object_set_new(actions, "rewind", json_integer(p->o[origin].step));
	return plan_arm(p, "persistent", origin, actions, err);
}

int plan_undo(struct plan *p, struct lc_err *err)
{
	struct metric m;
	struct past run = {0};
	struct lc_schedule s;
	char text[32];
	double times = 1;
	int ret = -1;

	if (!p->asked->plan || !p->asked->history || leaves_plan(p->base))
		return 0;
	if (lc_schedule_load(&s, p->asked->plan, err) < 0 || metric_init(&m, "loss", err) < 0)
		return -1;
	if (past_read_run(&run, p->asked->history, &m, err) < 0)
		goto out;
	if (s.shape)
		times = times_off(&run, &s, lc_json_get_num(p->base, "lr_scale", 1), p->occasion);
	ret = 0;
	if (times == 1)
		goto out;
	snprintf(text, sizeof(text), "%.3g", 1 / times);
	p->undoes = "lr";
	if (p->clean > 0 && times > 1)
		ret = put(p, p->clean, strtod(text, NULL), err);
	if (ret == 0)
		ret = put(p, 0, strtod(text, NULL), err);
	p->undoes = NULL;
out:
	past_release(&run);
	return ret;
}

/*
 * remember: what the store remembers of earlier forks (STORE/memory.jsonl) as trials of a space.
 *
 * A gain is worth what it is among those of its own fork: those of one after a glitch are a hundred
 * times those of one on a plateau. So gains are taken in units of their root mean square over the
 * arms of their fork, and brought to the scale of the trials that are there already.
 */
#include <math.h>
#include <string.h>

#include "io.h"
#include "json.h"
#include "lib/incident.h" /* this folder has one of its own */
#include "trials.h"

#define WEIGHT 0.5	  /* of an arm of another fork against one of this */
#define WEIGHT_OTHER 0.25 /* after an alert of another kind */

/* What came of it: what was chosen is worth what was seen of it later, once that was compared. */
static double gain_of(const json_t *incident, const json_t *arm)
{
	const json_t *later = json_object_get(incident, "outcome");
	int chosen = strcmp(lc_json_get_str(arm, "branch", ""),
			    lc_json_get_str(incident, "choice", "none")) == 0;
	double gain = lc_json_get_num(arm, "gain", NAN), seen = lc_json_get_num(later, "gain", NAN);

	if (chosen && json_is_true(json_object_get(later, "nonfinite")))
		return -INFINITY;
	if (chosen && lc_json_get_int(later, "compared", 0) > 0 && isfinite(seen))
		return seen;
	return gain;
}

/* Root mean square of what is finite; 0 where nothing is. */
static double scale_of(const json_t *incident)
{
	const json_t *arms = json_object_get(incident, "arms");
	double sum = 0;
	int n = 0;

	for (size_t i = 0; i < json_array_size(arms); i++) {
		double gain = gain_of(incident, json_array_get(arms, i));
		if (isfinite(gain)) {
			sum += gain * gain;
			n++;
		}
	}
	return n ? sqrt(sum / n) : 0;
}

static double scale_here(const struct trials *ts)
{
	double sum = 0;
	int n = 0;

	for (int i = 0; i < ts->n; i++)
		if (isfinite(ts->t[i].value)) {
			sum += ts->t[i].value * ts->t[i].value;
			n++;
		}
	return sum > 0 ? sqrt(sum / n) : 1;
}

/* Of this fork are the trials themselves; of another objective a gain says nothing. */
static int is_of_use(const json_t *incident, const struct plan *p, const struct lc_space *s)
{
	return strcmp(lc_json_get_str(incident, "fork", ""), p->fork ? p->fork : "") != 0 &&
	       strcmp(lc_json_get_str(incident, "reported_on", "loss"), s->metric) == 0;
}

int trials_remember(struct trials *ts, const struct plan *p, const struct lc_space *s,
		    struct lc_err *err)
{
	json_t *all = lc_memory_read(p->asked->store, NULL, err);
	double here = scale_here(ts);

	if (!all)
		return -1;
	for (size_t i = 0; i < json_array_size(all); i++) {
		const json_t *incident = json_array_get(all, i),
			     *arms = json_object_get(incident, "arms"),
			     *base = json_object_get(incident, "base");
		const char *kind =
			lc_json_get_str(json_object_get(incident, "alert"), "kind", "none");
		double weight = strcmp(kind, p->kind) == 0 ? WEIGHT : WEIGHT_OTHER;
		double unit = scale_of(incident);

		for (size_t k = 0; k < json_array_size(arms) && is_of_use(incident, p, s); k++) {
			const json_t *arm = json_array_get(arms, k);
			double gain = gain_of(incident, arm);

			if (unit > 0 && !isnan(gain))
				trials_put(ts, p, s, json_object_get(arm, "actions"), base,
					   -gain / unit * here, weight);
		}
	}
	json_decref(all);
	return 0;
}

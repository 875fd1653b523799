/* again: what a run's own log says of a gain that was measured on a branch; see past.h. */
#include <math.h>
#include <string.h>

#include "json.h"
#include "past.h"

static double value(const struct reading *r, const char *metric)
{
	return strcmp(metric, "val_loss") == 0	  ? r->val_loss
	       : strcmp(metric, "test_loss") == 0 ? r->test_loss
						  : r->loss;
}

/* Mean of (f - the run) over the steps above `after` that both logged a finite value at; of its
 * size, where apart. */
static double mean_apart(const struct future *f, const struct past_run *run, const char *metric,
			 long after, int apart, int *n)
{
	double sum = 0;

	*n = 0;
	for (int i = 0, k = 0; f && i < f->n; i++) {
		double d;
		while (k < run->f.n && run->f.r[k].step < f->r[i].step)
			k++;
		if (k == run->f.n || run->f.r[k].step != f->r[i].step || f->r[i].step <= after)
			continue;
		d = value(&f->r[i], metric) - value(&run->f.r[k], metric);
		if (!isfinite(d))
			continue;
		sum += apart ? fabs(d) : d;
		++*n;
	}
	return *n ? sum / *n : NAN;
}

/* The control less the run, where the decision read them: in the later half of what the control was
 * read by, its return or its own steps. */
static double seen_again(const struct evidence *ev, const struct future *control,
			 const struct past_run *run, const char *metric, int *n)
{
	const struct future *seg = evidence_segment(ev, control, "return");
	long half = seg ? seg->horizon / 2 : control->horizon - control->horizon / 2;

	control = seg ? seg : control;
	return mean_apart(control, run, metric, control->from_step + half, 0, n);
}

static int alerts_within(const struct past *p, long window)
{
	int n = 0;

	for (int i = 0; i < p->alerts; i++)
		n += p->alert_steps[i] > p->from && p->alert_steps[i] <= p->from + window;
	return n;
}

/* What the gain was reported on; an objective stands for val_loss, that of its twins for test_loss.
 */
static const char *metric_of(const struct past *p)
{
	const char *said = lc_json_get_str(p->decision, "reported_on", "loss");
	char text[GOAL_TEXT];

	if (!p->goal.terms)
		return said;
	goal_text(&p->goal, 0, text, sizeof(text));
	return strcmp(said, text) == 0 ? "val_loss" : "test_loss";
}

json_t *past_judge(const struct past *p, const struct past_run *run, const struct evidence *ev,
		   long window)
{
	const struct future *control = evidence_role(ev, "control");
	const struct future *f = evidence_find(ev, lc_json_get_str(p->decision, "choice", ""));
	const char *metric = metric_of(p);
	double charge = lc_json_get_num(json_object_get(p->decision, "cost"), "charge", 0);
	int better = decision_status(p->decision) == LC_OK, n = 0, m;
	double gain = NAN, apart = mean_apart(f, run, metric, -1, 1, &m);
	const char *held, *why = "";
	json_t *rec = lc_record_new("review", 1), *after = json_object();

	if (control)
		gain = seen_again(ev, control, run, metric, &n) - charge;
	if (!better)
		held = "stay";
	else if (run->f.nonfinite)
		held = "no", why = "the run diverged";
	else if (!f || is_persistent(f))
		held = "unknown", why = "at another lr losses cannot be compared before the end";
	else if (isnan(gain))
		held = "unknown", why = "the run and the control have no steps in common";
	else
		held = gain > lc_json_get_num(p->decision, "min_effect", 0) ? "yes" : "no";
	json_object_set(rec, "fork", json_object_get(p->decision, "fork"));
	json_object_set_new(rec, "decision", json_string(p->name));
	json_object_set(rec, "verdict", json_object_get(p->decision, "verdict"));
	json_object_set(rec, "choice", json_object_get(p->decision, "choice"));
	json_object_set_new(rec, "step", json_integer(p->from));
	json_object_set(rec, "gain", json_object_get(p->decision, "gain"));
	json_object_set(rec, "ci", json_object_get(p->decision, "ci"));
	json_object_set_new(after, "steps", json_integer(run->steps));
	json_object_set_new(after, "compared", json_integer(n));
	json_object_set_new(after, "gain",
			    lc_json_num(isfinite(gain) ? round(1e5 * gain) / 1e5 + 0.0 : gain));
	json_object_set_new(after, "apart", lc_json_num(apart));
	json_object_set_new(after, "alerts", json_integer(alerts_within(p, window)));
	json_object_set_new(after, "nonfinite", json_boolean(run->f.nonfinite));
	json_object_set_new(rec, "after", after);
	json_object_set_new(rec, "held", json_string(held));
	if (*why)
		json_object_set_new(rec, "why", json_string(why));
	return rec;
}

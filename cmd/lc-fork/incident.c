/* incident: see incident.h. */
#include "incident.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "json.h"
#include "stat.h"

#define BEFORE 50     /* steps before the onset that say what is usual */
#define AFTER 40      /* steps from the onset on in which the incident peaks */
#define CLEAR 4.0     /* standard errors that a difference of means must exceed */
#define LR_JUMP 1.5   /* a learning rate that rises so much in one step was changed */
#define LR_BEFORE 100 /* steps before the onset in which it may have been */

/* The largest mean of three neighbours in steps first..last, or of the one or two there are; a
 * non-finite loss is the largest. */
static double peak(const struct past *b, long first, long last)
{
	double top = NAN, three[3];
	int n = 0;

	for (long i = 0; i < b->n; i++) {
		const struct mark *k = &b->m[i];
		if (k->step < first || k->step > last)
			continue;
		if (!isfinite(k->loss))
			return INFINITY;
		three[n++ % 3] = k->loss;
		if (n >= 3)
			top = fmax(top, (three[0] + three[1] + three[2]) / 3);
	}
	/* an alert may come with its first step or its second, and the run stop there */
	return n == 1 ? three[0] : n == 2 ? (three[0] + three[1]) / 2 : top;
}

static double mean_loss(const struct past *b, long first, long last, int *count)
{
	double sum = 0;

	*count = 0;
	for (long i = 0; i < b->n; i++)
		if (b->m[i].step >= first && b->m[i].step <= last) {
			if (!isfinite(b->m[i].loss))
				return INFINITY;
			sum += b->m[i].loss;
			++*count;
		}
	return *count ? sum / *count : NAN;
}

/* What was voided for its data or its lr is what is looked for, where it kept the run's; else it is
 * no evidence. */
static int counts(const struct past *b)
{
	if (b->n == 0 || b->m[0].step <= b->from_step || !b->status)
		return 0;
	if (strcmp(b->status, "void") == 0)
		return !json_object_get(b->actions, "reseed") &&
		       !json_object_get(b->actions, "lr_scale");
	return strcmp(b->status, "failed") != 0;
}

static const struct past *probe(struct incident *in, const char *asks)
{
	for (int i = 0; i < in->probes.n; i++)
		if (strcmp(lc_json_get_str(in->probes.b[i].rec, "asks", ""), asks) == 0 &&
		    counts(&in->probes.b[i]))
			return &in->probes.b[i];
	return NULL;
}

static long shift_of(const struct past *b)
{
	return lc_json_get_int(b->actions, "data_shift", 0);
}

/*
 * How far the state of a probe lies above the run's, on the same batches before the onset: an
 * earlier state has a higher loss. 0 where it has no such steps.
 */
static double offset(const struct incident *in, const struct past *b)
{
	struct lc_moments d = {0};

	for (long i = 0; i < b->n; i++) {
		const struct mark *k = &b->m[i], *r = past_at(&in->run, k->step + shift_of(b));
		if (r && r->step < in->onset && isfinite(k->loss - r->loss))
			lc_moments_add(&d, k->loss - r->loss);
	}
	return d.n > 0 ? d.mean : 0;
}

/* Did the incident come again in this probe? 1, 0, or -1 when it was not run. */
int incident_recurs(struct incident *in, const char *asks, double *excess)
{
	const struct past *b = probe(in, asks);
	long first;
	double top;

	*excess = NAN;
	if (!b)
		return -1;
	first = in->onset - shift_of(b);
	top = peak(b, first, first + AFTER);
	if (isnan(top))
		return -1;
	*excess = top - in->usual - offset(in, b);
	json_object_set_new(in->found, asks, lc_json_num(*excess));
	return *excess >= in->excess / 2 || (isinf(in->excess) && isinf(*excess));
}

/* Is the loss of this probe above what is usual all through, and by how much at its end? */
int incident_stays(struct incident *in, const char *asks, double *excess)
{
	const struct past *b = probe(in, asks);
	int n;
	double mean;

	*excess = NAN;
	if (!b)
		return -1;
	n = 1;
	mean = INFINITY; /* a run that is not finite ends there */
	if (isfinite(b->m[b->n - 1].loss))
		mean = mean_loss(b, b->from_step + 1 + b->horizon / 2, b->from_step + b->horizon,
				 &n);
	if (isnan(mean))
		return -1;
	*excess = mean - in->usual;
	json_object_set_new(in->found, asks, lc_json_num(*excess));
	if (isinf(*excess))
		return 1;
	return *excess > CLEAR * in->sd / sqrt(n) && *excess > in->excess / 50;
}

/* The run as it went on: its own log, and where that ends what went on from the present state with
 * nothing changed. */
static const struct mark *went_on(const struct incident *in, const struct past *on, long step)
{
	const struct mark *k = past_at(&in->run, step);

	return k || !on ? k : past_at(on, step);
}

static const struct past *unchanged(struct incident *in)
{
	for (int i = 0; i < in->probes.n; i++)
		if (strcmp(in->probes.b[i].role, "control") == 0 && in->probes.b[i].n > 0)
			return &in->probes.b[i];
	return probe(in, "on");
}

/*
 * Of a replay that the incident did not come to: how far the run lies above it on the same batches
 * from a few steps after the onset on, over what they were apart before. What only one loss shows
 * is gone by then; a damaged state goes on being another one.
 */
double incident_mark(struct incident *in)
{
	const struct past *b = probe(in, "data"), *on = unchanged(in);
	struct lc_moments before = {0}, after = {0};
	double beyond, error;

	for (long i = 0; b && i < b->n; i++) {
		const struct mark *k = &b->m[i], *r = went_on(in, on, k->step + shift_of(b));
		if (!r || (r->batch[0] && k->batch[0] && strcmp(r->batch, k->batch) != 0))
			continue;
		if (r->step < in->onset - 2)
			lc_moments_add(&before, r->loss - k->loss);
		else if (r->step > in->onset + 2)
			lc_moments_add(&after, isfinite(r->loss) ? r->loss - k->loss : INFINITY);
	}
	beyond = after.mean - before.mean;
	if (before.n < 3 || after.n < 3)
		return 0;
	error = sqrt(lc_moments_var(&before) * (1 / before.n + 1 / after.n));
	return beyond > CLEAR * error && beyond > in->excess / 50 ? beyond : 0;
}

/* The step at which the run's lr was raised and then still was so at the onset, or 0. */
long incident_lr_jump(const struct incident *in, double *times)
{
	const struct past *r = &in->run;
	double before = 0, after = 0;
	long at = 0;

	/* an onset may be found a little early: up to the alarm the lr may be the cause */
	for (long i = 1; i < r->n && r->m[i].step <= in->alarm; i++) {
		const struct mark *k = &r->m[i];
		if (k->step >= in->onset - LR_BEFORE && k->step > 3 && k[-1].lr > 0 &&
		    k->lr >= LR_JUMP * k[-1].lr) {
			at = k->step;
			before = k[-1].lr;
			after = 0;
		}
		if (k->step >= in->onset - 3)
			after = fmax(after, k->lr);
	}
	*times = before > 0 ? after / before : 0;
	return *times >= LR_JUMP ? at : 0;
}

/* Of the incident's steps, the first whose batch the run logged and a probe of the same data saw
 * otherwise; 0: none. */
long incident_other_batch(struct incident *in)
{
	const struct past *b = probe(in, "data");

	for (long i = 0; b && i < b->n; i++) {
		const struct mark *r = past_at(&in->run, b->m[i].step + shift_of(b));
		if (r && r->step >= in->onset - 1 && r->step <= in->end && r->batch[0] &&
		    b->m[i].batch[0] && strcmp(r->batch, b->m[i].batch) != 0)
			return r->step;
	}
	return 0;
}

/* Does a replay before the onset give the run's losses? The rms difference over the noise. */
double incident_replay_gap(struct incident *in)
{
	const struct past *b = probe(in, "again");
	double sum = 0;
	int n = 0;

	if (!b)
		b = probe(in, "data");
	for (long i = 0; b && !shift_of(b) && i < b->n; i++) {
		const struct mark *r = past_at(&in->run, b->m[i].step);
		if (!r || r->step >= in->onset - 2 || !isfinite(r->loss) ||
		    (r->batch[0] && b->m[i].batch[0] && strcmp(r->batch, b->m[i].batch) != 0))
			continue;
		sum += isfinite(b->m[i].loss) ? pow(b->m[i].loss - r->loss, 2) : INFINITY;
		n++;
	}
	return n ? sqrt(sum / n) / in->sd : 0;
}

/* What was usual, and how far the loss rose above it. */
int incident_measure(struct incident *in, const json_t *alert, const char *history,
		     struct lc_err *err)
{
	long alarm = lc_json_get_int(alert, "step", 0);
	double *x, *d, top;
	size_t n = 0;

	in->alarm = alarm;
	in->onset = lc_json_get_int(alert, "onset", alarm);
	in->end = (alarm > in->onset + AFTER ? alarm : in->onset + AFTER) + 1;
	x = lc_xalloc((size_t)in->run.n + 1, sizeof(*x));
	d = lc_xalloc((size_t)in->run.n + 1, sizeof(*d));
	for (long i = 0; i < in->run.n; i++)
		if (in->run.m[i].step < in->onset && in->run.m[i].step >= in->onset - BEFORE &&
		    isfinite(in->run.m[i].loss))
			x[n++] = in->run.m[i].loss;
	in->usual = lc_median(x, n);
	for (size_t i = 0; i < n; i++)
		d[i] = fabs(x[i] - in->usual);
	in->sd = 1.4826 * lc_median(d, n);
	free(x);
	free(d);
	top = peak(&in->run, in->onset, in->end);
	in->excess = top - in->usual;
	if (n < 10 || !(in->sd > 0))
		return lc_fail(err, LC_DATA, "%s: too few steps before step %ld to know the usual",
			       history, in->onset);
	if (isnan(top))
		return lc_fail(err, LC_DATA, "%s: no steps from step %ld on", history, in->onset);
	return 0;
}

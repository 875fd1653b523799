/*
 * blame: what the probes of an incident say about its cause.
 *
 * An incident is an excess of the loss over what it was before. Each probe crosses a state with
 * batches (probe.c); where the excess comes again, and where it does not, leaves few causes:
 *
 *     the same batches bring it back, from other states too   data
 *     only from this state                                    interaction
 *     with any batches, but not at a tenth of the lr          lr
 *     with any batches, at any lr                             state
 *     nothing brings it back:
 *         the run's lr had jumped                             lr
 *         the run's batches were others than the replay's     data
 *         the present state is bad with any batches           state (lr, if a tenth of it cures)
 *         nor has it left anything                            nondeterminism
 *     two equal runs differ, or a replay is not the run       nondeterminism
 */
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fork.h"
#include "io.h"
#include "json.h"
#include "past.h"
#include "stat.h"

#define BEFORE 50     /* steps before the onset that say what is usual */
#define AFTER 40      /* steps from the onset on in which the incident peaks */
#define TRACE 3.0     /* times the noise that an incident must exceed to be told from none */
#define CLEAR 4.0     /* standard errors that a difference of means must exceed */
#define LR_JUMP 1.5   /* a learning rate that rises so much in one step was changed */
#define LR_BEFORE 100 /* steps before the onset in which it may have been */

static const char *alert_path, *history;

static const char usage[] =
	"usage: lc-fork blame -a ALERT -H RUN [FILE]\n"
	"Read the records of probes that were run, write a cause record: data, state, lr,\n"
	"interaction, nondeterminism or unclear (status 1), and why.\n"
	"  -a, --alert FILE    the alert that was planned for\n"
	"  -H, --history FILE  the run's own log\n";

struct incident {
	struct past run;
	struct pasts probes;
	long onset, end;
	double usual, sd, excess; /* median loss before; its noise; the peak above it */
	json_t *found;		  /* excess by probe */
};

struct verdict {
	const char *cause;
	char why[300];
};

static void declare(struct verdict *v, const char *cause, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void declare(struct verdict *v, const char *cause, const char *fmt, ...)
{
	va_list ap;

	v->cause = cause;
	va_start(ap, fmt);
	vsnprintf(v->why, sizeof(v->why), fmt, ap);
	va_end(ap);
}

/* The largest mean of three neighbours in steps first..last; a non-finite loss is the largest. */
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
	return top;
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
static int recurs(struct incident *in, const char *asks, double *excess)
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
static int stays(struct incident *in, const char *asks, double *excess)
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
static double mark_left(struct incident *in)
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
static long lr_jump(const struct incident *in, double *times)
{
	const struct past *r = &in->run;
	double before = 0, after = 0;
	long at = 0;

	for (long i = 1; i < r->n && r->m[i].step <= in->end; i++) {
		if (r->m[i].step >= in->onset - LR_BEFORE && r->m[i].step > 3 &&
		    r->m[i].step <= in->onset + 3 && r->m[i].lr >= LR_JUMP * r->m[i - 1].lr &&
		    r->m[i - 1].lr > 0) {
			at = r->m[i].step;
			before = r->m[i - 1].lr;
			after = 0;
		}
		if (r->m[i].step >= in->onset - 3 && r->m[i].step <= in->onset + 3)
			after = fmax(after, r->m[i].lr);
	}
	*times = before > 0 ? after / before : 0;
	return *times >= LR_JUMP ? at : 0;
}

/* Of the incident's steps, the first whose batch the run logged and a probe of the same data saw
 * otherwise; 0: none. */
static long other_batch(struct incident *in)
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
static double replay_gap(struct incident *in)
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

/* The same batches bring it back. */
static void blame_recurring(struct incident *in, struct verdict *v, double again)
{
	double x, y;
	int order = recurs(in, "order", &x), lr = recurs(in, "lr", &y);

	if (order == 1 && lr == 0)
		declare(v, "lr",
			"it comes again with other batches (+%.3g) and not at a tenth of the "
			"learning rate (%+.3g)",
			x, y);
	else if (order == 1)
		declare(v, "state",
			"it comes again with other batches (+%.3g)%s: the clean state holds it", x,
			lr == 1 ? " and at a tenth of the learning rate" : "");
	else if (recurs(in, "elsewhere", &x) == 0)
		declare(v, "interaction",
			"the same batches bring it back (+%.3g) from this state only; from an "
			"earlier one they do not (%+.3g)",
			again, x);
	else
		declare(v, "data", "the same batches bring it back (+%.3g of +%.3g)%s%s", again,
			in->excess, isnan(x) ? "" : ", from an earlier state too",
			order == 0 ? ", others do not" : "");
}

/* Neither the batches nor a replay bring it back. */
static void blame_passing(struct incident *in, struct verdict *v, double again)
{
	double times, left, cured, mark = mark_left(in);
	long jump = lr_jump(in, &times), batch = other_batch(in);
	int bad = stays(in, "state", &left), calm = stays(in, "calm", &cured);

	if (jump)
		declare(v, "lr",
			"its learning rate rose %.3g times at step %ld; without that the same "
			"batches do not bring it back (%+.3g of +%.3g)",
			times, jump, again, in->excess);
	else if (batch)
		declare(v, "data",
			"at step %ld the run learnt from another batch than its replay, which "
			"does not bring it back (%+.3g of +%.3g)",
			batch, again, in->excess);
	else if (bad == 1 && calm >= 0 && isfinite(left) && cured < left / 2)
		declare(v, "lr",
			"the present state is bad with any batches (+%.3g) and well at a tenth of "
			"the learning rate (%+.3g)",
			left, cured);
	else if (bad == 1)
		declare(v, "state",
			"the same batches do not bring it back (%+.3g of +%.3g), and the present "
			"state is bad with any (+%.3g)",
			again, in->excess, left);
	else if (mark > 0)
		declare(v, "state",
			"the same batches do not bring it back (%+.3g of +%.3g); the run went on "
			"otherwise than its replay (%+.3g) and healed",
			again, in->excess, mark);
	else if (bad == 0)
		declare(v, "nondeterminism",
			"a replay does not bring it back (%+.3g of +%.3g), and it left nothing "
			"(%+.3g)",
			again, in->excess, left);
	else
		declare(v, "unclear",
			"the same batches do not bring it back, and no probe of the present state "
			"was run");
}

static void blame(struct incident *in, struct verdict *v)
{
	double again, twice, gap = replay_gap(in);
	int data = recurs(in, "data", &again), same = recurs(in, "twice", &twice);

	if (!(in->excess > TRACE * in->sd))
		declare(v, "unclear",
			"the loss rose by %.3g, within %g times its noise of %.3g: nothing to "
			"trace",
			in->excess, TRACE, in->sd);
	else if (data < 0)
		declare(v, "unclear", "no probe of the incident's batches was run");
	else if (gap > 1)
		declare(v, "nondeterminism",
			"a replay of the steps before is not the run: apart by %.3g times the "
			"noise",
			gap);
	else if (same >= 0 && same != data)
		declare(v, "nondeterminism", "of two equal runs one brings it back (%+.3g, %+.3g)",
			again, twice);
	else if (data)
		blame_recurring(in, v, again);
	else
		blame_passing(in, v, again);
}

static json_t *last_alert(struct lc_err *err)
{
	json_t *found = NULL, *rec;
	struct lc_lines in;
	char *line;
	size_t len;

	if (lc_lines_open(&in, alert_path, 0, err) < 0)
		return NULL;
	while (lc_lines_next(&in, &line, &len, err) > 0) {
		rec = json_loadb(line, len, 0, NULL);
		if (rec && lc_record_is(rec, "alert", 1, NULL) > 0) {
			json_decref(found);
			found = json_incref(rec);
		}
		json_decref(rec);
	}
	lc_lines_close(&in);
	if (!found)
		lc_fail(err, LC_DATA, "%s: no alert record", alert_path);
	return found;
}

/* What was usual, and how far the loss rose above it. */
static int measure(struct incident *in, const json_t *alert, struct lc_err *err)
{
	long alarm = lc_json_get_int(alert, "step", 0);
	double *x, *d, top;
	size_t n = 0;

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

static int tell(const struct incident *in, const struct verdict *v, struct lc_err *err)
{
	json_t *rec = lc_record_new("cause", 1);
	const json_t *fork = in->probes.n ? json_object_get(in->probes.b[0].rec, "fork") : NULL;
	int ret;

	if (fork)
		json_object_set(rec, "fork", (json_t *)fork);
	json_object_set_new(rec, "step", json_integer(in->onset));
	json_object_set_new(rec, "cause", json_string(v->cause));
	json_object_set_new(rec, "why", json_string(v->why));
	json_object_set_new(rec, "noise", lc_json_num(in->sd));
	json_object_set_new(rec, "excess", lc_json_num(in->excess));
	json_object_set(rec, "probes", in->found);
	ret = lc_json_emit(stdout, rec, err);
	json_decref(rec);
	return ret;
}

static const char *options(int argc, char **argv)
{
	static const struct option longs[] = {
		{"alert", 1, 0, 'a'}, {"history", 1, 0, 'H'}, {"help", 0, 0, 'h'}, {0, 0, 0, 0}};
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":a:H:", longs, NULL)) != -1) {
		switch (c) {
		case 'a': alert_path = optarg; break;
		case 'H': history = optarg; break;
		case 'h': fputs(usage, stdout); exit(lc_finish(0));
		default: lc_usage_option(c, argv);
		}
	}
	if (!alert_path || !history)
		lc_usage("blame: wants -a ALERT and -H RUN");
	if (argc - optind > 1)
		lc_usage("blame: unexpected %s", argv[optind + 1]);
	return optind < argc ? argv[optind] : "-";
}

int verb_blame(int argc, char **argv)
{
	const char *path = options(argc, argv);
	struct incident in = {.found = json_object()};
	struct verdict v = {"unclear", ""};
	struct metric loss = {.which = LC_LOSS};
	struct lc_err err;
	json_t *alert = last_alert(&err);

	if (!alert || past_read_run(&in.run, history, &loss, &err) < 0 ||
	    pasts_read(&in.probes, path, &loss, &err) < 0 || measure(&in, alert, &err) < 0)
		lc_die(&err);
	blame(&in, &v);
	if (tell(&in, &v, &err) < 0)
		lc_die(&err);
	past_release(&in.run);
	pasts_release(&in.probes);
	json_decref(in.found);
	json_decref(alert);
	return lc_finish(strcmp(v.cause, "unclear") == 0 ? LC_NO : LC_OK);
}

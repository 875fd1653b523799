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
#include "incident.h"
#include "io.h"
#include "json.h"

#define TRACE 3.0 /* times the noise that an incident must exceed to be told from none */

static const char *alert_path, *history;

static const char usage[] =
	"usage: lc-fork blame -a ALERT -H RUN [FILE]\n"
	"Read the records of probes that were run, write a cause record: data, state, lr,\n"
	"interaction, nondeterminism or unclear (status 1), and why.\n"
	"  -a, --alert FILE    the alert that was planned for\n"
	"  -H, --history FILE  the run's own log\n";

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

/* The same batches bring it back. */
static void blame_recurring(struct incident *in, struct verdict *v, double again)
{
	double x, y;
	int order = incident_recurs(in, "order", &x), lr = incident_recurs(in, "lr", &y);

	if (order == 1 && lr == 0)
		declare(v, "lr",
			"it comes again with other batches (+%.3g) and not at a tenth of the "
			"learning rate (%+.3g)",
			x, y);
	else if (order == 1)
		declare(v, "state",
			"it comes again with other batches (+%.3g)%s: the clean state holds it", x,
			lr == 1 ? " and at a tenth of the learning rate" : "");
	else if (incident_recurs(in, "elsewhere", &x) == 0 && incident_lr_jump(in, &y))
		declare(v, "lr",
			"its learning rate rose %.3g times; the same batches bring it back where "
			"it did (+%.3g), and not from an earlier state, where it did not (%+.3g)",
			y, again, x);
	else if (incident_recurs(in, "elsewhere", &x) == 0)
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
	double times, left, cured, mark = incident_mark(in);
	long jump = incident_lr_jump(in, &times), batch = incident_other_batch(in);
	int bad = incident_stays(in, "state", &left), calm = incident_stays(in, "calm", &cured);

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
	double again, twice, gap = incident_replay_gap(in);
	int data = incident_recurs(in, "data", &again), same = incident_recurs(in, "twice", &twice);

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
	    pasts_read(&in.probes, path, &loss, &err) < 0 ||
	    incident_measure(&in, alert, history, &err) < 0)
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

/*
 * rule: lc-detect --rule NAME: alert records by a peer's rule, for who wants what they are used to.
 *
 * A rule that fires again within GAP records goes on with the same alert.
 */
#include "rule.h"

#include <math.h>
#include <stdio.h>

#include "io.h"
#include "json.h"
#include "verbs.h"

#define GAP 50

struct by_rule {
	struct lc_rule *rule;
	const struct lc_names *names;
	int quiet;
	unsigned long records, since, alerts;
};

static json_t *alert(const struct lc_step *st, const struct lc_rule_fired *f)
{
	json_t *rec = lc_record_new("alert", 1), *signals = json_object();
	const char *metric = lc_metric_name(f->metric);

	if (st->run[0])
		json_object_set_new(rec, "run", json_string(st->run));
	json_object_set_new(rec, "step", json_integer(st->step));
	json_object_set_new(rec, "index", lc_json_num(f->value));
	json_object_set_new(rec, "threshold", lc_json_num(f->limit));
	json_object_set_new(rec, "kind", json_string(f->nonfinite ? "nonfinite" : "spike"));
	json_object_set_new(rec, "onset", json_integer(st->step));
	json_object_set_new(rec, "rewind", json_integer(st->step > 0 ? st->step - 1 : 0));
	json_object_set_new(signals, metric, lc_json_num(f->value));
	json_object_set_new(rec, "signals", signals);
	json_object_set_new(rec, "first", json_string(metric));
	return rec;
}

/* 1 an alert begins with this line, 0, or -1. */
static int take(struct by_rule *b, const char *line, size_t len, struct lc_err *err)
{
	struct lc_rule_fired f;
	struct lc_step st;
	json_t *rec;
	int ret = 0;

	if (lc_step_parse(line, len, b->names, &st, NULL) <= 0 ||
	    !(lc_step_has(&st, LC_LOSS) || lc_step_has(&st, LC_GRAD_NORM)))
		return 0;
	b->records++;
	b->since++;
	if (!lc_rule_step(b->rule, &st, &f))
		return 0;
	if (b->alerts == 0 || b->since > GAP) {
		rec = alert(&st, &f);
		ret = b->quiet || lc_json_emit(stdout, rec, err) == 0 ? 1 : -1;
		json_decref(rec);
		b->alerts += ret == 1;
	}
	b->since = 0;
	return ret;
}

static int one_file(struct by_rule *b, const char *path, int first_only, struct lc_err *err)
{
	struct lc_lines in;
	char *line;
	size_t len;
	int more;

	if (lc_lines_open(&in, path, 0, err) < 0)
		return -1;
	while ((more = lc_lines_next(&in, &line, &len, err)) > 0) {
		int begins = take(b, line, len, err);

		if (begins < 0 || (begins && first_only)) {
			more = begins < 0 ? -1 : 0;
			break;
		}
	}
	lc_lines_close(&in);
	return more;
}

int rule_main(const char *name, const struct lc_names *names, int first_only, int quiet,
	      char *const *files, int n)
{
	struct by_rule b = {.names = names, .quiet = quiet};
	struct lc_err err;
	int i = 0;

	if (!(b.rule = lc_rule_open(name, &err)))
		lc_die(&err);
	do {
		if (one_file(&b, n ? files[i] : "-", first_only, &err) < 0)
			lc_die(&err);
	} while (++i < n && !(first_only && b.alerts));
	lc_rule_close(b.rule);
	if (b.records == 0) {
		lc_fail(&err, LC_DATA,
			"no step record with a loss or a gradient norm (-m names them)");
		lc_die(&err);
	}
	return lc_finish(b.alerts ? LC_OK : LC_NO);
}
